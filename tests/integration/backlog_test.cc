// A program that submits without end what cannot run yet: the daemon keeps so much of it and no more, the program waits in
// its calls, and nobody else notices.
#include <signal.h>

#include "tests/integration/support.h"

namespace paella::integration {
namespace {

constexpr int kCudaError = 2;  // of the examples
constexpr int kKilled = 128 + SIGKILL;
constexpr std::uint64_t kMostThatWaits = 1 << 16;

// A client behind whose host function more commands stand than daemon and ring take together.
std::unique_ptr<test::ChildProcess> StartBacklog(const test::DaemonProcess& daemon) {
  auto client = StartClient(daemon, "backlog", Scenario("backlog"));
  EXPECT_TRUE(client->WaitForOutput("in-callback")) << client->errors();
  EXPECT_TRUE(daemon.WaitForStatus([](const nlohmann::json& status) {
    const nlohmann::json tenant = test::TenantIn(status, "backlog");
    return tenant.is_object() && tenant["waiting"] == kMostThatWaits;
  })) << daemon.Status().dump(2);
  return client;
}

class Backlog : public DaemonTest {};

// The end of the callback comes while the ring is full of what waits for it.
TEST_F(Backlog, WaitsInTheClientAndIsWorkedOff) {
  const auto client = StartBacklog(*daemon_);
  EXPECT_TRUE(ServesNormalClients());
  EXPECT_EQ(test::TenantIn(daemon_->Status(), "backlog")["waiting"], kMostThatWaits);
  EXPECT_EQ(client->output().find("posted"), std::string::npos) << client->output();
  client->WriteInput("go on\n");
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(TenantIsGone("backlog"));
}

TEST_F(Backlog, GoesWithItsClient) {
  const auto client = StartBacklog(*daemon_);
  client->Signal(SIGKILL);
  EXPECT_TRUE(EndsWith(*client, kKilled));
  EXPECT_TRUE(TenantIsGone("backlog"));
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Backlog, ItsClientEndsWithTheExecutor) {
  const auto client = StartBacklog(*daemon_);
  kill(daemon_->executor_pid(), SIGKILL);
  EXPECT_TRUE(EndsWith(*client, kCudaError));
  EXPECT_TRUE(ServesNormalClients());
}

TEST(BacklogOfAKilledDaemon, ItsClientEndsWithAnError) {
  test::DaemonProcess daemon;
  ASSERT_TRUE(daemon.WaitUntilServing()) << daemon.log();
  const auto client = StartBacklog(daemon);
  daemon.process().Signal(SIGKILL);
  EXPECT_TRUE(EndsWith(*client, kCudaError));
}

}  // namespace
}  // namespace paella::integration
