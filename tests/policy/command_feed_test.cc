// What the feed makes of streams and sequences: jobs, durations, and what may be in flight.
#include "scheduler_daemon/policies/command_feed.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "scheduler_daemon/policies/catalogue.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kUs = 1'000;
constexpr std::uint64_t kMs = 1'000'000;

std::unique_ptr<PolicyOperations> Named(std::string_view name, const std::vector<std::string>& settings) {
  std::string error;
  return MakePolicyOperations(name, settings, error);
}

// Clients with one stream of kernels each, which are announced, dispatched and completed by hand.
class CommandFeedTest : public testing::Test {
 protected:
  explicit CommandFeedTest(std::string_view policy = "fifo", const CommandFeed::Settings& settings = {},
                           const std::vector<std::string>& policy_settings = {})
      : feed_(Named(policy, policy_settings), settings) {}

  CommandFeed::ClientId Client(TenantId tenant, TenantClass tenant_class = TenantClass::kNormal) {
    const auto client = feed_.AddClient(100 + tenant, tenant, tenant, {.tenant_class = tenant_class}, now_ns_);
    posted_.resize(client + 1);
    return client;
  }
  void Ready(CommandFeed::ClientId client, std::uint64_t shape, double share = 1) {
    feed_.Ready(client, 0, ++posted_[client], arrivals_++, {.shape = shape, .share = share}, now_ns_);
  }
  // Announces and dispatches as long as the feed wants more of that client. Returns how many went.
  int Fill(CommandFeed::ClientId client, std::uint64_t shape, double share = 1, int most = 100) {
    int count = 0;
    for (; count < most && feed_.WantsHead(client, 0, now_ns_); ++count) {
      Ready(client, shape, share);
      const auto choice = feed_.Pick(now_ns_);
      if (!choice) return count;
      feed_.Dispatched(choice->client, choice->stream, now_ns_);
    }
    return count;
  }
  void Run(CommandFeed::ClientId client, std::uint64_t shape, std::uint64_t duration_ns) {
    Ready(client, shape);
    feed_.Dispatched(client, 0, now_ns_);
    now_ns_ += duration_ns;
    feed_.Completed(client, 0, posted_[client], now_ns_);
  }
  // A kernel that is known to take so long.
  void Teach(CommandFeed::ClientId client, std::uint64_t shape, std::uint64_t duration_ns) {
    for (int i = 0; i < 8; ++i) Run(client, shape, duration_ns);
  }
  std::uint64_t Predicted(std::uint64_t shape) const {
    return feed_.knowledge().kernels.Predict(shape).duration_ns;
  }

  std::uint64_t now_ns_ = kMs;
  CommandFeed feed_;
  std::vector<std::uint64_t> posted_;
  std::uint64_t arrivals_ = 0;
};

TEST_F(CommandFeedTest, LearnsHowLongACommandTakes) {
  const auto client = Client(0);
  Teach(client, 7, 30 * kUs);
  EXPECT_EQ(Predicted(7), 30 * kUs);
}

TEST_F(CommandFeedTest, ACommandBehindAnotherBeginsWhenThatOneEnds) {
  const auto client = Client(0);
  for (std::uint64_t shape : {1, 2}) {
    Ready(client, shape);
    feed_.Dispatched(client, 0, now_ns_);
  }
  feed_.Completed(client, 0, 1, now_ns_ + 10 * kUs);
  feed_.Completed(client, 0, 2, now_ns_ + 40 * kUs);
  EXPECT_EQ(Predicted(1), 10 * kUs);
  EXPECT_EQ(Predicted(2), 30 * kUs);
}

TEST_F(CommandFeedTest, WhatIsKnownOfABatchSaysWhatTheRestTook) {
  const auto client = Client(0);
  Teach(client, 1, 10 * kUs);
  for (std::uint64_t shape : {1, 2, 1}) {
    Ready(client, shape);
    feed_.Dispatched(client, 0, now_ns_);
  }
  feed_.Completed(client, 0, posted_[client], now_ns_ + 50 * kUs);
  EXPECT_EQ(Predicted(1), 10 * kUs);
  EXPECT_EQ(Predicted(2), 30 * kUs);
}

