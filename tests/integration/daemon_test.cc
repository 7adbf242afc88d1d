// The daemon as its users and operators meet it: absent, refusing, stopped, asked to change its policy while it works.
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <string>

#include "ipc/control_socket.h"
#include "tests/integration/support.h"

namespace paella::integration {
namespace {

constexpr int kCudaError = 2;  // of the examples

// cuInit failed, and one line says why.
testing::AssertionResult IsRefused(test::ChildProcess& client, const std::string& reason) {
  if (const auto ended = EndsWith(client, kCudaError); !ended) return ended;
  const std::string errors = client.errors();
  const bool is_told = errors.find("CUDA_ERROR_NO_DEVICE") != std::string::npos &&
                       errors.find("cannot use the daemon at ") != std::string::npos &&
                       errors.find(reason) != std::string::npos;
  return (is_told ? testing::AssertionSuccess() : testing::AssertionFailure()) << errors;
}

test::ChildProcess VectorAddAt(const std::string& socket) {
  return {{PAELLA_TEST_VECTOR_ADD}, test::ClientEnvironment(socket, "someone")};
}

TEST(NoDaemon, NoSocket) {
  const test::ScratchFolder folder;
  test::ChildProcess client({PAELLA_TEST_VECTOR_ADD}, test::ClientEnvironment(folder.path() + "/gpu.sock", "someone"));
  EXPECT_TRUE(IsRefused(client, "No such file or directory"));
}

TEST(NoDaemon, ASocketThatNobodyListensAt) {
  test::DaemonProcess daemon;
  ASSERT_TRUE(daemon.WaitUntilServing()) << daemon.log();
  daemon.process().Signal(SIGKILL);
  ASSERT_TRUE(daemon.process().Wait());
  ASSERT_TRUE(std::filesystem::exists(daemon.socket()));
  test::ChildProcess client = VectorAddAt(daemon.socket());
  EXPECT_TRUE(IsRefused(client, "Connection refused"));
}

TEST(NoDaemon, NoRightToConnect) {
  test::DaemonProcess daemon;
  ASSERT_TRUE(daemon.WaitUntilServing()) << daemon.log();
  chmod(daemon.socket().c_str(), 0);
  test::ChildProcess client(Scenario("as_nobody"), test::ClientEnvironment(daemon.socket(), "someone"));
  EXPECT_TRUE(IsRefused(client, "Permission denied"));
  EXPECT_EQ(daemon.Stop(), 0) << daemon.log();
}

// It listens, and its listen queue takes the connection, but nobody answers.
TEST(NoDaemon, ADaemonThatIsStopped) {
  test::DaemonProcess daemon;
  ASSERT_TRUE(daemon.WaitUntilServing()) << daemon.log();
  daemon.process().Signal(SIGSTOP);
  test::ChildProcess client = VectorAddAt(daemon.socket());
  EXPECT_TRUE(IsRefused(client, "it does not answer"));
  daemon.process().Signal(SIGCONT);
  test::ChildProcess later = VectorAddAt(daemon.socket());
  EXPECT_TRUE(EndsWell(later));
  EXPECT_EQ(daemon.Stop(), 0) << daemon.log();
}

// A program that asks for a GPU by its identity must not run on another one.
TEST(NoDaemon, ADaemonOfAnotherGpuThanTheOneNamed) {
  test::DaemonProcess daemon;
  ASSERT_TRUE(daemon.WaitUntilServing()) << daemon.log();
  auto environment = test::ClientEnvironment(daemon.socket(), "someone");
  environment["CUDA_VISIBLE_DEVICES"] = "GPU-deadbeef,GPU-0";
  test::ChildProcess client({PAELLA_TEST_VECTOR_ADD}, environment);
  EXPECT_TRUE(IsRefused(client, "CUDA_VISIBLE_DEVICES asks for GPU-deadbeef"));
  EXPECT_EQ(daemon.Stop(), 0) << daemon.log();
}

// A peer that speaks another version: what an older or newer paellad answers.
TEST(NoDaemon, ADaemonOfAnotherVersion) {
  const test::ScratchFolder folder;
  const std::string path = folder.path() + "/gpu.sock";
  std::string error;
  const ipc::Fd listener = ipc::ListenAt(path, 0600, error);
  ASSERT_TRUE(listener.valid()) << error;
  test::ChildProcess client({PAELLA_TEST_VECTOR_ADD}, test::ClientEnvironment(path, "someone"));
  ipc::ControlSocket socket{ipc::Fd(accept(listener.get(), nullptr, nullptr))};
  ipc::Packet packet;
  ASSERT_EQ(socket.Receive(packet, test::kPatience), ipc::ReceiveStatus::kPacket);
  ASSERT_TRUE(packet.As<ipc::Hello>());
  ipc::Welcome welcome;
  welcome.version = packet.As<ipc::Hello>()->version + 1;
  ASSERT_TRUE(socket.Send(welcome));
  EXPECT_TRUE(IsRefused(client, "it speaks another version of the protocol"));
}

TEST(NoDaemon, ThatHasNoDriver) {
  test::DaemonProcess daemon({.driver = "/nonexistent/libcuda.so.1"});
  EXPECT_TRUE(EndsWith(daemon.process(), 1));
  EXPECT_NE(daemon.log().find("no CUDA driver"), std::string::npos) << daemon.log();
}

class DaemonLife : public DaemonTest {};

TEST_F(DaemonLife, OneDaemonForEachSocket) {
  test::DaemonProcess second({.socket = daemon_->socket()});
  EXPECT_TRUE(EndsWith(second.process(), 1));
  EXPECT_NE(second.log().find(daemon_->socket()), std::string::npos) << second.log();
  EXPECT_TRUE(ServesNormalClients());
}

// Its descriptors are those that it has now, and no others for a moment.
class QuietDaemon : public DaemonTest {
 protected:
  void SetUp() override { StartDaemon({.settings = "ready_memory_bytes = 0\n"}); }
};

// The limit of descriptors below which `count` numbers are not in use: a descriptor takes the lowest free number.
rlim_t LimitWithFree(pid_t pid, int count) {
  std::set<rlim_t> in_use;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
    in_use.insert(std::stoul(entry.path().filename()));
  }
  rlim_t limit = 0;
  for (int free = 0; free < count; ++limit) free += in_use.contains(limit) ? 0 : 1;
  return limit;
}

TEST_F(QuietDaemon, NoMemoryForAChannel) {
  // One descriptor for the connection, and two of the three that a channel takes. Those two are free again when the
  // refusal is logged: the undefined-behaviour sanitizer needs a pipe to look at an object's type, and takes a sound object
  // for none where it gets no pipe.
  rlimit before{};
  ASSERT_EQ(prlimit(daemon_->process().pid(), RLIMIT_NOFILE, nullptr, &before), 0);
  const rlimit limit{LimitWithFree(daemon_->process().pid(), 3), before.rlim_max};
  ASSERT_EQ(prlimit(daemon_->process().pid(), RLIMIT_NOFILE, &limit, nullptr), 0);
  const auto client = StartClient(*daemon_, "someone", {PAELLA_TEST_VECTOR_ADD});
  EXPECT_TRUE(IsRefused(*client, "no memory for a channel"));
  ASSERT_EQ(prlimit(daemon_->process().pid(), RLIMIT_NOFILE, &before, nullptr), 0);
  EXPECT_TRUE(ServesNormalClients());
}

class OneClient : public DaemonTest {
 protected:
  void SetUp() override { StartDaemon({.settings = "max_clients = 1\n"}); }
};

TEST_F(OneClient, ATimeIsAllThatMayConnect) {
  const auto first = StartClient(*daemon_, "first", Scenario("neighbour"));
  ASSERT_TRUE(first->WaitForOutput("ready")) << first->errors();
  const auto second = StartClient(*daemon_, "second", {PAELLA_TEST_VECTOR_ADD});
  EXPECT_TRUE(IsRefused(*second, "programs are connected"));
  first->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*first));
  ASSERT_TRUE(TenantIsGone("first"));
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(DaemonLife, PolicyChangesLoseNoCommand) {
  std::vector<std::unique_ptr<test::ChildProcess>> clients;
  for (const char* tenant : {"one", "two", "three"}) {
    clients.push_back(StartClient(*daemon_, tenant, Scenario("neighbour")));
  }
  for (const auto& client : clients) ASSERT_TRUE(client->WaitForOutput("ready")) << client->errors();
  EXPECT_EQ(daemon_->Ask("policy").text, "fifo");
  constexpr int kTimes = 100;
  for (int i = 0; i < kTimes; ++i) {
    const std::string policy = i % 2 == 0 ? "round-robin" : "fifo";
    const auto answer = daemon_->Ask("policy", policy);
    ASSERT_FALSE(answer.failed) << answer.text;
    ASSERT_EQ(daemon_->Ask("policy").text, policy);
  }
  const auto wrong = daemon_->Ask("policy", "best");
  EXPECT_TRUE(wrong.failed);
  EXPECT_NE(wrong.text.find("there is no policy 'best'"), std::string::npos) << wrong.text;
  EXPECT_EQ(daemon_->Ask("policy").text, "fifo");
  for (const auto& client : clients) client->WriteInput("end\n");
  for (const auto& client : clients) EXPECT_TRUE(EndsWell(*client));
}

