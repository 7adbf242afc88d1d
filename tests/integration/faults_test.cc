// The executor or paellad itself ends: every client learns it and ends, and what can serve on does.
#include <signal.h>

#include <cerrno>

#include "tests/integration/support.h"

namespace paella::integration {
namespace {

constexpr int kCudaError = 2;  // of the examples and of the neighbour

class Faults : public DaemonTest {
 protected:
  std::unique_ptr<test::ChildProcess> StartNeighbour(const std::string& tenant) {
    auto neighbour = StartClient(*daemon_, tenant, Scenario("neighbour"));
    EXPECT_TRUE(neighbour->WaitForOutput("ready")) << neighbour->errors();
    return neighbour;
  }

  // With an error that stays, in words for the user.
  static void ExpectStickyEnd(test::ChildProcess& client) {
    EXPECT_TRUE(EndsWith(client, kCudaError));
    EXPECT_NE(client.output().find("the error stays"), std::string::npos) << client.output();
    EXPECT_NE(client.errors().find("CUDA_ERROR_DEVICE_UNAVAILABLE"), std::string::npos) << client.errors();
  }

  testing::AssertionResult HasNewExecutor(pid_t old) {
    const auto holds = [&](const nlohmann::json& status) {
      const auto& pid = status["daemon"]["executor_pid"];
      return pid.is_number() && pid != old && !status["device"].is_null();
    };
    if (daemon_->WaitForStatus(holds)) return testing::AssertionSuccess();
    return testing::AssertionFailure() << daemon_->Status().dump(2);
  }
};

TEST_F(Faults, ExecutorIsKilled) {
  const auto one = StartNeighbour("one");
  const auto two = StartNeighbour("two");
  const pid_t daemon_pid = daemon_->Status()["daemon"]["pid"];
  const pid_t executor = daemon_->executor_pid();
  ASSERT_GT(executor, 0);
  kill(executor, SIGKILL);
  ExpectStickyEnd(*one);
  ExpectStickyEnd(*two);
  EXPECT_TRUE(HasNewExecutor(executor));
  EXPECT_EQ(daemon_->Status()["daemon"]["pid"], daemon_pid);
  EXPECT_EQ(daemon_->Status()["daemon"]["executor_restarts"], 1);
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Faults, ExecutorIsKilledAgainAndAgain) {
  constexpr int kTimes = 5;
  pid_t executor = daemon_->executor_pid();
  for (int i = 0; i < kTimes; ++i) {
    ASSERT_GT(executor, 0);
    kill(executor, SIGKILL);
    ASSERT_TRUE(HasNewExecutor(executor));
    // Reaped before its successor started: the two never shared the GPU.
    EXPECT_EQ(kill(executor, 0), -1);
    EXPECT_EQ(errno, ESRCH);
    executor = daemon_->executor_pid();
    ASSERT_TRUE(ServesNormalClients());
  }
}

// A program that comes while there is no executor waits for the next one.
TEST_F(Faults, ProgramsComeWhileTheExecutorIsAway) {
  kill(daemon_->executor_pid(), SIGKILL);
  ASSERT_TRUE(daemon_->WaitForLog("has ended"));  // one that comes before is a running client, and gets the error
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Faults, ClientThatWaitsInACallbackWhenTheExecutorIsKilled) {
  const auto client = StartClient(*daemon_, "waits", Scenario("stop_at", "in-callback"));
  ASSERT_TRUE(client->WaitForOutput("in-callback")) << client->errors();
  const pid_t executor = daemon_->executor_pid();
  kill(executor, SIGKILL);
  // Its main thread is in cuCtxSynchronize, which ends; its end does not wait for the host function that never returns.
  EXPECT_TRUE(EndsWith(*client, kCudaError));
  EXPECT_TRUE(HasNewExecutor(executor));
}

TEST_F(Faults, IllegalAddress) {
  const pid_t executor = daemon_->executor_pid();
  const auto client = StartClient(*daemon_, "culprit", Scenario("illegal_address"));
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(HasNewExecutor(executor));
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Faults, IllegalAddressBesideAnother) {
  const auto neighbour = StartNeighbour("neighbour");
  const auto client = StartClient(*daemon_, "culprit", Scenario("illegal_address"));
  EXPECT_TRUE(EndsWell(*client));
  // What the neighbour gets is an error, never a wrong value: that would be exit status 1.
  EXPECT_TRUE(EndsWith(*neighbour, kCudaError));
  EXPECT_TRUE(ServesNormalClients());
}

TEST(KilledDaemon, ItsClientsEndWithAnError) {
  test::DaemonProcess daemon;
  ASSERT_TRUE(daemon.WaitUntilServing()) << daemon.log();
  const auto client = StartClient(daemon, "someone", Scenario("neighbour"));
  const auto idle = StartClient(daemon, "idle", Scenario("stop_at", "in-callback"));
  ASSERT_TRUE(client->WaitForOutput("ready")) << client->errors();
  ASSERT_TRUE(idle->WaitForOutput("in-callback")) << idle->errors();
  const test::EndOfProcess executor(daemon.executor_pid());
  daemon.process().Signal(SIGKILL);
  EXPECT_TRUE(EndsWith(*client, kCudaError));
  EXPECT_NE(client->output().find("the error stays"), std::string::npos) << client->output();
  EXPECT_TRUE(EndsWith(*idle, kCudaError));
  EXPECT_TRUE(executor.Await()) << "the executor outlives paellad";
}

// What a daemon leaves behind that was killed is no obstacle to the next one.
TEST(KilledDaemon, ItsSuccessorTakesItsSocket) {
  test::DaemonProcess first;
  ASSERT_TRUE(first.WaitUntilServing()) << first.log();
  first.process().Signal(SIGKILL);
  ASSERT_TRUE(first.process().Wait());
  test::DaemonProcess second({.socket = first.socket()});
  ASSERT_TRUE(second.WaitUntilServing()) << second.log();
  test::ChildProcess client({PAELLA_TEST_VECTOR_ADD}, test::ClientEnvironment(first.socket(), "someone"));
  EXPECT_TRUE(EndsWell(client));
  EXPECT_EQ(second.Stop(), 0) << second.log();
}

}  // namespace
}  // namespace paella::integration
