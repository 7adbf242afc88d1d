// What the recorder says of jobs: that the parts are the whole, and that it names the right ones.
#include "scheduler_daemon/policies/flight_recorder.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "scheduler_daemon/policies/catalogue.h"
#include "scheduler_daemon/policies/command_feed.h"
#include "scheduler_daemon/simulator/simulation.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kUs = 1'000;
constexpr std::uint64_t kMs = 1'000'000;

std::uint64_t WaitingNs(const JobTimes& job) {
  return std::accumulate(job.waiting_ns.begin(), job.waiting_ns.end(), std::uint64_t{0});
}

bool AddsUp(const JobTimes& job) {
  auto named_ns = decltype(job.waiting_ns){};
  for (const Wait& wait : job.named) named_ns[static_cast<std::size_t>(wait.rule)] += wait.time_ns;
  const bool names_no_more = std::ranges::equal(named_ns, job.waiting_ns, std::less_equal());
  return names_no_more &&
         job.client_ns + job.ring_ns + WaitingNs(job) + job.gpu_queue_ns + job.running_ns == job.latency_ns;
}

// Tenants named "a", "b", ... with a client of one stream each; commands are announced, dispatched and completed by hand.
class FlightRecorderTest : public testing::Test {
 protected:
  explicit FlightRecorderTest(std::string_view policy = "fifo", const CommandFeed::Settings& settings = {})
      : feed_(Named(policy), settings) {}

  static std::unique_ptr<PolicyOperations> Named(std::string_view name, const std::vector<std::string>& settings = {}) {
    std::string error;
    return MakePolicyOperations(name, settings, error);
  }
  CommandFeed::ClientId Client(TenantId tenant, TenantClass tenant_class = TenantClass::kNormal) {
    feed_.flight().NameTenant(tenant, std::string(1, static_cast<char>('a' + tenant)));
    const auto client = feed_.AddClient(100 + tenant, tenant, tenant, {.tenant_class = tenant_class}, now_ns_);
    posted_.resize(std::max<std::size_t>(posted_.size(), client + 1));
    return client;
  }
  void Ready(CommandFeed::ClientId client, const ReadTimes& read = {}, std::uint64_t shape = 1) {
    feed_.Ready(client, 0, ++posted_[client], arrivals_++, {.shape = shape}, now_ns_, read);
  }
  // Of whom the policy names; -1: of nobody.
  int Go() {
    feed_.BeginRound(now_ns_);
    const auto choice = feed_.Pick(now_ns_);
    if (!choice) return -1;
    feed_.Dispatched(choice->client, choice->stream, now_ns_);
    return static_cast<int>(choice->client);
  }
  void Complete(CommandFeed::ClientId client) { feed_.Completed(client, 0, posted_[client], now_ns_); }
  void Pass(std::uint64_t time_ns) { now_ns_ += time_ns; }
  void End(CommandFeed::ClientId client) {
    feed_.AtRest(client, ++waits_ended_);
    feed_.BeginRound(now_ns_);
  }
  // The newest job of a client.
  JobTimes Job(CommandFeed::ClientId client) {
    std::optional<JobTimes> newest;
    for (const JobTimes& job : feed_.flight().Report(now_ns_).jobs) {
      EXPECT_TRUE(AddsUp(job)) << job.number;
      if (job.client == 100 + client && (!newest || job.number > newest->number)) newest = job;
    }
    EXPECT_TRUE(newest);
    return newest.value_or(JobTimes());
  }
  // How long it waited for that tenant under that rule.
  std::uint64_t Behind(const JobTimes& job, const std::string& tenant, WaitRule rule) {
    const FlightReport report = feed_.flight().Report(now_ns_);
    std::uint64_t time_ns = 0;
    for (const Wait& wait : job.named) {
      const auto found = report.tenants.find(wait.tenant);
      if (found != report.tenants.end() && found->second == tenant && wait.rule == rule) time_ns += wait.time_ns;
    }
    return time_ns;
  }
  static std::uint64_t Of(const JobTimes& job, WaitRule rule) {
    return job.waiting_ns[static_cast<std::size_t>(rule)];
  }

  std::uint64_t now_ns_ = kMs;
  CommandFeed feed_;
  std::vector<std::uint64_t> posted_;
  std::uint64_t arrivals_ = 0;
  std::uint32_t waits_ended_ = 0;
};