TEST_F(DaemonLife, PaellactlTellsAndChanges) {
  const auto run = [&](Words words) {
    words.insert(words.begin(), PAELLA_TEST_CTL);
    test::ChildProcess ctl(words, {{"PAELLA_SOCKET", daemon_->socket()}, {"CUDA_VISIBLE_DEVICES", "0"}});
    EXPECT_TRUE(EndsWell(ctl));
    return ctl.output();
  };
  EXPECT_NE(run({"status"}).find("fifo"), std::string::npos);
  run({"policy", "set", "round-robin"});
  EXPECT_NE(run({"policy", "get"}).find("round-robin"), std::string::npos);
}

// What a client has asked for is done before the daemon ends.
TEST_F(DaemonLife, StoppingFinishesWhatIsThere) {
  const auto client = StartClient(*daemon_, "someone", Scenario("stop_at", "kernel-in-flight"));
  ASSERT_TRUE(client->WaitForOutput("kernel-in-flight")) << client->errors();
  StopDaemon();
  EXPECT_EQ(daemon_->log().find("work left undone"), std::string::npos) << daemon_->log();
  EXPECT_FALSE(std::filesystem::exists(daemon_->socket()));
  daemon_.reset();
}

// A client that never stops asking is not waited for longer than was said.
TEST(StoppedDaemon, DrainsForABoundedTime) {
  test::DaemonProcess daemon({.arguments = {"--drain-seconds", "1"}});
  ASSERT_TRUE(daemon.WaitUntilServing()) << daemon.log();
  const auto client = StartClient(daemon, "someone", Scenario("hold"));
  const auto waits = StartClient(daemon, "waits", Scenario("stop_at", "in-callback"));
  ASSERT_TRUE(client->WaitForOutput("ready")) << client->errors();
  ASSERT_TRUE(waits->WaitForOutput("in-callback")) << waits->errors();
  const test::EndOfProcess executor(daemon.executor_pid());
  EXPECT_EQ(daemon.Stop(), 0) << daemon.log();
  EXPECT_NE(daemon.log().find("work left undone"), std::string::npos) << daemon.log();
  EXPECT_TRUE(EndsWith(*client, kCudaError));
  EXPECT_TRUE(EndsWith(*waits, kCudaError));
  EXPECT_TRUE(executor.Await());
}

