// Processes that share memory and events: of one tenant they can, of others they cannot, and none that ends leaves
// another one waiting or takes its memory along.
#include <signal.h>

#include "tests/integration/support.h"

namespace paella::integration {
namespace {

constexpr int kKilled = 128 + SIGKILL;

// A process of sharing_peer.h.
class Peer {
 public:
  Peer(const test::DaemonProcess& daemon, const std::string& tenant)
      : process_(StartClient(daemon, tenant, {PAELLA_TEST_SHARING, "peer"})) {
    EXPECT_TRUE(process_->WaitForOutput("0: ready\n")) << process_->errors();
  }

  // Its answer; empty if there is none.
  std::string Tell(const std::string& line) {
    const std::string before = "\n" + std::to_string(++lines_) + ": ";
    process_->WriteInput(line + "\n");
    if (!process_->WaitForOutput(before)) return "";
    // The rest of the line is written with its beginning.
    const std::string output = process_->output();
    const std::size_t start = output.find(before) + before.size();
    return output.substr(start, output.find('\n', start) - start);
  }

  void Kill() {
    process_->Signal(SIGKILL);
    EXPECT_TRUE(EndsWith(*process_, kKilled));
  }
  void End() {
    process_->WriteInput("end\n");
    EXPECT_TRUE(EndsWell(*process_));
  }