TEST_F(FlightRecorderTest, OneCommandAloneRuns) {
  const auto a = Client(0);
  Ready(a);
  EXPECT_EQ(Go(), 0);
  Pass(30 * kUs);
  Complete(a);
  Pass(200 * kUs);  // until somebody notices is not the job's
  End(a);
  const JobTimes job = Job(a);
  EXPECT_TRUE(job.is_over);
  EXPECT_EQ(job.commands, 1u);
  EXPECT_EQ(job.latency_ns, 30 * kUs);
  EXPECT_EQ(job.running_ns, 30 * kUs);
}

TEST_F(FlightRecorderTest, BetweenItsCommandsAJobIsWithTheClientThenInTheRingThenInItsOwnOrder) {
  const auto a = Client(0);
  Ready(a, {.looked_ns = now_ns_ - 5 * kUs, .read_ns = now_ns_ - 2 * kUs});
  Go();
  Pass(10 * kUs);
  Complete(a);
  Pass(100 * kUs);
  Ready(a, {.looked_ns = now_ns_ - 40 * kUs, .read_ns = now_ns_ - 30 * kUs});
  Go();
  Pass(10 * kUs);
  Complete(a);
  End(a);
  const JobTimes job = Job(a);
  EXPECT_EQ(job.latency_ns, 125 * kUs) << "from when it can have been posted";
  EXPECT_EQ(job.client_ns, 60 * kUs);
  EXPECT_EQ(job.ring_ns, 13 * kUs);
  EXPECT_EQ(Of(job, WaitRule::kOwnOrder), 32 * kUs);
  EXPECT_EQ(job.running_ns, 20 * kUs);
}

TEST_F(FlightRecorderTest, WhatWasPostedWhileAnotherJobRanCountsFromThatOnesEnd) {
  const auto a = Client(0);
  const std::uint64_t early_ns = now_ns_;
  Ready(a);
  Go();
  Pass(50 * kUs);
  Complete(a);
  End(a);
  Pass(10 * kUs);
  Ready(a, {.looked_ns = early_ns, .read_ns = early_ns});
  Go();
  Pass(20 * kUs);
  Complete(a);
  End(a);
  EXPECT_EQ(Job(a).latency_ns, 30 * kUs);
}

class Serially : public FlightRecorderTest {
 protected:
  explicit Serially(std::string_view policy = "round-robin")
      : FlightRecorderTest(policy, {.limits = {.one_at_a_time = true}}) {}
};

TEST_F(Serially, WhoWasThereBeforeIsTheLimitsAndWhoGoesInsteadIsThePolicys) {
  const auto a = Client(0), b = Client(1), c = Client(2);
  Ready(b);
  EXPECT_EQ(Go(), 1);
  Pass(10 * kUs);
  Ready(a);
  Ready(c);
  EXPECT_EQ(Go(), -1);  // no room
  Pass(20 * kUs);
  Complete(b);
  EXPECT_EQ(Go(), 2) << "its turn";
  Pass(50 * kUs);
  Complete(c);
  EXPECT_EQ(Go(), 0);
  Pass(30 * kUs);
  Complete(a);
  End(a);
  const JobTimes job = Job(a);
  EXPECT_EQ(job.latency_ns, 100 * kUs);
  EXPECT_EQ(Behind(job, "b", WaitRule::kInFlight), 20 * kUs);
  EXPECT_EQ(Behind(job, "c", WaitRule::kPolicy), 50 * kUs);
  EXPECT_EQ(job.running_ns, 30 * kUs);
  const FlightReport report = feed_.flight().Report(now_ns_);
  for (const Wait& wait : job.named) {
    EXPECT_TRUE(wait.time_ns == 0 || report.policies[wait.policy] == "round-robin");
  }
}

TEST_F(FlightRecorderTest, WhoWentWhileACommandWasAnnouncedWentInsteadThoughTheJobWasStillOnTheGpu) {
  const auto a = Client(0), b = Client(1);
  Ready(a);
  EXPECT_EQ(Go(), 0);
  Ready(a);
  Ready(b);
  feed_.Dispatched(b, 0, now_ns_);
  Pass(kUs);
  feed_.Completed(a, 0, posted_[a] - 1, now_ns_);
  Pass(70 * kUs);
  EXPECT_EQ(Behind(Job(a), "b", WaitRule::kPolicy), 70 * kUs);
}

TEST_F(FlightRecorderTest, WhoIsLeftOnTheGpuIsWaitedFor) {
  const auto a = Client(0), b = Client(1);
  Ready(b);
  EXPECT_EQ(Go(), 1);
  Pass(kUs);
  Ready(a, {}, 1);
  feed_.Dispatched(a, 0, now_ns_);
  Ready(a, {}, 1);
  Pass(kUs);
  feed_.Completed(a, 0, posted_[a] - 1, now_ns_);
  Pass(70 * kUs);
  EXPECT_EQ(Behind(Job(a), "b", WaitRule::kInFlight), 70 * kUs) << "it went before a's command was there";
}

