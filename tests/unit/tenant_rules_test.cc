#include "scheduler_daemon/paellad/tenant_rules.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace paella::scheduler_daemon {
namespace {

class TenantRulesTest : public testing::Test {
 protected:
  void Assign(const std::string& pattern, const std::vector<std::string>& assignments) {
    std::string error;
    EXPECT_TRUE(rules_.Assign(pattern, assignments, error)) << error;
  }

  TenantRules rules_;
};

TEST_F(TenantRulesTest, WithoutARuleTheProgramsClaimHolds) {
  const TenantInfo info = rules_.Resolve("alice", TenantClass::kBestEffort);
  EXPECT_EQ(info.tenant_class, TenantClass::kBestEffort);
  EXPECT_EQ(info.weight, 1);
  EXPECT_EQ(info.deadline_ns, kNever);
}

TEST_F(TenantRulesTest, AClaimIsNoMoreUrgentThanAllowedAndARuleComesBeforeIt) {
  rules_.most_urgent_claim = TenantClass::kNormal;
  Assign("trusted", {"class=latency"});
  EXPECT_EQ(rules_.Resolve("alice", TenantClass::kLatency).tenant_class, TenantClass::kNormal);
  EXPECT_EQ(rules_.Resolve("alice", TenantClass::kBestEffort).tenant_class, TenantClass::kBestEffort);
  EXPECT_EQ(rules_.Resolve("trusted", TenantClass::kBestEffort).tenant_class, TenantClass::kLatency);
}

TEST_F(TenantRulesTest, TheNameComesBeforePatternsAndTheLongestOfThoseFirst) {
  Assign("*", {"weight=2"});
  Assign("alice/*", {"weight=3"});
  Assign("alice/train", {"weight=4"});
  EXPECT_EQ(rules_.Find("bob").weight, 2);
  EXPECT_EQ(rules_.Find("alice/serve.17").weight, 3);
  EXPECT_EQ(rules_.Find("alice/train").weight, 4);
}

TEST_F(TenantRulesTest, AnAssignmentChangesWhatItNamesAndNothingElse) {
  Assign("alice", {"weight=2", "deadline_ms=5"});
  Assign("alice", {"weight=3"});
  EXPECT_EQ(rules_.Find("alice").weight, 3);
  EXPECT_EQ(rules_.Find("alice").deadline_ns, 5'000'000u);
  std::string error;
  const std::vector<std::string> half_good{"weight=9", "deadline_ms=x"};
  EXPECT_FALSE(rules_.Assign("alice", half_good, error));
  EXPECT_EQ(rules_.Find("alice").weight, 3);
}

TEST_F(TenantRulesTest, SharesMakeAtMostAllTogether) {
  Assign("alice", {"sm_share=60"});
  Assign("bob*", {"sm_share=40"});
  std::string error;
  EXPECT_FALSE(rules_.Assign("carol", std::vector<std::string>{"sm_share=1"}, error));
  EXPECT_NE(error.find("more than 100 %"), std::string::npos) << error;
  EXPECT_FALSE(rules_.Assign("alice", std::vector<std::string>{"weight=2", "sm_share=61"}, error));
  EXPECT_EQ(rules_.Find("alice").sm_share_percent, 60);
  EXPECT_EQ(rules_.Find("alice").weight, 1);
  Assign("alice", {"sm_share=10"});
  Assign("carol", {"sm_share=50"});
  Assign("dora", {"weight=3", "sm_share=0"});
  EXPECT_EQ(rules_.Resolve("bobby", TenantClass::kNormal).sm_share_percent, 40);
}

TEST_F(TenantRulesTest, ThereAreNoMoreThanSoMany) {
  const std::vector<std::string> rule{"weight=2"};
  for (std::size_t i = 0; i < TenantRules::kMost; ++i) Assign("tenant" + std::to_string(i), rule);
  std::string error;
  EXPECT_FALSE(rules_.Assign("one more", rule, error));
  EXPECT_NE(error.find("4096 rules"), std::string::npos) << error;
  Assign("tenant7", {"weight=3"});
}

}  // namespace
}  // namespace paella::scheduler_daemon