TEST(StoppedDaemon, ASecondSignalCutsItShort) {
  test::DaemonProcess daemon({.arguments = {"--drain-seconds", "600"}});
  ASSERT_TRUE(daemon.WaitUntilServing()) << daemon.log();
  const auto client = StartClient(daemon, "waits", Scenario("stop_at", "in-callback"));
  ASSERT_TRUE(client->WaitForOutput("in-callback")) << client->errors();
  daemon.process().Signal(SIGTERM);
  ASSERT_TRUE(daemon.WaitForLog("stopping:")) << daemon.log();
  daemon.process().Signal(SIGTERM);
  EXPECT_TRUE(EndsWith(daemon.process(), 0));
  EXPECT_TRUE(EndsWith(*client, kCudaError));
}

TEST(StoppedDaemon, TakesNoNewPrograms) {
  test::DaemonProcess daemon({.arguments = {"--drain-seconds", "600"}});
  ASSERT_TRUE(daemon.WaitUntilServing()) << daemon.log();
  const auto client = StartClient(daemon, "waits", Scenario("stop_at", "in-callback"));
  ASSERT_TRUE(client->WaitForOutput("in-callback")) << client->errors();
  daemon.process().Signal(SIGTERM);
  ASSERT_TRUE(daemon.WaitForLog("stopping:")) << daemon.log();
  test::ChildProcess late = VectorAddAt(daemon.socket());
  EXPECT_TRUE(IsRefused(late, ""));
  client->Signal(SIGKILL);  // with it goes what was waited for
  EXPECT_TRUE(EndsWith(daemon.process(), 0));
}

}  // namespace
}  // namespace paella::integration