TEST_F(Serially, AnIdleGpuIsNobodysFault) {
  const auto a = Client(0);
  Client(1);
  Ready(a);
  Pass(7 * kUs);
  EXPECT_EQ(Go(), 0);
  EXPECT_EQ(Of(Job(a), WaitRule::kDispatcher), 7 * kUs);
}

TEST_F(Serially, AGpuThatIsIdleForNoTimeIsNot) {
  const auto a = Client(0), b = Client(1);
  Ready(a);
  Go();
  Pass(kUs);
  Complete(a);
  Ready(b);
  Go();
  Ready(a);
  Pass(9 * kUs);
  Complete(b);
  Go();
  EXPECT_EQ(Behind(Job(a), "b", WaitRule::kInFlight), 9 * kUs);
  EXPECT_EQ(Of(Job(a), WaitRule::kDispatcher), 0u);
}

TEST_F(Serially, AJobThatIsNotOverIsToldOfSoFar) {
  const auto a = Client(0), b = Client(1);
  Ready(b);
  Go();
  Ready(a);
  Pass(40 * kUs);
  const JobTimes job = Job(a);
  EXPECT_FALSE(job.is_over);
  EXPECT_EQ(job.latency_ns, 40 * kUs);
  EXPECT_EQ(Behind(job, "b", WaitRule::kInFlight), 40 * kUs);
}

TEST_F(Serially, OfManyTheOnesWaitedForLongestAreNamed) {
  const auto a = Client(0);
  std::vector<CommandFeed::ClientId> others;
  for (TenantId tenant = 1; tenant <= 10; ++tenant) others.push_back(Client(tenant));
  Ready(a);
  EXPECT_EQ(Go(), 0);
  for (const auto client : others) Ready(client);
  Complete(a);
  Ready(a);
  for (int round = 0; round < 10; ++round) {
    const int went = Go();
    ASSERT_GT(went, 0);
    Pass(went == 7 || went == 9 ? 100 * kUs : 1 * kUs);
    Complete(static_cast<CommandFeed::ClientId>(went));
  }
  EXPECT_EQ(Go(), 0);
  const JobTimes job = Job(a);
  EXPECT_EQ(Behind(job, "h", WaitRule::kPolicy), 100 * kUs);
  EXPECT_EQ(Behind(job, "j", WaitRule::kPolicy), 100 * kUs);
  EXPECT_EQ(Of(job, WaitRule::kPolicy), 208 * kUs);
}

TEST_F(Serially, AWaitBeyondAllThatIsRememberedIsChargedInProportion) {
  feed_.host().SetPolicy(Named("srpt"), now_ns_);
  const auto a = Client(0), b = Client(1), c = Client(2);
  const auto run = [&](CommandFeed::ClientId client, std::uint64_t shape, std::uint64_t time_ns) {
    Ready(client, {}, shape);
    EXPECT_EQ(Go(), static_cast<int>(client));
    Pass(time_ns);
    Complete(client);
    End(client);
  };
  for (int i = 0; i < 8; ++i) run(a, 1, 100 * kMs), run(b, 2, 30 * kUs), run(c, 3, 10 * kUs);
  Ready(a, {}, 1);
  for (std::size_t i = 0; i < 2 * FlightRecorder::kSpansKept; ++i) run(b, 2, 30 * kUs), run(c, 3, 10 * kUs);
  const JobTimes job = Job(a);
  EXPECT_EQ(job.latency_ns, 2 * FlightRecorder::kSpansKept * 40 * kUs);
  const auto b_ns = static_cast<double>(Behind(job, "b", WaitRule::kPolicy));
  const auto c_ns = static_cast<double>(Behind(job, "c", WaitRule::kPolicy));
  EXPECT_NEAR(b_ns / static_cast<double>(job.latency_ns), 0.75, 0.1);
  EXPECT_NEAR(c_ns / static_cast<double>(job.latency_ns), 0.25, 0.1);
}

TEST_F(Serially, TheStarvationBoundIsNamed) {
  feed_.host().SetPolicy(Named("priority", {"starvation_ms=1"}), now_ns_);
  const auto a = Client(0, TenantClass::kLatency), b = Client(1), c = Client(2, TenantClass::kLatency);
  Ready(c);
  EXPECT_EQ(Go(), 2);
  Ready(b);
  Pass(2 * kMs);
  Ready(a);
  Complete(c);
  EXPECT_EQ(Go(), 1) << "it is less urgent, and has been ready for too long";
  Pass(300 * kUs);
  Complete(b);
  EXPECT_EQ(Go(), 0);
  EXPECT_EQ(Behind(Job(a), "b", WaitRule::kStarvation), 300 * kUs);
}