TEST_F(CommandFeedTest, AGraphNeverSeenCountsForItsNodes) {
  const auto client = Client(0);
  feed_.Ready(client, 0, 1, 0, {.shape = 9, .units = 100}, now_ns_);
  const auto choice = feed_.Pick(now_ns_);
  ASSERT_TRUE(choice);
  EXPECT_EQ(feed_.host().Command(choice->command).predicted_ns, 100 * Predicted(9));
  EXPECT_EQ(feed_.host().Command(choice->command).observations, 0u);
}

TEST_F(CommandFeedTest, NoCommandCountsForNothing) {
  const auto client = Client(0);
  for (int i = 0; i < 8; ++i) Run(client, 1, 0);
  Ready(client, 1, 0);
  const auto choice = feed_.Pick(now_ns_);
  ASSERT_TRUE(choice);
  EXPECT_EQ(feed_.host().Command(choice->command).predicted_ns, kUs);
}

TEST_F(CommandFeedTest, SmallCommandsSideBySideFillTheQueuesOfTheGpu) {
  std::vector<CommandFeed::ClientId> clients;
  for (TenantId tenant = 0; tenant < 50; ++tenant) clients.push_back(Client(tenant));
  for (const auto client : clients) Teach(client, 1, 100 * kMs);
  int commands = 0;
  for (const auto client : clients) commands += Fill(client, 1, 0.0001, 1);
  EXPECT_EQ(commands, 32);
}

TEST_F(CommandFeedTest, AFarTooLongPredictionIsNotBelievedForEver) {
  const auto first = Client(0), second = Client(1);
  Teach(first, 1, 3'600'000 * kMs);
  Teach(second, 2, 100 * kUs);
  EXPECT_EQ(Fill(first, 1, 1, 1), 1);
  EXPECT_EQ(Fill(second, 2, 1, 1), 0);
  EXPECT_FALSE(feed_.Pick(now_ns_ + 19 * kMs));
  EXPECT_TRUE(feed_.Pick(now_ns_ + 20 * kMs));
}

class LatencyOfSight : public CommandFeedTest {
 protected:
  LatencyOfSight() : CommandFeedTest("fifo", {.sight_latency_ns = 5 * kUs}) {}
};

TEST_F(LatencyOfSight, IsNoPartOfADuration) {
  const auto client = Client(0);
  Teach(client, 1, 25 * kUs);
  EXPECT_EQ(Predicted(1), 20 * kUs);
  Teach(client, 2, 3 * kUs);  // less than it takes to see anything
  EXPECT_EQ(Predicted(2), 0u);
}

TEST_F(CommandFeedTest, OneTenantAloneIsNotBounded) {
  EXPECT_EQ(Fill(Client(0), 1), 100);
  EXPECT_FALSE(feed_.is_shared());
}

TEST_F(CommandFeedTest, AStreamGetsNoMoreThanKeepsItBusyOnceOthersHaveWork) {
  const auto first = Client(0), second = Client(1);
  Teach(first, 1, 10 * kUs);
  Teach(second, 2, 1 * kMs);
  EXPECT_EQ(Fill(first, 1), 11);  // behind 100 us of them one more
  feed_.Completed(first, 0, posted_[first], now_ns_);
  EXPECT_EQ(Fill(second, 2), 1);  // always one
  feed_.BeginRound(now_ns_);
  EXPECT_FALSE(feed_.WantsHead(second, 0, now_ns_ + 899 * kUs));
  EXPECT_EQ(feed_.ask_again_ns(), now_ns_ + 900 * kUs);
  EXPECT_TRUE(feed_.WantsHead(second, 0, now_ns_ + 900 * kUs)) << "what is left of it will soon be done";
}

TEST_F(CommandFeedTest, AllStreamsTogetherGetNoMoreThanKeepsTheGpuBusy) {
  std::vector<CommandFeed::ClientId> clients;
  for (TenantId tenant = 0; tenant < 20; ++tenant) clients.push_back(Client(tenant));
  for (const auto client : clients) Teach(client, 1, 90 * kUs);
  int commands = 0;
  for (const auto client : clients) commands += Fill(client, 1, 1, 1);
  EXPECT_EQ(commands, 2);  // one leaves room for another, two are more than 100 us
  EXPECT_EQ(feed_.ask_again_ns(), now_ns_ + 80 * kUs + 1);
  now_ns_ += 81 * kUs;
  EXPECT_TRUE(feed_.Pick(now_ns_)) << "though no completion was seen";
}

