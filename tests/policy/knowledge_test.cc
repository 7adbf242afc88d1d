// What is learned of kernels and jobs, and what is said of those that are new.
#include "scheduler_daemon/knowledge/knowledge.h"

#include <gtest/gtest.h>

#include "scheduler_daemon/knowledge/job_boundaries.h"

namespace paella::scheduler_daemon {
namespace {

// A job of `kernels` that each take `each_ns`, told as the mechanism tells it.
JobPath RunJob(Knowledge& knowledge, std::uint64_t tenant, const std::vector<std::uint64_t>& kernels,
               std::uint64_t each_ns) {
  JobPath job = knowledge.jobs.Begin(tenant);
  for (const std::uint64_t kernel : kernels) {
    knowledge.jobs.Advance(job, kernel, knowledge.kernels.Predict(kernel).duration_ns);
    knowledge.KernelDone(kernel, each_ns);
    job.measured_ns += each_ns;
  }
  knowledge.JobDone(job);
  return job;
}

TEST(KernelDurationsTest, TheShapeIsPartOfTheKernel) {
  KernelShape small{.function = 7}, large{.function = 7, .grid = {64, 1, 1}}, shared{.function = 7, .shared_bytes = 1};
  EXPECT_NE(small.Hash(), large.Hash());
  EXPECT_NE(small.Hash(), shared.Hash());
  KernelDurations durations;
  durations.Observe(small.Hash(), 10'000);
  durations.Observe(large.Hash(), 90'000);
  EXPECT_EQ(durations.Predict(small.Hash()).duration_ns, 10'000u);
  EXPECT_EQ(durations.Predict(large.Hash()).duration_ns, 90'000u);
}

TEST(KernelDurationsTest, AKernelNeverSeenIsAGuessInTheMiddle) {
  KernelDurations durations;
  EXPECT_EQ(durations.Predict(1).duration_ns, 50'000u);
  durations.Observe(1, 10'000);
  durations.Observe(2, 30'000);
  EXPECT_EQ(durations.Predict(3).duration_ns, 20'000u);
  EXPECT_EQ(durations.Predict(3).observations, 0u);
}

TEST(KernelDurationsTest, KnowsTheSpreadAndFollowsAChange) {
  KernelDurations durations;
  for (int i = 0; i < 1'000; ++i) durations.Observe(1, i % 2 == 0 ? 9'000 : 11'000);
  EXPECT_NEAR(static_cast<double>(durations.Predict(1).duration_ns), 10'000, 100);
  EXPECT_NEAR(static_cast<double>(durations.Predict(1).spread_ns), 1'000, 100);
  for (int i = 0; i < 200; ++i) durations.Observe(1, 20'000);
  EXPECT_NEAR(static_cast<double>(durations.Predict(1).duration_ns), 20'000, 200);
}

TEST(EstimateTableTest, IsBoundedAndKeepsWhatWasSeenOften) {
  EstimateTable table;
  for (int i = 0; i < 5; ++i) table.Add(42, 100);
  for (std::uint64_t key = 1'000; key < 1'000 + 3 * EstimateTable::kCapacity; ++key) table.Add(key, 1);
  EXPECT_LE(table.all().size(), EstimateTable::kCapacity);
  ASSERT_NE(table.Find(42), nullptr);
}

TEST(JobClassesTest, TwoModelsOfOneTenantAreToldApartByTheirPrefix) {
  Knowledge knowledge;
  const std::vector<std::uint64_t> small(10, 1), large(200, 2);
  for (int i = 0; i < 20; ++i) RunJob(knowledge, 5, small, 1'000), RunJob(knowledge, 5, large, 1'000);
  JobPath job = knowledge.jobs.Begin(5);
  EXPECT_NEAR(static_cast<double>(knowledge.jobs.Remaining(job).duration_ns), 105'000, 30'000);
  knowledge.jobs.Advance(job, 2, 1'000);
  EXPECT_NEAR(static_cast<double>(knowledge.jobs.Remaining(job).duration_ns), 199'000, 3'000);
  for (int i = 0; i < 99; ++i) knowledge.jobs.Advance(job, 2, 1'000);
  EXPECT_NEAR(static_cast<double>(knowledge.jobs.Remaining(job).duration_ns), 100'000, 3'000);
  EXPECT_GT(knowledge.job_accuracy.total(), 0u);
}

TEST(JobClassesTest, AnotherTenantsJobsSayNothing) {
  Knowledge knowledge;
  RunJob(knowledge, 5, std::vector<std::uint64_t>(10, 1), 1'000);
  EXPECT_EQ(knowledge.jobs.Remaining(knowledge.jobs.Begin(6)).observations, 0u);
}

TEST(JobClassesTest, AColdJobIsAsLongAsTheMeanAndThenAsWhatItHasDoneButBounded) {
  Knowledge knowledge;
  JobPath job = knowledge.jobs.Begin(1);
  EXPECT_EQ(knowledge.jobs.Remaining(job).duration_ns, JobClasses::kFirstGuessNs);
  knowledge.jobs.Advance(job, 1, 400'000);
  EXPECT_EQ(knowledge.jobs.Remaining(job).duration_ns, 600'000u);
  knowledge.jobs.Advance(job, 1, 2'600'000);
  EXPECT_EQ(knowledge.jobs.Remaining(job).duration_ns, 3'000'000u);
  knowledge.jobs.Advance(job, 1, 100'000'000'000);
  EXPECT_EQ(knowledge.jobs.Remaining(job).duration_ns, JobClasses::kLongestGuessNs);
}

TEST(JobClassesTest, AJobOfAnyLengthHasABoundedNumberOfNodes) {
  JobClasses classes;
  JobPath job = classes.Begin(1);
  for (int i = 0; i < 1'000'000; ++i) classes.Advance(job, 3, 10);
  EXPECT_LE(job.nodes.size(), 80u);
}

TEST(JobBoundariesTest, AJobEndsWhenTheClientHasSeenAllComplete) {
  JobBoundaries client;
  EXPECT_EQ(client.Submitted(0), JobBoundaries::Begin::kAfterIdle);
  EXPECT_EQ(client.Submitted(0), JobBoundaries::Begin::kNo);
  client.Completed(10);
  client.Seen();  // of the first only
  client.Completed(20);
  EXPECT_EQ(client.Submitted(30), JobBoundaries::Begin::kNo) << "complete, but nobody has looked";
  client.Completed(40);
  client.Seen();
  EXPECT_EQ(client.Submitted(50), JobBoundaries::Begin::kAfterIdle);
}

TEST(JobBoundariesTest, ALongPauseEndsAJobToo) {
  JobBoundaries client;
  (void)client.Submitted(0);
  client.Completed(10);
  EXPECT_FALSE(client.HasPaused(10 + JobBoundaries::kPauseNs));
  EXPECT_TRUE(client.HasPaused(11 + JobBoundaries::kPauseNs));
}

TEST(JobBoundariesTest, AProgramThatNeverGoesIdleIsCut) {
  JobBoundaries client;
  std::uint64_t cuts = 0;
  for (std::uint64_t i = 0; i < 3 * JobBoundaries::kMostCommands; ++i) {
    cuts += client.Submitted(i) == JobBoundaries::Begin::kCut;
  }
  EXPECT_EQ(cuts, 2u);
}

TEST(KnowledgeTest, SurvivesARestart) {
  Knowledge knowledge, again;
  for (int i = 0; i < 5; ++i) RunJob(knowledge, 5, {1, 2, 3}, 1'234);
  ASSERT_TRUE(again.Load(knowledge.Save()));
  EXPECT_EQ(again.Save(), knowledge.Save());
  EXPECT_EQ(again.kernels.Predict(2).duration_ns, knowledge.kernels.Predict(2).duration_ns);
  // Nine digits are kept.
  EXPECT_NEAR(static_cast<double>(again.jobs.Remaining(again.jobs.Begin(5)).duration_ns),
              static_cast<double>(knowledge.jobs.Remaining(knowledge.jobs.Begin(5)).duration_ns), 1);
}

TEST(KnowledgeTest, AFileThatIsDamagedIsNotTaken) {
  Knowledge knowledge;
  RunJob(knowledge, 5, {1, 2, 3}, 1'234);
  const std::string good = knowledge.Save();
  const std::string head = "paella knowledge 1\n";
  for (const std::string& bad :
       {std::string(), good.substr(0, good.size() - 5), "x" + good, head + "k 1 2 3\nend\n", head + "k 1 -2 3 4\nend\n",
        head + "k 1 nan 3 4\nend\n", head + "q 1 2 3 4\nend\n", head + "k 1 2 3 4 5\nend\n", head + "k 1 2 3 0\nend\n",
        head + std::string(500, 'k') + "\nend\n", head + "k 1 1e300 3 4\nend\n"}) {
    Knowledge other;
    EXPECT_FALSE(other.Load(bad)) << bad;
    EXPECT_EQ(other.Save(), head + "end\n");
  }
}

TEST(AccuracyTest, TellsHowManyWereWithinAFactor) {
  Accuracy accuracy;
  accuracy.Add(1'000, 1'000);
  accuracy.Add(1'900, 1'000);
  accuracy.Add(1'000, 100'000);
  accuracy.Add(0, ~0ull);
  EXPECT_DOUBLE_EQ(accuracy.WithinFactor(1), 0.25);
  EXPECT_DOUBLE_EQ(accuracy.WithinFactor(2), 0.5);
  EXPECT_DOUBLE_EQ(accuracy.WithinFactor(1e9), 1);
}

}  // namespace
}  // namespace paella::scheduler_daemon