TEST_F(FlightRecorderTest, WorkThatIsHeldNamesTheLatencyWork) {
  feed_.SetPolicy(Named("priority", {"linger_us=0"}), now_ns_);
  const auto urgent = Client(0, TenantClass::kLatency), filler = Client(1, TenantClass::kBestEffort);
  Ready(urgent);
  EXPECT_EQ(Go(), 0);
  Ready(filler);
  EXPECT_EQ(Go(), -1);
  Pass(700 * kUs);
  Complete(urgent);
  End(urgent);
  EXPECT_EQ(Go(), 1);
  EXPECT_EQ(Behind(Job(filler), "a", WaitRule::kHeld), 700 * kUs);
}

TEST_F(FlightRecorderTest, WhatTakesLongerThanItIsKnownToBesideOthersWasQueued) {
  const auto a = Client(0), b = Client(1);
  for (int i = 0; i < 32; ++i) {
    Ready(a);
    Go();
    Pass(30 * kUs);
    Complete(a);
    End(a);
  }
  Ready(b, {}, 2);
  Go();
  Ready(a);
  Go();
  Pass(80 * kUs);
  Complete(a);
  End(a);
  const JobTimes job = Job(a);
  EXPECT_EQ(job.running_ns, 30 * kUs);
  EXPECT_EQ(job.gpu_queue_ns, 50 * kUs);
}

TEST_F(FlightRecorderTest, WhoHasLeftIsRememberedAndComesBackToItsJobs) {
  const auto a = Client(0);
  for (int times = 0; times < 2; ++times) {
    const auto b = Client(1);
    Ready(b);
    Go();
    Pass(kUs);
    Complete(b);
    feed_.RemoveClient(b, now_ns_);
  }
  Ready(a);
  Go();
  const FlightReport report = feed_.flight().Report(now_ns_);
  EXPECT_EQ(report.jobs.size(), 3u);
  EXPECT_EQ(std::ranges::count(report.tenants, std::string("b"), [](const auto& each) { return each.second; }), 1);
}

TEST_F(FlightRecorderTest, KeepsNoMoreThanItsBounds) {
  for (std::size_t tenant = 0; tenant < 2 * FlightRecorder::kTenantsRemembered; ++tenant) {
    feed_.flight().NameTenant(0, "tenant " + std::to_string(tenant));
    const auto client = feed_.AddClient(tenant, 0, tenant, {}, now_ns_);
    posted_.assign(1, 0);
    for (std::size_t job = 0; job < FlightRecorder::kJobsKept + 10; ++job) {
      Ready(client);
      Go();
      Pass(kUs);
      Complete(client);
      End(client);
    }
    feed_.RemoveClient(client, now_ns_);
  }
  const FlightReport report = feed_.flight().Report(now_ns_);
  EXPECT_EQ(report.tenants.size(), FlightRecorder::kTenantsRemembered);
  EXPECT_EQ(report.jobs.size(), FlightRecorder::kTenantsRemembered * FlightRecorder::kJobsKept);
  EXPECT_EQ(std::ranges::max(report.jobs, {}, &JobTimes::number).number,
            2 * FlightRecorder::kTenantsRemembered * (FlightRecorder::kJobsKept + 10) - 1);
}

TEST_F(FlightRecorderTest, LatenciesOfATenantAreByNearestRank) {
  const auto a = Client(0);
  for (std::uint64_t job = 1; job <= 100; ++job) {
    Ready(a);
    Go();
    Pass(job * kUs);
    Complete(a);
    End(a);
  }
  const auto latency = feed_.flight().LatencyOf(0);
  EXPECT_EQ(latency.jobs, 100u);
  EXPECT_EQ(latency.p50_ns, 50 * kUs);
  EXPECT_EQ(latency.p99_ns, 99 * kUs);
  EXPECT_EQ(feed_.flight().LatencyOf(7).jobs, 0u);
}

template <typename Number>
Number Between(Number least, Number most) {
  return *rc::gen::inRange<Number>(least, most + 1);
}

// Clients with some streams, which do at random whatever they may, under changing policies.
class Schedule {
 public:
  static constexpr std::uint32_t kStreams = 3;

  Schedule() {
    const int tenants = Between(1, 4);
    for (int i = Between(1, 6); i > 0; --i) {
      const TenantId tenant = Between<TenantId>(0, static_cast<TenantId>(tenants - 1));
      const TenantInfo info{.tenant_class = static_cast<TenantClass>(Between(0, 2))};
      feed_.AddClient(clients_.size(), tenant, tenant, info, now_ns_);
      clients_.emplace_back();
    }
  }