TEST_F(CommandFeedTest, SmallCommandsCountForWhatTheyFill) {
  std::vector<CommandFeed::ClientId> clients;
  for (TenantId tenant = 0; tenant < 20; ++tenant) clients.push_back(Client(tenant));
  for (const auto client : clients) Teach(client, 1, 90 * kUs);
  int commands = 0;
  for (const auto client : clients) commands += Fill(client, 1, 0.1, 1);
  EXPECT_EQ(commands, 12);  // ten fill the GPU, and 12 are 100 us of the whole of it
}

TEST_F(CommandFeedTest, CopiesHaveABoundOfTheirOwn) {
  const auto first = Client(0), second = Client(1), third = Client(2);
  for (const auto client : {first, second, third}) Teach(client, 1, kMs);
  EXPECT_EQ(Fill(first, 1), 1);
  EXPECT_EQ(Fill(second, 1), 0);
  feed_.Withdraw(second, 0, now_ns_);
  feed_.Ready(third, 1, 1, arrivals_++, {.shape = 2, .engine = Engine::kCopyToDevice}, now_ns_);
  const auto choice = feed_.Pick(now_ns_);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->client, third);
}

TEST_F(CommandFeedTest, NobodyWaitsForWhatMayNeverEnd) {
  const auto first = Client(0), second = Client(1);
  Teach(first, 1, kMs);
  Teach(second, 1, kMs);
  EXPECT_EQ(Fill(first, 1), 1);
  EXPECT_EQ(Fill(second, 1), 0);
  now_ns_ += kMs;  // it should be over
  const auto choice = feed_.Pick(now_ns_);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->client, second);
}

TEST_F(CommandFeedTest, WhatWaitsBehindACommandCountsUntilThatOneIsOverdue) {
  const auto first = Client(0), second = Client(1);
  Teach(first, 1, 100 * kUs);
  Teach(first, 2, 300 * kUs);
  Teach(second, 1, 100 * kUs);
  EXPECT_EQ(Fill(first, 1, 1, 1), 1);
  EXPECT_EQ(Fill(first, 2, 1, 1), 1);
  Ready(second, 1);
  EXPECT_FALSE(feed_.Pick(now_ns_ + kMs)) << "the second command of the first stream has yet to run";
  EXPECT_FALSE(feed_.Pick(now_ns_ + 2 * kMs));
  EXPECT_TRUE(feed_.Pick(now_ns_ + 3 * kMs)) << "eight times as long, and 2 ms";
  feed_.Completed(first, 0, posted_[first] - 1, now_ns_ + 3 * kMs);
  EXPECT_FALSE(feed_.Pick(now_ns_ + 3 * kMs)) << "it went on after all";
  EXPECT_TRUE(feed_.Pick(now_ns_ + 3 * kMs + 200 * kUs));
}

TEST_F(CommandFeedTest, WhatIsQuickerThanPredictedMakesRoomAtOnce) {
  const auto first = Client(0), second = Client(1);
  Teach(first, 1, kMs);
  Teach(second, 1, kMs);
  EXPECT_EQ(Fill(first, 1), 1);
  EXPECT_EQ(Fill(second, 1), 0);
  feed_.Completed(first, 0, posted_[first], now_ns_ + 10 * kUs);
  EXPECT_TRUE(feed_.Pick(now_ns_ + 10 * kUs));
}

TEST_F(CommandFeedTest, WhatTheGpuLetsPassWaitsForNothingItCanPass) {
  feed_.SetBands({0, 1, 2});
  const auto urgent = Client(0, TenantClass::kLatency), filler = Client(1, TenantClass::kBestEffort);
  Teach(urgent, 1, kMs);
  Teach(filler, 1, kMs);
  EXPECT_EQ(Fill(filler, 1), 1);
  EXPECT_EQ(Fill(urgent, 1), 1) << "though a millisecond of other work is on the GPU";
  feed_.Completed(filler, 0, posted_[filler], now_ns_);
  EXPECT_EQ(Fill(filler, 1), 0) << "it cannot pass what is urgent";
}

