// Tenants whose kernels run on a part of the SMs.
#include <string>

#include "tests/integration/support.h"

namespace paella::integration {
namespace {

class SmShares : public DaemonTest {
 protected:
  // Eight SMs, each full with two blocks of the program; a share is of pairs of them.
  void SetUp() override { StartDaemon({.settings = "[tenants.pat]\nsm_share = 25\n"}); }

  std::unique_ptr<test::ChildProcess> Start(const std::string& tenant, const std::string& times) {
    auto client = StartClient(*daemon_, tenant, Scenario("sm_shares", times));
    EXPECT_TRUE(client->WaitForOutput("ready")) << client->errors();
    return client;
  }

  testing::AssertionResult Has(const std::string& tenant, unsigned multiprocessors) {
    const auto holds = [&](const nlohmann::json& status) {
      const nlohmann::json found = test::TenantIn(status, tenant);
      return !found.is_null() && found["multiprocessors"] == multiprocessors;
    };
    if (daemon_->WaitForStatus(holds)) return testing::AssertionSuccess();
    return testing::AssertionFailure() << daemon_->Status().dump(2);
  }

  test::ControlAnswer Set(const std::string& text) { return daemon_->Ask("tenant", text); }
};

TEST_F(SmShares, KernelsRunThereAndCooperativeGridsEverywhere) {
  const auto pat = Start("pat", "1");
  const auto other = Start("other", "1");
  ASSERT_TRUE(Has("pat", 2));
  ASSERT_TRUE(Has("other", 0));
  for (const auto& client : {pat.get(), other.get()}) {  // one after the other: each finds all SMs idle
    client->WriteInput("\n");
    EXPECT_TRUE(EndsWell(*client));
  }
  EXPECT_NE(pat->output().find("run 1: 2 SMs, 8"), std::string::npos) << pat->output();
  EXPECT_NE(other->output().find("run 1: 8 SMs, 8"), std::string::npos) << other->output();
}

TEST_F(SmShares, AShareChangesWhileTheProgramRuns) {
  const auto pat = Start("pat", "3");
  ASSERT_TRUE(Has("pat", 2));
  pat->WriteInput("\n");
  ASSERT_TRUE(pat->WaitForOutput("run 1: 2 SMs, 8")) << pat->output();
  ASSERT_FALSE(Set("pat sm_share=75").failed);
  ASSERT_TRUE(Has("pat", 6));
  pat->WriteInput("\n");
  ASSERT_TRUE(pat->WaitForOutput("run 2: 6 SMs, 8")) << pat->output();
  ASSERT_FALSE(Set("pat sm_share=0").failed);
  ASSERT_TRUE(Has("pat", 0));
  pat->WriteInput("\n");
  ASSERT_TRUE(pat->WaitForOutput("run 3: 8 SMs, 8")) << pat->output();
  EXPECT_TRUE(EndsWell(*pat));
}

TEST_F(SmShares, ComeBackWhenTheTenantLeaves) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(Set("pat sm_share=100").failed);
    ASSERT_FALSE(Set("pat sm_share=90").failed);
    const auto pat = Start("pat", "1");
    ASSERT_TRUE(Has("pat", 6));
    pat->WriteInput("\n");
    EXPECT_TRUE(EndsWell(*pat));
    ASSERT_TRUE(TenantIsGone("pat"));
  }
}

TEST_F(SmShares, NonsenseIsRefusedAndTheOldShareStays) {
  const auto refused = [&](const std::string& setting, const std::string& reason) {
    const auto answer = Set(setting);
    EXPECT_TRUE(answer.failed) << setting;
    EXPECT_NE(answer.text.find(reason), std::string::npos) << answer.text;
  };
  const auto pat = Start("pat", "1");
  refused("pat sm_share=101", "sm_share: expected a number from 0 to 100, got '101'");
  refused("pat sm_share=-1", "sm_share: expected a number from 0 to 100");
  refused("sue sm_share=76", "sm_share: the shares of all tenants together would be more than 100 %");
  EXPECT_FALSE(Set("sue sm_share=75").failed);
  refused("pat sm_share=26", "more than 100 %");
  ASSERT_TRUE(Has("pat", 2));
  pat->WriteInput("\n");
  EXPECT_TRUE(EndsWell(*pat));
  EXPECT_NE(pat->output().find("run 1: 2 SMs"), std::string::npos) << pat->output();
}

// Two tenants of one pattern, each of which asks for more than half.
TEST_F(SmShares, WhereTooFewAreLeftTheTenantRunsOnAll) {
  ASSERT_FALSE(Set("sue* sm_share=75").failed);
  const auto first = Start("sue1", "1");
  ASSERT_TRUE(Has("sue1", 6));
  const auto second = Start("sue2", "1");
  ASSERT_TRUE(daemon_->WaitForLog("no share of 75 % of the SMs for tenant sue2: the shares of others leave too few SMs"));
  for (const auto& client : {first.get(), second.get()}) {
    client->WriteInput("\n");
    EXPECT_TRUE(EndsWell(*client));
  }
  EXPECT_NE(second->output().find("run 1: 8 SMs, 8"), std::string::npos) << second->output();
}

}  // namespace
}  // namespace paella::integration
