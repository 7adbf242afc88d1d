#include "scheduler_daemon/paellactl/top.h"

#include <gtest/gtest.h>

namespace paella::paellactl {
namespace {

using nlohmann::json;

json Tenant(const char* name, double charged_s, std::uint64_t jobs) {
  return {{"tenant", name}, {"class", "normal"}, {"waiting", 3},       {"in_flight", 1},
          {"jobs", jobs},   {"job_p50_ms", 1.5}, {"job_p99_ms", 20.25}, {"charged_seconds", charged_s}};
}

json Status(const std::vector<json>& tenants) { return {{"policy", "srpt"}, {"tenants", tenants}}; }

TEST(TopTest, IsWhatChangedBetweenTwoStatuses) {
  const json difference =
      Difference(Status({Tenant("a", 1, 10), Tenant("b", 7, 5)}), Status({Tenant("a", 1.5, 14), Tenant("b", 8, 5)}), 2);
  EXPECT_EQ(DescribeDifference(difference),
            "policy: srpt\n"
            "TENANT  CLASS      GPU  WAITING  IN FLIGHT  JOBS/S  P50 MS  P99 MS\n"
            "b       normal  50.0 %        3          1     0.0   1.500  20.250\n"
            "a       normal  25.0 %        3          1     2.0   1.500  20.250\n");
  EXPECT_EQ(difference["tenants"][1]["gpu_share"], 0.25);
}

TEST(TopTest, SharesAreNoMoreThanTheWholeGpu) {
  const json difference = Difference(Status({}), Status({Tenant("a", 6, 0), Tenant("b", 2, 0)}), 1);
  EXPECT_EQ(difference["tenants"][0]["gpu_share"], 0.75);
  EXPECT_EQ(difference["tenants"][1]["gpu_share"], 0.25);
}

TEST(TopTest, WhoBeganAnewCountsFromThere) {
  const json difference = Difference(Status({Tenant("a", 100, 900)}), Status({Tenant("a", 0.5, 2)}), 1);
  EXPECT_EQ(difference["tenants"][0]["gpu_share"], 0.5);
  EXPECT_EQ(difference["tenants"][0]["jobs_per_s"], 2);
}

TEST(TopTest, ACorrectedChargeIsNoNewBeginning) {
  const json difference = Difference(Status({Tenant("a", 100, 900)}), Status({Tenant("a", 99.9, 900)}), 1);
  EXPECT_EQ(difference["tenants"][0]["gpu_share"], 0);
}

TEST(TopTest, WhoWasNotThereHasNoRateOfJobsYet) {
  const json difference = Difference(Status({}), Status({Tenant("a", 0.5, 10'000)}), 1);
  EXPECT_EQ(difference["tenants"][0]["gpu_share"], 0.5);
  EXPECT_TRUE(difference["tenants"][0]["jobs_per_s"].is_null());
}

TEST(TopTest, WhatTheExecutorDidNotSayLastTimeIsNoGrowth) {
  json silent = Tenant("a", 0, 0);
  silent["charged_seconds"] = silent["jobs"] = nullptr;
  const json difference = Difference(Status({silent}), Status({Tenant("a", 5000, 900)}), 1);
  EXPECT_EQ(difference["tenants"][0]["gpu_share"], 0);
  EXPECT_TRUE(difference["tenants"][0]["jobs_per_s"].is_null());
}

TEST(TopTest, WhatADaemonDoesNotSayIsADash) {
  const json difference = Difference(json::object(), {{"tenants", {{{"tenant", "a\x1b"}}}}}, 1);
  EXPECT_EQ(DescribeDifference(difference),
            "policy: -\n"
            "TENANT  CLASS    GPU  WAITING  IN FLIGHT  JOBS/S  P50 MS  P99 MS\n"
            "a?      -      0.0 %        -          -       -       -       -\n");
  EXPECT_EQ(Difference(json::object(), {{"tenants", 5}}, 1)["tenants"].size(), 0u);
}

}  // namespace
}  // namespace paella::paellactl
