// Whose blocks the GPU places first: those of the more urgent class, whatever the policy's order was.
#include <string>

#include "tests/integration/support.h"

namespace paella::integration {
namespace {

// A GPU with room for one block of the turnstile, or for one kernel of a racer.
class StreamPriorities : public DaemonTest {
 protected:
  void SetUp() override {}
  void Start(const std::string& settings) {
    StartDaemon({.environment = {{"PAELLA_SIMULATED_GPU_SMS", "1"}, {"PAELLA_SIMULATED_GPU_THREADS_PER_SM", "1024"}},
                 .settings = settings});
  }

  void Tell(const std::string& tenant) {
    const auto answer = daemon_->Ask("tenant", tenant);
    ASSERT_FALSE(answer.failed) << answer.text;
  }

  // A kernel of the racer is on the GPU, behind the blocks of the turnstile's that have no room yet.
  void StartBoth() {
    racer_ = StartClient(*daemon_, "racer", Words{PAELLA_TEST_CLIENT, "racer", "1", "20"});
    ASSERT_TRUE(racer_->WaitForOutput("ready")) << racer_->errors();
    turnstile_ = StartClient(*daemon_, "turnstile", Scenario("turnstile"));
    ASSERT_TRUE(turnstile_->WaitForOutput("ready")) << turnstile_->errors();
    racer_->WriteInput("post\nbegin\n");
    for (const char* tenant : {"turnstile", "racer"}) {
      ASSERT_TRUE(daemon_->WaitForStatus([&](const nlohmann::json& status) {
        const nlohmann::json found = test::TenantIn(status, tenant);
        return !found.is_null() && found["in_flight"] > 0 && found["waiting"] == 0;
      })) << daemon_->Status();
    }
  }

  void LetAllPass() {
    turnstile_->WriteInput("next\nnext\nnext\n");
    EXPECT_TRUE(EndsWell(*turnstile_));
  }

  std::unique_ptr<test::ChildProcess> racer_, turnstile_;
};

TEST_F(StreamPriorities, ALatencyKernelPassesBlocksThatWait) {
  Start("[tenants.racer]\nclass = 'latency'\n[tenants.turnstile]\nclass = 'best-effort'\n");
  StartBoth();
  turnstile_->WriteInput("next\n");  // one of its three blocks ends
  EXPECT_TRUE(EndsWell(*racer_));
  turnstile_->WriteInput("next\nnext\n");
  EXPECT_TRUE(EndsWell(*turnstile_));
}

TEST_F(StreamPriorities, AClassThatChangesCountsFromThenOn) {
  Start("[tenants.racer]\nclass = 'best-effort'\n");
  const auto before = StartClient(*daemon_, "racer", Words{PAELLA_TEST_CLIENT, "racer", "1", "20"});
  ASSERT_TRUE(before->WaitForOutput("ready")) << before->errors();
  Tell("racer class=latency");
  StartBoth();
  turnstile_->WriteInput("next\n");
  EXPECT_TRUE(EndsWell(*racer_));
  turnstile_->WriteInput("next\nnext\n");
  EXPECT_TRUE(EndsWell(*turnstile_));
  before->WriteInput("post\nbegin\n");
  EXPECT_TRUE(EndsWell(*before));
}

TEST_F(StreamPriorities, WithoutThemAllGetDone) {
  Start("stream_priorities = false\n[tenants.racer]\nclass = 'latency'\n");
  StartBoth();
  LetAllPass();
  EXPECT_TRUE(EndsWell(*racer_));
}

}  // namespace
}  // namespace paella::integration