  void Step() {
    now_ns_ += Between<std::uint64_t>(0, 300 * kUs);
    const auto client = Between<std::uint32_t>(0, static_cast<std::uint32_t>(clients_.size() - 1));
    const auto stream = Between<std::uint32_t>(0, kStreams - 1);
    auto& [posted, announced] = clients_[client][stream];
    switch (Between(0, 8)) {
      case 0: feed_.AtRest(client, ++waits_ended_); break;
      case 1: feed_.Withdraw(client, stream, now_ns_); announced = false; break;
      case 2: feed_.BeginRound(now_ns_); break;
      case 3: feed_.host().SetPolicy(AnyPolicy(), now_ns_); break;
      case 4:
      case 5: feed_.Completed(client, stream, posted - (announced ? 1 : 0), now_ns_); break;
      case 6: Go(); break;
      default:
        if (announced || !feed_.WantsHead(client, stream, now_ns_)) break;
        feed_.Ready(client, stream, ++posted, arrivals_++, {.shape = Between<std::uint64_t>(1, 9)}, now_ns_, AnyTimes());
        announced = true;
    }
  }

  FlightReport Report() { return feed_.flight().Report(now_ns_); }

 private:
  struct Stream {
    std::uint64_t posted = 0;
    bool announced = false;
  };

  static std::unique_ptr<PolicyOperations> AnyPolicy() {
    std::string error;
    return MakePolicyOperations(PolicyCatalogue()[Between<std::size_t>(0, PolicyCatalogue().size() - 1)].name, {}, error);
  }
  ReadTimes AnyTimes() const {
    const std::uint64_t read_ns = now_ns_ - Between<std::uint64_t>(0, 200 * kUs);
    return {.looked_ns = read_ns - Between<std::uint64_t>(0, 100 * kUs), .read_ns = read_ns};
  }
  void Go() {
    while (const auto choice = feed_.Pick(now_ns_)) {
      feed_.Dispatched(choice->client, choice->stream, now_ns_);
      clients_[choice->client][choice->stream].announced = false;
    }
  }

  CommandFeed feed_{nullptr, {}};
  std::vector<std::array<Stream, kStreams>> clients_;
  std::uint64_t now_ns_ = kMs;
  std::uint64_t arrivals_ = 0;
  std::uint32_t waits_ended_ = 0;
};

RC_GTEST_PROP(FlightRecorderProperties, ThePartsOfEveryJobAreTheWholeAtAnyMoment, ()) {
  Schedule schedule;
  for (int steps = Between(0, 300); steps > 0; --steps) schedule.Step();
  for (const JobTimes& job : schedule.Report().jobs) RC_ASSERT(AddsUp(job));
}

RC_GTEST_PROP(FlightRecorderProperties, LatenciesAreThoseThatTheSimulatorSaw, ()) {
  Workload workload;
  workload.models.resize(2);
  for (Model& model : workload.models) {
    for (auto kernels = Between(1, 40); kernels > 0; --kernels) {
      model.push_back({.shape = Between<std::uint64_t>(1, 20),
                       .stream = Between<std::uint32_t>(0, 2),
                       .blocks = Between<std::uint32_t>(1, 300),
                       .threads = Between<std::uint32_t>(32, 2'048),
                       .block_ns = Between<std::uint64_t>(1, 200'000)});
    }
  }
  workload.tenants.resize(3);
  for (auto clients = Between(1, 8); clients > 0; --clients) {
    workload.clients.push_back({Between<TenantId>(0, 2), {{Between<std::uint64_t>(0, 2 * kMs), Between<std::uint32_t>(0, 1)}}});
  }
  std::string error;
  const auto policy = Between<std::size_t>(0, PolicyCatalogue().size() - 1);
  Simulation simulation(workload, MakePolicyOperations(PolicyCatalogue()[policy].name, {}, error), {});
  std::vector<std::uint64_t> seen, recorded;
  for (const TenantResult& tenant : simulation.Run().tenants) {
    seen.insert(seen.end(), tenant.latencies_ns.begin(), tenant.latencies_ns.end());
  }
  for (const JobTimes& job : simulation.flight().Report(0).jobs) {
    RC_ASSERT(AddsUp(job));
    recorded.push_back(job.latency_ns);
  }
  std::ranges::sort(seen);
  std::ranges::sort(recorded);
  RC_ASSERT(recorded == seen);
}

}  // namespace
}  // namespace paella::scheduler_daemon