TEST_F(CommandFeedTest, SettingsOfThePolicySayHowMuchIsInFlight) {
  feed_.SetPolicy(Named("fifo", {"ahead_us=300", "slice_us=70"}), now_ns_);
  const auto first = Client(0);
  Client(1);
  Teach(first, 1, 10 * kUs);
  EXPECT_EQ(Fill(first, 1), 31);
  EXPECT_EQ(feed_.limits().slice_ns, 70 * kUs);
  feed_.SetPolicy(Named("fifo", {}), now_ns_);
  EXPECT_EQ(feed_.limits().stream_ahead_ns, 100 * kUs) << "as before";
}

TEST_F(CommandFeedTest, GraphsGoInSlicesWhereSomebodyMayComeBefore) {
  feed_.SetPolicy(Named("priority", {}), now_ns_);
  const auto urgent = Client(0, TenantClass::kLatency), filler = Client(0, TenantClass::kBestEffort);
  EXPECT_FALSE(feed_.WantsSlices(filler)) << "one tenant is alone";
  const auto other = Client(1, TenantClass::kBestEffort);
  EXPECT_TRUE(feed_.WantsSlices(other));
  feed_.host().SetTenant(0, {.tenant_class = TenantClass::kLatency}, now_ns_);
  EXPECT_FALSE(feed_.WantsSlices(urgent));
  feed_.SetPolicy(Named("srpt", {}), now_ns_);
  EXPECT_TRUE(feed_.WantsSlices(urgent)) << "classes mean nothing to it";
}

TEST_F(CommandFeedTest, WhoIsConnectedIsExpected) {
  const auto first = Client(0), second = Client(1);
  Teach(first, 1, 10 * kUs);
  EXPECT_EQ(Fill(first, 1), 11);
  feed_.RemoveClient(second, now_ns_);
  EXPECT_EQ(Fill(first, 1), 100);
}

class Classes : public CommandFeedTest {
 protected:
  Classes() : CommandFeedTest("priority", {}, {"linger_us=0"}) {}
};

TEST_F(Classes, BestEffortIsHeldWhileLatencyWorkIsThereButNotForEver) {
  const auto urgent = Client(0, TenantClass::kLatency), filler = Client(1, TenantClass::kBestEffort);
  Teach(urgent, 1, 10 * kUs);
  Teach(filler, 2, 10 * kUs);
  EXPECT_EQ(Fill(urgent, 1, 1, 1), 1);
  Ready(filler, 2);
  EXPECT_FALSE(feed_.Pick(now_ns_));
  EXPECT_FALSE(feed_.Pick(now_ns_ + 20 * kMs));
  const auto choice = feed_.Pick(now_ns_ + 21 * kMs);
  ASSERT_TRUE(choice);
  EXPECT_TRUE(feed_.Pick(now_ns_ + 22 * kMs)) << "it has not gone yet";
  feed_.Dispatched(choice->client, choice->stream, now_ns_ + 22 * kMs);
  Ready(filler, 2);
  EXPECT_FALSE(feed_.Pick(now_ns_ + 23 * kMs)) << "one was let go, the next is held anew";
  feed_.Completed(urgent, 0, posted_[urgent], now_ns_ + 23 * kMs);
  EXPECT_TRUE(feed_.Pick(now_ns_ + 23 * kMs));
}

TEST_F(Classes, NobodyIsHeldWithoutAHold) {
  feed_.SetPolicy(Named("priority", {"hold_ms=0"}), now_ns_);
  const auto urgent = Client(0, TenantClass::kLatency), filler = Client(1, TenantClass::kBestEffort);
  Teach(urgent, 1, 10 * kUs);
  Teach(filler, 2, 10 * kUs);
  EXPECT_EQ(Fill(urgent, 1, 0.1, 1), 1);
  EXPECT_EQ(Fill(filler, 2, 0.1, 1), 1);
}

class ClassesThatLinger : public CommandFeedTest {
 protected:
  ClassesThatLinger() : CommandFeedTest("priority", {}, {"linger_us=50"}) {}
};