 private:
  std::unique_ptr<test::ChildProcess> process_;
  int lines_ = 0;
};

class Sharing : public DaemonTest {
 protected:
  std::uint64_t MemoryOf(const std::string& tenant) const {
    const nlohmann::json found = test::TenantIn(daemon_->Status(), tenant);
    return found.is_object() ? found["memory_bytes"].get<std::uint64_t>() : 0;
  }
  bool BecomesFree(const std::string& tenant) const {
    return daemon_->WaitForStatus([&](const nlohmann::json& status) {
      const nlohmann::json found = test::TenantIn(status, tenant);
      return found.is_null() || found["memory_bytes"] == 0;
    });
  }
};

TEST_F(Sharing, TwoProcessesOfOneTenant) {
  const auto pair = StartClient(*daemon_, "pair", {PAELLA_TEST_SHARING, "pair"});
  EXPECT_TRUE(EndsWell(*pair));
  EXPECT_TRUE(TenantIsGone("pair"));
}

TEST_F(Sharing, HandlesOfAnotherTenantAndForgedOnesAreRefused) {
  Peer owner(*daemon_, "ours"), stranger(*daemon_, "theirs");
  ASSERT_EQ(owner.Tell("allocate"), "ok");
  ASSERT_EQ(owner.Tell("event"), "ok");
  const std::string memory = owner.Tell("share"), event = owner.Tell("share_event");
  EXPECT_EQ(stranger.Tell("open " + memory), "CUDA_ERROR_INVALID_VALUE");
  EXPECT_EQ(stranger.Tell("open_event " + event), "CUDA_ERROR_MAP_FAILED");
  EXPECT_EQ(owner.Tell("open " + memory), "CUDA_ERROR_INVALID_CONTEXT") << "in the process that shares it";
  EXPECT_EQ(owner.Tell("open_event " + event), "CUDA_ERROR_INVALID_CONTEXT");
  std::string forged = memory;
  forged[0] = forged[0] == '0' ? '1' : '0';
  Peer user(*daemon_, "ours");
  EXPECT_EQ(user.Tell("open " + forged), "CUDA_ERROR_INVALID_VALUE");
  EXPECT_EQ(user.Tell("open " + event), "CUDA_ERROR_INVALID_VALUE") << "an event's handle";
  EXPECT_EQ(user.Tell("open_event " + memory), "CUDA_ERROR_MAP_FAILED") << "memory's handle";
  EXPECT_EQ(user.Tell("open " + memory), "ok");
  EXPECT_EQ(user.Tell("open_event " + event), "ok");
  for (Peer* const peer : {&owner, &stranger, &user}) peer->End();
}

TEST_F(Sharing, FreedMemoryStaysUntilItIsClosedAndItsHandleIsWorthNothing) {
  Peer owner(*daemon_, "ours"), user(*daemon_, "ours"), late(*daemon_, "ours");
  ASSERT_EQ(owner.Tell("allocate"), "ok");
  const std::string memory = owner.Tell("share");
  ASSERT_EQ(user.Tell("open " + memory), "ok");
  ASSERT_EQ(user.Tell("fill 7"), "ok");
  ASSERT_EQ(user.Tell("check 7 0"), "right");
  EXPECT_EQ(owner.Tell("free"), "ok");
  EXPECT_EQ(late.Tell("open " + memory), "CUDA_ERROR_INVALID_VALUE");
  // New memory is elsewhere.
  ASSERT_EQ(owner.Tell("allocate"), "ok");
  ASSERT_EQ(owner.Tell("fill 9"), "ok");
  EXPECT_EQ(owner.Tell("check 9 0"), "right");
  EXPECT_EQ(user.Tell("check 7 0"), "right");
  EXPECT_EQ(owner.Tell("free"), "ok");
  EXPECT_NE(MemoryOf("ours"), 0u);
  EXPECT_EQ(user.Tell("close"), "ok");
  EXPECT_TRUE(BecomesFree("ours")) << daemon_->Status().dump(2);
  EXPECT_EQ(user.Tell("close"), "CUDA_ERROR_INVALID_VALUE");
  for (Peer* const peer : {&owner, &user, &late}) peer->End();
}

TEST_F(Sharing, AKilledOwnerTakesNothingFromTheOthers) {
  Peer owner(*daemon_, "ours"), user(*daemon_, "ours");
  ASSERT_EQ(owner.Tell("allocate"), "ok");
  ASSERT_EQ(owner.Tell("event"), "ok");
  const std::string memory = owner.Tell("share"), event = owner.Tell("share_event");
  ASSERT_EQ(user.Tell("open " + memory), "ok");
  ASSERT_EQ(user.Tell("open_event " + event), "ok");
  ASSERT_EQ(owner.Tell("fill 3"), "ok");
  ASSERT_EQ(owner.Tell("check 3 0"), "right");
  // The record never comes: who waits for it goes on when the owner has ended.
  ASSERT_EQ(owner.Tell("stall"), "ok");
  ASSERT_EQ(owner.Tell("record"), "ok");
  ASSERT_EQ(user.Tell("await"), "ok");
  ASSERT_EQ(user.Tell("mix 2"), "ok");
  EXPECT_EQ(user.Tell("query"), "CUDA_ERROR_NOT_READY");
  EXPECT_EQ(user.Tell("query_stream"), "CUDA_ERROR_NOT_READY");
  owner.Kill();
  EXPECT_EQ(user.Tell("synchronize"), "ok");
  EXPECT_EQ(user.Tell("check 3 2"), "right");
  Peer late(*daemon_, "ours");
  EXPECT_EQ(late.Tell("open " + memory), "CUDA_ERROR_INVALID_VALUE");
  EXPECT_EQ(late.Tell("open_event " + event), "CUDA_ERROR_MAP_FAILED");
  EXPECT_EQ(user.Tell("close"), "ok");
  EXPECT_TRUE(BecomesFree("ours")) << daemon_->Status().dump(2);
  user.End();
  late.End();
}

TEST_F(Sharing, AKilledUserTakesNothingFromTheOwner) {
  Peer owner(*daemon_, "ours"), user(*daemon_, "ours");
  ASSERT_EQ(owner.Tell("allocate"), "ok");
  ASSERT_EQ(owner.Tell("event"), "ok");
  ASSERT_EQ(user.Tell("open " + owner.Tell("share")), "ok");
  ASSERT_EQ(user.Tell("open_event " + owner.Tell("share_event")), "ok");
  ASSERT_EQ(user.Tell("fill 5"), "ok");
  ASSERT_EQ(user.Tell("check 5 0"), "right");
  ASSERT_EQ(user.Tell("stall"), "ok");
  ASSERT_EQ(user.Tell("record"), "ok");
  ASSERT_EQ(owner.Tell("await"), "ok");
  ASSERT_EQ(owner.Tell("mix 1"), "ok");
  EXPECT_EQ(owner.Tell("query_stream"), "CUDA_ERROR_NOT_READY");
  user.Kill();
  EXPECT_EQ(owner.Tell("check 5 1"), "right");
  EXPECT_NE(MemoryOf("ours"), 0u);
  EXPECT_EQ(owner.Tell("free"), "ok");
  EXPECT_TRUE(BecomesFree("ours")) << daemon_->Status().dump(2);
  owner.End();
}

TEST_F(Sharing, AStoppedOwnerHoldsNobodyButWhoWaitsForIt) {
  Peer owner(*daemon_, "ours"), user(*daemon_, "ours");
  ASSERT_EQ(owner.Tell("event"), "ok");
  ASSERT_EQ(user.Tell("open_event " + owner.Tell("share_event")), "ok");
  ASSERT_EQ(owner.Tell("stall"), "ok");
  ASSERT_EQ(owner.Tell("record"), "ok");
  ASSERT_EQ(user.Tell("await"), "ok");
  EXPECT_TRUE(ServesNormalClients());
  ASSERT_EQ(user.Tell("allocate"), "ok");
  user.Kill();
  EXPECT_TRUE(ServesNormalClients());
  owner.Kill();
  EXPECT_TRUE(TenantIsGone("ours"));
}

class ValuesInMemory : public DaemonTest {};

TEST_F(ValuesInMemory, AreWaitedForInSoftware) {
  for (const char* role : {"values", "many_waits"}) {
    const auto client = StartClient(*daemon_, role, {PAELLA_TEST_SHARING, role});
    EXPECT_TRUE(EndsWell(*client));
    EXPECT_TRUE(TenantIsGone(role));
  }
}

TEST_F(ValuesInMemory, AreNativelyTheSame) {
  test::ChildProcess native({PAELLA_TEST_SHARING, "values"}, test::NativeEnvironment());
  EXPECT_TRUE(EndsWell(native));
}

TEST_F(ValuesInMemory, OthersGoOnWhileAStreamWaits) {
  Peer waits(*daemon_, "waits");
  ASSERT_EQ(waits.Tell("stall"), "ok");
  EXPECT_TRUE(ServesNormalClients());
  waits.Kill();
  EXPECT_TRUE(TenantIsGone("waits"));
}

}  // namespace
}  // namespace paella::integration
