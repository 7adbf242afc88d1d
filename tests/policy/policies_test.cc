// The order that each policy makes.
#include "tests/policy/scene.h"

namespace paella::scheduler_daemon {
namespace {

TEST(FifoTest, TakesTheOrderOfArrivalNotThatOfBecomingReady) {
  Scene scene("fifo");
  const JobId job = scene.Job(1);
  const ReadyId late = scene.host.CommandReady({.client = 1, .tenant = 1, .job = job, .arrival = 9}, 0);
  const ReadyId early = scene.host.CommandReady({.client = 1, .tenant = 1, .job = job, .arrival = 4}, 0);
  EXPECT_EQ(scene.Order(), (std::vector{early, late}));
}

TEST(JobFifoTest, TheOlderJobsCommandsGoFirst) {
  Scene scene("job-fifo");
  const JobId older = scene.Job(1), younger = scene.Job(2);
  const ReadyId first = scene.Ready(younger), second = scene.Ready(older), third = scene.Ready(older);
  EXPECT_EQ(scene.Order(), (std::vector{second, third, first}));
}

TEST(RoundRobinTest, TakesTenantsInTurnAndTheOldestOfEach) {
  Scene scene("round-robin");
  const ReadyId a1 = scene.Single(1), a2 = scene.Single(1);
  const ReadyId b1 = scene.Single(5), c1 = scene.Single(9), b2 = scene.Single(5);
  EXPECT_EQ(scene.Order(), (std::vector{a1, b1, c1, a2, b2}));
}

TEST(RoundRobinTest, ATenantThatComesBackDoesNotGoBeforeThoseWhoseTurnItIs) {
  Scene scene("round-robin");
  scene.Single(5);
  const ReadyId c = scene.Single(9), b2 = scene.Single(5);
  EXPECT_NE(scene.Next(), c);
  const ReadyId a = scene.Single(1);
  EXPECT_EQ(scene.Order(), (std::vector{c, a, b2}));
}

TEST(SjfTest, TheShortestCommandGoesFirstAndTheOlderOfTwoEqual) {
  Scene scene("sjf");
  const ReadyId slow = scene.Single(1, 300), quick = scene.Single(2, 20), as_quick = scene.Single(1, 20);
  EXPECT_EQ(scene.Order(), (std::vector{quick, as_quick, slow}));
}

TEST(SrptTest, TheJobWithTheShortestRemainingTimeGoesFirstWhateverItsCommandsTake) {
  Scene scene("srpt");
  const JobId big = scene.Job(1, 10'000), small = scene.Job(2, 900);
  const ReadyId short_command = scene.Ready(big, 1), long_command = scene.Ready(small, 900);
  EXPECT_EQ(scene.Order(), (std::vector{long_command, short_command}));
}

TEST(SrptTest, ProgressCountsAtOnce) {
  Scene scene("srpt");
  const JobId first = scene.Job(1, 10'000), second = scene.Job(2, 9'000);
  const ReadyId of_first = scene.Ready(first), of_second = scene.Ready(second);
  scene.host.SetRemaining(first, 8'000, 3, 0);
  EXPECT_EQ(scene.Order(), (std::vector{of_first, of_second}));
}

TEST(SrptTest, HasNoStarvationBoundUnlessItIsSet) {
  for (const bool bounded : {false, true}) {
    Scene scene("srpt", bounded ? std::vector<std::string>{"starvation_ms=5"} : std::vector<std::string>{});
    const ReadyId big = scene.Single(1, 1'000'000'000);
    scene.now_ns = 3'600'000'000'000;
    const ReadyId small = scene.Single(2, 10);
    EXPECT_EQ(scene.Next(), bounded ? big : small);
  }
}

TEST(PaellaTest, IsSrptUntilSomebodyIsOwedMoreThanTheThreshold) {
  Scene scene("paella", {"threshold_ms=1"});
  const ReadyId big = scene.Single(1, 5'000'000);
  int small_ones = 0;
  for (bool big_went = false; !big_went; ++small_ones) {
    scene.Single(2, 100'000), scene.Single(2, 100'000);
    big_went = scene.Next() == big;
  }
  // Two tenants: each 100 µs of one is a debt of 50 µs to the other.
  EXPECT_EQ(small_ones - 1, 21);
}

TEST(PaellaTest, ThresholdZeroIsFairnessAndAHugeOneIsSrpt) {
  for (const bool fair : {true, false}) {
    Scene scene("paella", {fair ? "threshold_ms=0" : "threshold_ms=3600000", "starvation_ms=0"});
    std::vector<TenantId> tenants;
    for (int i = 0; i < 4; ++i) scene.Single(1, 1'000), scene.Single(2, 1'001);
    while (scene.host.ready() > 0) tenants.push_back(scene.host.Command(scene.Next()).tenant);
    const std::vector<TenantId> in_turn{1, 2, 1, 2, 1, 2, 1, 2}, shortest_first{1, 1, 1, 1, 2, 2, 2, 2};
    EXPECT_EQ(tenants, fair ? in_turn : shortest_first);
  }
}

TEST(PriorityTest, ClassesGoStrictlyInOrder) {
  Scene scene("priority");
  scene.host.SetTenant(1, {.tenant_class = TenantClass::kBestEffort}, 0);
  scene.host.SetTenant(3, {.tenant_class = TenantClass::kLatency}, 0);
  const ReadyId best_effort = scene.Single(1), normal = scene.Single(2), latency = scene.Single(3);
  EXPECT_EQ(scene.Order(), (std::vector{latency, normal, best_effort}));
}

TEST(EdfTest, TheEarliestDeadlineGoesFirstAndNoneLast) {
  Scene scene("edf");
  scene.host.SetTenant(2, {.deadline_ns = 500}, 0);
  scene.host.SetTenant(3, {.deadline_ns = 100}, 0);
  const ReadyId none = scene.Single(1), relaxed = scene.Single(2);
  scene.now_ns = 300;
  const ReadyId urgent = scene.Single(3);
  EXPECT_EQ(scene.Order(), (std::vector{urgent, relaxed, none}));
}

TEST(EdfTest, AnAbsurdlyFarDeadlineIsNone) {
  Scene scene("edf");
  scene.now_ns = 1'000;
  scene.host.SetTenant(1, {.deadline_ns = kNever - 10}, 0);
  EXPECT_EQ(scene.host.Job(scene.Job(1)).deadline_ns, kNever);
}

TEST(WfqTest, GpuTimeFollowsTheWeights) {
  Scene scene("wfq");
  scene.host.SetTenant(1, {.weight = 3}, 0);
  scene.Single(1, 500), scene.Single(2, 2'000);
  for (int i = 0; i < 1'000; ++i) {
    const TenantId served = scene.host.Command(scene.Next()).tenant;
    scene.Single(served, served == 1 ? 500 : 2'000);
  }
  const double ratio = static_cast<double>(scene.host.Tenant(1).gpu_time_ns) / scene.host.Tenant(2).gpu_time_ns;
  EXPECT_NEAR(ratio, 3, 0.05);
}

TEST(WfqTest, WhatTookLongerThanPredictedIsMadeUpFor) {
  Scene scene("wfq");
  const ReadyId liar = scene.Single(1, 10);
  scene.Single(2, 1'000);
  scene.host.Dispatched(liar, 0);
  scene.Single(1, 10);
  scene.host.Completed(liar, 50'000, 50'000);
  EXPECT_EQ(scene.host.Command(scene.Next()).tenant, 2u);
}

TEST(CatalogueTest, EveryPolicyIsMadeUnderItsOwnName) {
  EXPECT_EQ(PolicyCatalogue().size(), 9u);
  for (const PolicyDescription& policy : PolicyCatalogue()) {
    EXPECT_EQ(Named(policy.name)->name(), policy.name);
    EXPECT_EQ(policy.settings.front().key, "starvation_ms") << policy.name;
  }
}

}  // namespace
}  // namespace paella::scheduler_daemon