TEST_F(ClassesThatLinger, BestEffortIsHeldForAMomentLonger) {
  const auto urgent = Client(0, TenantClass::kLatency), filler = Client(1, TenantClass::kBestEffort);
  Run(filler, 2, 10 * kUs);
  Ready(filler, 2);
  EXPECT_TRUE(feed_.Pick(now_ns_)) << "there was no latency work yet";
  feed_.Dispatched(filler, 0, now_ns_);
  feed_.Completed(filler, 0, posted_[filler], now_ns_ += 10 * kUs);
  Run(urgent, 1, 10 * kUs);
  feed_.BeginRound(now_ns_);
  Ready(filler, 2);
  EXPECT_FALSE(feed_.Pick(now_ns_ + 49 * kUs));
  EXPECT_EQ(feed_.ask_again_ns(), now_ns_ + 50 * kUs);
  EXPECT_TRUE(feed_.Pick(now_ns_ + 50 * kUs));
}

TEST_F(ClassesThatLinger, NobodyWaitsForATenantThatLeft) {
  const auto urgent = Client(0, TenantClass::kLatency), filler = Client(1, TenantClass::kBestEffort);
  Client(2);
  Run(urgent, 1, 10 * kUs);
  feed_.RemoveClient(urgent, now_ns_);
  Ready(filler, 2);
  EXPECT_TRUE(feed_.Pick(now_ns_));
}

class ShortestJobs : public CommandFeedTest {
 protected:
  ShortestJobs() : CommandFeedTest("srpt") {}

  // A client whose jobs take twice `quick_ns`, and one whose take twice `slow_ns`.
  void TeachBoth(std::uint64_t quick_ns = 10 * kUs, std::uint64_t slow_ns = 500 * kUs) {
    TeachJobs(quick_, 1, quick_ns);
    TeachJobs(slow_, 2, slow_ns);
  }
  // Jobs of two commands, so that the feed knows which one is short.
  void TeachJobs(CommandFeed::ClientId client, std::uint64_t shape, std::uint64_t duration_ns) {
    for (std::uint32_t job = 1; job <= 8; ++job) {
      for (int command = 0; command < 2; ++command) Run(client, shape, duration_ns);
      feed_.AtRest(client, job);
    }
  }

  const CommandFeed::ClientId quick_ = Client(0), slow_ = Client(1);
};

TEST_F(ShortestJobs, WhatFillsTheGpuDoesNotBeginBesideAShorterJob) {
  TeachBoth();
  EXPECT_EQ(Fill(quick_, 1, 0.1, 1), 1);
  Ready(slow_, 2);
  EXPECT_FALSE(feed_.Pick(now_ns_)) << "its blocks would be in the way of what comes next of the short job";
  feed_.Completed(quick_, 0, posted_[quick_], now_ns_ += 10 * kUs);
  EXPECT_TRUE(feed_.Pick(now_ns_));
}

TEST_F(ShortestJobs, ButItDoesNotWaitForEver) {
  TeachBoth(10 * kMs, 50 * kMs);
  EXPECT_EQ(Fill(quick_, 1, 0.1, 1), 1);
  Ready(slow_, 2);
  EXPECT_FALSE(feed_.Pick(now_ns_));
  EXPECT_EQ(feed_.ask_again_ns(), now_ns_ + 20 * kMs + 1);
  EXPECT_FALSE(feed_.Pick(now_ns_ + 20 * kMs));
  EXPECT_TRUE(feed_.Pick(now_ns_ + 21 * kMs));
}

TEST_F(ShortestJobs, NotEvenWhereOthersFillTheGpuMeanwhile) {
  const auto another = Client(2);
  TeachBoth(10 * kMs, 50 * kMs);
  TeachJobs(another, 3, 50 * kUs);
  EXPECT_EQ(Fill(quick_, 1, 0.1, 1), 1);
  Ready(slow_, 2);
  for (int i = 0; i < 20; ++i) {
    EXPECT_FALSE(feed_.Pick(now_ns_)) << i;
    Ready(another, 3);
    const auto choice = feed_.Pick(now_ns_);
    ASSERT_TRUE(choice);
    ASSERT_EQ(choice->client, another);
    feed_.Dispatched(another, 0, now_ns_);
    feed_.Completed(another, 0, posted_[another], now_ns_ += kMs);
  }
  EXPECT_TRUE(feed_.Pick(now_ns_ + kMs));
}

