// Clients that are killed or stopped in the middle of what they do: nobody else notices, all that they had comes back.
#include <signal.h>

#include "tests/integration/support.h"

namespace paella::integration {
namespace {

constexpr int kKilled = 128 + SIGKILL;

class KilledClient : public DaemonTest, public testing::WithParamInterface<const char*> {};

TEST_P(KilledClient, LeavesNothingBehind) {
  const auto neighbour = StartClient(*daemon_, "neighbour", Scenario("neighbour"));
  const auto client = StartClient(*daemon_, "killed", Scenario("stop_at", GetParam()));
  ASSERT_TRUE(neighbour->WaitForOutput("ready")) << neighbour->errors();
  ASSERT_TRUE(client->WaitForOutput(GetParam())) << client->errors();
  client->Signal(SIGKILL);
  EXPECT_TRUE(EndsWith(*client, kKilled));
  EXPECT_TRUE(TenantIsGone("killed"));
  neighbour->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*neighbour));
  EXPECT_TRUE(ServesNormalClients());
}

INSTANTIATE_TEST_SUITE_P(At, KilledClient,
                         testing::Values("after-init", "after-load", "after-allocation", "after-pinned",
                                         "kernel-in-flight", "copies-in-flight", "streams-wait", "free-in-order",
                                         "in-callback", "after-work"),
                         [](const auto& point) {
                           std::string name = point.param;
                           std::erase(name, '-');
                           return name;
                         });

class MidFlight : public DaemonTest {
 protected:
  // One client holds 64 MiB and pinned memory: two of them fit, three do not.
  void SetUp() override { StartDaemon({.environment = {{"PAELLA_SIMULATED_GPU_MEMORY_MIB", "192"}}}); }

  static constexpr std::uint64_t kHeldBytes = 64 << 20;
};

TEST_F(MidFlight, KilledClientsReturnTheirMemory) {
  const auto neighbour = StartClient(*daemon_, "neighbour", Scenario("neighbour"));
  ASSERT_TRUE(neighbour->WaitForOutput("ready")) << neighbour->errors();
  constexpr int kTimes = 5;  // the GPU has not so much memory at once
  for (int i = 0; i < kTimes; ++i) {
    const auto client = StartClient(*daemon_, "killed", Scenario("hold"));
    ASSERT_TRUE(client->WaitForOutput("ready")) << client->errors();
    const nlohmann::json tenant = test::TenantIn(daemon_->Status(), "killed");
    ASSERT_TRUE(tenant.is_object());
    EXPECT_GE(tenant["memory_bytes"], kHeldBytes);
    client->Signal(SIGKILL);
    EXPECT_TRUE(EndsWith(*client, kKilled));
    ASSERT_TRUE(TenantIsGone("killed"));
  }
  neighbour->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*neighbour));
}

// Of one tenant the killed client's share comes back, and the other keeps its own.
TEST_F(MidFlight, TheOtherClientOfItsTenantKeepsItsMemory) {
  const auto neighbour = StartClient(*daemon_, "shared", Scenario("neighbour"));
  ASSERT_TRUE(neighbour->WaitForOutput("ready")) << neighbour->errors();
  const std::uint64_t before = test::TenantIn(daemon_->Status(), "shared")["memory_bytes"];
  const auto client = StartClient(*daemon_, "shared", Scenario("hold"));
  ASSERT_TRUE(client->WaitForOutput("ready")) << client->errors();
  client->Signal(SIGKILL);
  EXPECT_TRUE(daemon_->WaitForStatus([&](const nlohmann::json& status) {
    const nlohmann::json tenant = test::TenantIn(status, "shared");
    return tenant["clients"] == 1 && tenant["memory_bytes"] == before;
  })) << daemon_->Status().dump(2);
  neighbour->WriteInput("end\n");
  EXPECT_TRUE(EndsWell(*neighbour));
}

TEST_F(MidFlight, AStoppedClientCostsOthersNothing) {
  const auto stopped = StartClient(*daemon_, "stopped", Scenario("hold"));
  ASSERT_TRUE(stopped->WaitForOutput("ready")) << stopped->errors();
  stopped->Signal(SIGSTOP);
  const auto client = StartClient(*daemon_, "digits", {PAELLA_TEST_DIGITS});
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_TRUE(ServesNormalClients());
  stopped->Signal(SIGCONT);
  stopped->Signal(SIGKILL);
  EXPECT_TRUE(EndsWith(*stopped, kKilled));
  EXPECT_TRUE(TenantIsGone("stopped"));
}

TEST_F(MidFlight, AClientStoppedInACallbackHoldsNobody) {
  const auto stopped = StartClient(*daemon_, "stopped", Scenario("stop_at", "in-callback"));
  ASSERT_TRUE(stopped->WaitForOutput("in-callback")) << stopped->errors();
  stopped->Signal(SIGSTOP);
  EXPECT_TRUE(ServesNormalClients());
  stopped->Signal(SIGKILL);
  EXPECT_TRUE(EndsWith(*stopped, kKilled));
  EXPECT_TRUE(TenantIsGone("stopped"));
}

}  // namespace
}  // namespace paella::integration
