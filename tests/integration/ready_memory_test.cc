// Memory that the daemon has ready before anybody asks for it: nobody's, and in nobody's way.
#include <algorithm>

#include "tests/integration/rogue_client.h"
#include "tests/integration/support.h"

namespace paella::integration {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kReadyBytes = 32 * kMiB;

class ReadyMemory : public DaemonTest {
 protected:
  // Full of what somebody might have left there.
  static constexpr std::uint64_t kGpuBytes = 96 * kMiB;
  void SetUp() override {
    StartDaemon({.environment = {{"PAELLA_SIMULATED_GPU_MEMORY_MIB", "96"},
                                 {"PAELLA_SIMULATED_GPU_NEW_MEMORY_BYTE", "165"}}});
  }

  testing::AssertionResult Becomes(std::uint64_t ready_bytes) {
    const auto holds = [&](const nlohmann::json& status) {
      return status["device"].is_object() && status["device"]["ready_memory_bytes"] == ready_bytes;
    };
    if (daemon_->WaitForStatus(holds)) return testing::AssertionSuccess();
    return testing::AssertionFailure() << daemon_->Status().dump(2);
  }

  static std::optional<std::uint64_t> Allocate(RogueClient& client, std::uint64_t size_bytes) {
    ipc::AllocateDevice allocate;
    allocate.size_bytes = size_bytes;
    const auto reply = client.Ask(allocate);
    return reply ? std::optional(reply->address) : std::nullopt;
  }
};

TEST_F(ReadyMemory, IsThereBeforeAnybodyAsks) { EXPECT_TRUE(Becomes(kReadyBytes)); }

TEST_F(ReadyMemory, IsNoTenantsUntilOneAsks) {
  ASSERT_TRUE(Becomes(kReadyBytes));
  RogueClient client(daemon_->socket(), Greeting("small"));
  ASSERT_TRUE(client.welcomed()) << client.refusal();
  EXPECT_EQ(test::TenantIn(daemon_->Status(), "small")["memory_bytes"], 0);
  ASSERT_TRUE(Allocate(client, kMiB));
  EXPECT_EQ(test::TenantIn(daemon_->Status(), "small")["memory_bytes"], kMiB);
  EXPECT_TRUE(Becomes(kReadyBytes));  // made again
}

TEST_F(ReadyMemory, GoesBackBeforeAnAllocationFails) {
  ASSERT_TRUE(Becomes(kReadyBytes));
  {
    RogueClient client(daemon_->socket());
    ASSERT_TRUE(client.welcomed()) << client.refusal();
    EXPECT_TRUE(Allocate(client, kGpuBytes));
    EXPECT_FALSE(Allocate(client, kMiB));
    EXPECT_TRUE(Becomes(0));
  }
  EXPECT_TRUE(TenantIsGone("rogue"));
  EXPECT_TRUE(Becomes(kReadyBytes));
}

TEST_F(ReadyMemory, HoldsNothingOfAnothers) {
  for (const char* tenant : {"first", "second", "third"}) {
    ASSERT_TRUE(Becomes(kReadyBytes));
    RogueClient client(daemon_->socket(), Greeting(tenant));
    ASSERT_TRUE(client.welcomed()) << client.refusal();
    const auto address = Allocate(client, kMiB);
    ASSERT_TRUE(address);
    ipc::CopyToStaging copy;
    copy.sequence = 1;
    copy.source = *address;
    copy.size_bytes = kMiB;
    client.Post(copy);
    ipc::Memset memset;  // for the next one to find
    memset.sequence = 2;
    memset.destination = *address;
    memset.value = 0x5a;
    memset.element_bytes = 1;
    memset.width_elements = kMiB;
    memset.height_rows = 1;
    client.Post(memset);
    ipc::FreeDevice free;  // waits for both
    free.address = *address;
    ASSERT_TRUE(client.Ask(free));
    const auto seen = client.channel().staging().first(kMiB);
    EXPECT_TRUE(std::ranges::all_of(seen, [](std::byte byte) { return byte == std::byte{0}; })) << tenant;
  }
}

class NoReadyMemory : public DaemonTest {
 protected:
  void SetUp() override { StartDaemon({.settings = "ready_memory_bytes = 0\n"}); }
};

TEST_F(NoReadyMemory, IfTheSettingSaysSo) {
  EXPECT_TRUE(ServesNormalClients());
  EXPECT_EQ(daemon_->Status()["device"]["ready_memory_bytes"], 0);
}

}  // namespace
}  // namespace paella::integration