TEST_F(ShortestJobs, NobodyWaitsForAKernelThatDoesNotEnd) {
  TeachBoth();
  EXPECT_EQ(Fill(quick_, 1, 0.1, 1), 1);
  Ready(slow_, 2);
  EXPECT_FALSE(feed_.Pick(now_ns_ + kMs));
  EXPECT_TRUE(feed_.Pick(now_ns_ + 3 * kMs));
}

TEST_F(ShortestJobs, WhatIsShortIsNotHeld) {
  TeachBoth(10 * kUs, 15 * kUs);
  EXPECT_EQ(Fill(quick_, 1, 0.1, 1), 1);
  Ready(slow_, 2);
  EXPECT_TRUE(feed_.Pick(now_ns_));
}

TEST_F(ShortestJobs, WhatLeavesRoomRunsBesideTheShorterJob) {
  TeachBoth();
  EXPECT_EQ(Fill(quick_, 1, 0.1, 1), 1);
  EXPECT_EQ(Fill(slow_, 2, 0.5, 1), 1);
}

TEST_F(ShortestJobs, TheShorterJobDoesNotWaitForTheLongerOne) {
  TeachBoth();
  EXPECT_EQ(Fill(slow_, 2, 0.5, 1), 1);
  EXPECT_EQ(Fill(quick_, 1, 1, 1), 1);
}

TEST_F(ShortestJobs, NobodyWaitsForAJobOfWhichNothingMoreComes) {
  TeachBoth();
  EXPECT_EQ(Fill(quick_, 1, 0.1, 2), 2);
  EXPECT_EQ(Fill(slow_, 2, 1, 1), 1);
}

class ClassesWithABound : public CommandFeedTest {
 protected:
  ClassesWithABound() : CommandFeedTest("priority", {}, {"starvation_ms=5"}) {}
};

TEST_F(ClassesWithABound, WhatHasWaitedForTooLongIsNotHeld) {
  const auto urgent = Client(0, TenantClass::kLatency), filler = Client(1, TenantClass::kBestEffort);
  Teach(urgent, 1, 10 * kUs);
  Teach(filler, 2, 10 * kUs);
  Ready(filler, 2);
  EXPECT_EQ(Fill(urgent, 1, 1, 1), 1);
  EXPECT_FALSE(feed_.Pick(now_ns_ + 4 * kMs));
  EXPECT_TRUE(feed_.Pick(now_ns_ + 6 * kMs));
}

TEST_F(CommandFeedTest, ClassesMeanNothingToOtherPolicies) {
  const auto urgent = Client(0, TenantClass::kLatency), filler = Client(1, TenantClass::kBestEffort);
  EXPECT_EQ(Fill(urgent, 1, 1, 1), 1);
  Ready(filler, 2);
  EXPECT_TRUE(feed_.Pick(now_ns_));
}

// Number of jobs that were learned from so far: each has one observation of its tenant's root.
std::uint32_t JobsLearned(const CommandFeed& feed, std::uint64_t tenant_hash) {
  return feed.knowledge().jobs.Remaining(feed.knowledge().jobs.Begin(tenant_hash)).observations;
}

TEST_F(CommandFeedTest, AJobEndsWhenItsClientWasToldOfTheEndAndGoesOn) {
  const auto client = Client(3);
  for (std::uint32_t job = 0; job < 5; ++job) {
    for (int kernel = 0; kernel < 3; ++kernel) Run(client, 1, 10 * kUs);
    feed_.AtRest(client, job + 1);
    now_ns_ += 20 * kUs;
  }
  Run(client, 1, 10 * kUs);
  EXPECT_EQ(JobsLearned(feed_, 3), 5u);
}

TEST_F(CommandFeedTest, AJobEndsWhenItsClientPauses) {
  const auto client = Client(3);
  Run(client, 1, 10 * kUs);
  now_ns_ += 100 * kUs;  // slower than the GPU, not done
  Run(client, 1, 10 * kUs);
  feed_.BeginRound(now_ns_);
  EXPECT_EQ(JobsLearned(feed_, 3), 0u);
  now_ns_ += kMs;
  feed_.BeginRound(now_ns_);
  EXPECT_EQ(JobsLearned(feed_, 3), 1u);
}

