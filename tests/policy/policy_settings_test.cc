// Settings by key=value: what is refused, and in which words.
#include "scheduler_daemon/policies/policy_settings.h"

#include <gtest/gtest.h>

#include "scheduler_daemon/policies/catalogue.h"

namespace paella::scheduler_daemon {
namespace {

std::string ErrorOf(std::string_view policy, const std::vector<std::string>& settings) {
  std::string error;
  EXPECT_EQ(MakePolicyOperations(policy, settings, error), nullptr);
  return error;
}

std::string TenantErrorOf(const std::vector<std::string>& settings) {
  TenantSettings tenant;
  std::string error;
  EXPECT_FALSE(AssignTenantSettings(settings, tenant, error));
  EXPECT_EQ(tenant.weight, 1) << "changed although refused";
  return error;
}

TEST(PolicySettingsTest, NonsenseIsRefusedWithTheReason) {
  EXPECT_EQ(ErrorOf("lifo", {}),
            "there is no policy 'lifo'; there are fifo, job-fifo, round-robin, sjf, srpt, paella, priority, edf, wfq");
  EXPECT_EQ(ErrorOf("wfq", {"speed=3"}), "no setting 'speed'; there are starvation_ms, ahead_us, slice_us, debt_kept_ms");
  EXPECT_EQ(ErrorOf("paella", {"threshold_ms=-1"}), "threshold_ms: expected a number from 0 to 3600000, got '-1'");
  for (const char* value : {"", "ten", "1x", " 1", "nan", "inf", "1e400"}) {
    EXPECT_EQ(ErrorOf("sjf", {std::string("starvation_ms=") + value}),
              std::string("starvation_ms: expected a number from 0 to 3600000, got '") + value + "'");
  }
  EXPECT_EQ(ErrorOf("sjf", {"starvation_ms"}), "'starvation_ms' is not of the form key=value");
  EXPECT_EQ(ErrorOf("sjf", {"=1"}), "'=1' is not of the form key=value");
  EXPECT_EQ(ErrorOf("sjf", {"starvation_ms=1", "starvation_ms=2"}), "starvation_ms is set twice");
}

TEST(PolicySettingsTest, ZeroMeansNoStarvationBound) {
  std::string error;
  const std::vector<std::string> none{"starvation_ms=0"}, some{"starvation_ms=2.5"};
  EXPECT_EQ(MakePolicyOperations("fifo", none, error)->starvation_bound_ns(), kNever);
  EXPECT_EQ(MakePolicyOperations("fifo", some, error)->starvation_bound_ns(), 2'500'000u);
}

TEST(TenantSettingsTest, ChangesWhatIsNamedAndNothingElse) {
  TenantSettings tenant{.weight = 7};
  std::string error;
  const std::vector<std::string> settings{"class=latency", "deadline_ms=20"};
  ASSERT_TRUE(AssignTenantSettings(settings, tenant, error)) << error;
  EXPECT_EQ(tenant.tenant_class, TenantClass::kLatency);
  EXPECT_EQ(tenant.deadline_ns, 20'000'000u);
  EXPECT_EQ(tenant.weight, 7);
}

TEST(TenantSettingsTest, NonsenseIsRefusedWithTheReason) {
  EXPECT_EQ(TenantErrorOf({"weight=-2"}), "weight: expected a number from 0.001 to 1000, got '-2'");
  EXPECT_EQ(TenantErrorOf({"weight=0"}), "weight: expected a number from 0.001 to 1000, got '0'");
  EXPECT_EQ(TenantErrorOf({"weight=5", "deadline_ms=0"}),
            "deadline_ms: expected a number from 0.001 to 3600000, got '0'");
  EXPECT_EQ(TenantErrorOf({"class=urgent"}), "class: expected latency, normal or best-effort, got 'urgent'");
  EXPECT_EQ(TenantErrorOf({"class=latency", "class=normal"}), "class is set twice");
  EXPECT_EQ(TenantErrorOf({"name=x"}), "no setting 'name'; there are weight, deadline_ms, sm_share");
}

}  // namespace
}  // namespace paella::scheduler_daemon