TEST_F(CommandFeedTest, AJobThatIsCutIsNotLearnedFromAndEndsWithItsLastCommand) {
  const auto client = Client(3);
  for (std::uint64_t i = 0; i < JobBoundaries::kMostCommands; ++i) {
    Ready(client, 1);
    feed_.Dispatched(client, 0, now_ns_);
    if (i % 64 == 63) feed_.Completed(client, 0, posted_[client] - 1, now_ns_);
  }
  Ready(client, 1);  // of another job, while a command of the first is in flight
  feed_.Dispatched(client, 0, now_ns_);
  feed_.Completed(client, 0, posted_[client], now_ns_ + kUs);
  EXPECT_EQ(JobsLearned(feed_, 3), 0u);
  feed_.RemoveClient(client, now_ns_ + kUs);
  EXPECT_EQ(JobsLearned(feed_, 3), 1u);
}

TEST_F(CommandFeedTest, JobsThatBeginAreRecorded) {
  const auto client = Client(3);
  Run(client, 1, 10 * kUs);  // of a job that began before
  std::vector<RecordedJob> recorded;
  feed_.SetRecorder([&](RecordedJob job) { recorded.push_back(std::move(job)); });
  const std::uint64_t began_ns = now_ns_;
  feed_.AtRest(client, 1);
  Run(client, 2, 20 * kUs);
  Run(client, 3, 30 * kUs);
  feed_.AtRest(client, 2);
  Run(client, 1, 10 * kUs);
  ASSERT_EQ(recorded.size(), 1u);
  EXPECT_EQ(recorded[0].client, 103u);
  EXPECT_EQ(recorded[0].tenant, 3u);
  EXPECT_EQ(recorded[0].began_ns, began_ns);
  ASSERT_EQ(recorded[0].commands.size(), 2u);
  EXPECT_EQ(recorded[0].commands[1].shape, 3u);
  EXPECT_EQ(recorded[0].commands[1].duration_ns, 30 * kUs);
  feed_.SetRecorder(nullptr);
  feed_.AtRest(client, 3);
  Run(client, 1, 10 * kUs);
  EXPECT_EQ(recorded.size(), 1u);
}

TEST_F(CommandFeedTest, NumbersOfClientsAndTenantsAreUsedAgain) {
  const auto first = Client(0);
  Run(first, 1, 10 * kUs);
  feed_.RemoveClient(first, now_ns_);
  EXPECT_EQ(Client(0), first);
  Run(first, 1, 10 * kUs);
  EXPECT_FALSE(feed_.is_shared());
}

TEST_F(CommandFeedTest, AWithdrawnHeadCanBeAnnouncedAgain) {
  const auto client = Client(0);
  Ready(client, 1);
  EXPECT_FALSE(feed_.WantsHead(client, 0, now_ns_));
  feed_.Withdraw(client, 0, now_ns_);
  feed_.Withdraw(client, 0, now_ns_);  // nothing is announced any more
  EXPECT_FALSE(feed_.Pick(now_ns_));
  EXPECT_TRUE(feed_.WantsHead(client, 0, now_ns_));
  Run(client, 1, 10 * kUs);
}

TEST_F(CommandFeedTest, AColdOrLongStretchOfAStreamIsLookedAt) {
  const auto first = Client(0), second = Client(1);
  Ready(first, 1);
  EXPECT_TRUE(feed_.Dispatched(first, 0, now_ns_));  // never seen
  feed_.Completed(first, 0, posted_[first], now_ns_ + 10 * kUs);
  Teach(first, 1, 10 * kUs);
  Run(second, 2, 10 * kUs);
  std::string looks;
  for (int i = 0; i < 6; ++i) {
    Ready(first, 1);
    looks += feed_.Dispatched(first, 0, now_ns_) ? 'x' : '-';
  }
  EXPECT_EQ(looks, "--x--x");  // every 25 us of them
}

}  // namespace
}  // namespace paella::scheduler_daemon
