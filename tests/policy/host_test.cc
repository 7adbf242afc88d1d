// The guard around a policy: what it does not let through, and that no command is lost when it steps in.
#include <stdexcept>

#include "tests/policy/scene.h"

namespace paella::scheduler_daemon {
namespace {

struct MinimalPolicy : PolicyOperations {
  std::string_view name() const override { return "minimal"; }
};

// Does as it should `good` times, then answers `bad` (or throws).
struct BadPolicy : PolicyOperations {
  explicit BadPolicy(ReadyId answer, int good_answers = 0) : bad(answer), good(good_answers) {}
  std::string_view name() const override { return "bad"; }
  ReadyId Pick(std::uint64_t) override {
    if (good-- > 0) return kPickLongestReady;
    if (throws) throw std::runtime_error("out of ideas");
    return bad;
  }
  ReadyId bad;
  int good;
  bool throws = false;
};

enum class Operation {
  kAttached, kTenantChanged, kTenantLeft, kJobBegan, kJobProgressed, kJobEnded, kReady, kDispatched, kWithdrawn, kCompleted
};

struct ThrowingPolicy : PolicyOperations {
  explicit ThrowingPolicy(Operation where) : at(where) {}
  std::string_view name() const override { return "throwing"; }
  void Attached(const PolicyView&) override { At(Operation::kAttached); }
  void TenantChanged(TenantId, const TenantInfo&, std::uint64_t) override { At(Operation::kTenantChanged); }
  void TenantLeft(TenantId, std::uint64_t) override { At(Operation::kTenantLeft); }
  void JobBegan(JobId, const JobInfo&, std::uint64_t) override { At(Operation::kJobBegan); }
  void JobProgressed(JobId, const JobInfo&, std::uint64_t) override { At(Operation::kJobProgressed); }
  void JobEnded(JobId, const JobInfo&, std::uint64_t) override { At(Operation::kJobEnded); }
  void CommandReady(ReadyId, const CommandInfo&, std::uint64_t) override { At(Operation::kReady); }
  void CommandDispatched(ReadyId, const CommandInfo&, std::uint64_t) override { At(Operation::kDispatched); }
  void CommandWithdrawn(ReadyId, const CommandInfo&, std::uint64_t) override { At(Operation::kWithdrawn); }
  void CommandCompleted(ReadyId, const CommandInfo&, std::uint64_t, std::uint64_t) override {
    At(Operation::kCompleted);
  }
  void At(Operation here) const {
    if (here == at) throw 42;
  }
  Operation at;
};

void ExpectEvicted(const PolicyHost& host, Eviction::Reason reason) {
  ASSERT_EQ(host.evictions().size(), 1u);
  EXPECT_EQ(host.evictions().front().reason, reason) << host.evictions().front().detail;
  EXPECT_EQ(host.policy_name(), "fifo");
}

TEST(PolicyHostTest, APolicyThatOnlyHasANameTakesWhatHasBeenReadyForLongest) {
  Scene scene(std::make_unique<MinimalPolicy>());
  const ReadyId first = scene.Single(1), second = scene.Single(2), third = scene.Single(1);
  EXPECT_EQ(scene.Order(), (std::vector{first, second, third}));
  EXPECT_TRUE(scene.host.evictions().empty());
}

TEST(PolicyHostTest, WithNothingReadyThePolicyIsNotAsked) {
  Scene scene(std::make_unique<BadPolicy>(12'345));
  EXPECT_EQ(scene.host.Pick(0), std::nullopt);
  EXPECT_TRUE(scene.host.evictions().empty());
}

TEST(PolicyHostTest, AnAnswerThatIsNoCommandEvicts) {
  Scene scene(std::make_unique<BadPolicy>(12'345, 1));
  const ReadyId first = scene.Single(1), second = scene.Single(2), third = scene.Single(1);
  EXPECT_EQ(scene.Order(), (std::vector{first, second, third}));
  ExpectEvicted(scene.host, Eviction::Reason::kNoSuchCommand);
  EXPECT_EQ(scene.host.evictions().front().policy, "bad");
}

TEST(PolicyHostTest, ACommandThatIsInFlightOrGoneIsNoAnswer) {
  for (const bool gone : {false, true}) {
    Scene scene(std::make_unique<BadPolicy>(0));
    const ReadyId first = scene.Single(1), second = scene.Single(2);
    scene.host.Dispatched(first, 0);
    if (gone) scene.host.Completed(first, 5, 5);
    EXPECT_EQ(scene.host.Pick(5), second);
    ExpectEvicted(scene.host, Eviction::Reason::kNotReady);
  }
}

TEST(PolicyHostTest, AnExceptionFromPickEvictsAndItsTextIsKept) {
  auto policy = std::make_unique<BadPolicy>(0);
  policy->throws = true;
  Scene scene(std::move(policy));
  const ReadyId only = scene.Single(1);
  EXPECT_EQ(scene.Order(), std::vector{only});
  ExpectEvicted(scene.host, Eviction::Reason::kThrew);
  EXPECT_EQ(scene.host.evictions().front().detail, "out of ideas");
}

TEST(PolicyHostTest, AnExceptionFromAnyOperationEvictsAndLosesNothing) {
  for (int at = 0; at <= static_cast<int>(Operation::kCompleted); ++at) {
    Scene scene(std::make_unique<ThrowingPolicy>(static_cast<Operation>(at)));
    scene.host.SetTenant(1, {.weight = 2}, 0);
    const JobId job = scene.Job(1, 10);
    const ReadyId first = scene.Ready(job), second = scene.Ready(job), third = scene.Ready(job);
    scene.host.SetRemaining(job, 5, 1, 0);
    scene.host.Withdraw(second, 0);
    EXPECT_EQ(scene.Order(), (std::vector{first, third}));
    scene.host.EndJob(job, scene.now_ns);
    scene.host.TenantLeft(1, scene.now_ns);
    ExpectEvicted(scene.host, Eviction::Reason::kThrew);
  }
}

TEST(PolicyHostTest, APolicyMayAnswerNothingForAWhileAndIsThenEvicted) {
  Scene scene(std::make_unique<BadPolicy>(kPickNothing));
  const ReadyId only = scene.Single(1);
  EXPECT_EQ(scene.host.ask_again_ns(), kNever);
  EXPECT_EQ(scene.host.Pick(100), std::nullopt);
  const std::uint64_t last_chance_ns = 100 + PolicyHost::kDefaultStallBoundNs;
  EXPECT_EQ(scene.host.ask_again_ns(), last_chance_ns + 1);
  EXPECT_EQ(scene.host.Pick(last_chance_ns), std::nullopt);
  EXPECT_TRUE(scene.host.evictions().empty());
  EXPECT_EQ(scene.host.Pick(last_chance_ns + 1), only);
  ExpectEvicted(scene.host, Eviction::Reason::kStalled);
}

TEST(PolicyHostTest, AnAnswerBetweenTwoNothingsStartsTheStallAnew) {
  auto policy = std::make_unique<BadPolicy>(kPickNothing);
  BadPolicy& bad = *policy;
  Scene scene(std::move(policy));
  scene.Single(1), scene.Single(1);
  EXPECT_EQ(scene.host.Pick(0), std::nullopt);
  bad.good = 1;
  scene.now_ns = PolicyHost::kDefaultStallBoundNs;
  EXPECT_NE(scene.Next(), kPickNothing);
  EXPECT_EQ(scene.host.Pick(2 * PolicyHost::kDefaultStallBoundNs), std::nullopt);
  EXPECT_TRUE(scene.host.evictions().empty());
}

TEST(PolicyHostTest, ThePolicyCanBeExchangedAtAnyTime) {
  Scene scene("fifo");
  const ReadyId slow = scene.Single(1, 900), quick = scene.Single(2, 10), middle = scene.Single(3, 100);
  scene.host.SetPolicy(Named("sjf"), 0);
  EXPECT_EQ(scene.Next(), quick);
  scene.host.SetPolicy(Named("fifo"), scene.now_ns);
  EXPECT_EQ(scene.Order(), (std::vector{slow, middle}));
}

TEST(PolicyHostTest, ACommandPastTheStarvationBoundGoesFirst) {
  Scene scene("sjf", {"starvation_ms=1"});
  const ReadyId slow = scene.Single(1, 900'000);
  scene.now_ns = 1'000'000;
  EXPECT_EQ(scene.host.Pick(scene.now_ns), scene.Single(2, 10));
  scene.now_ns = 1'000'001;
  EXPECT_EQ(scene.host.Pick(scene.now_ns), slow);
  EXPECT_EQ(scene.host.overdue_picks(), 1u);
}

TEST(PolicyHostTest, GpuTimeIsChargedAsPredictedAndCorrectedAsMeasured) {
  Scene scene("fifo");
  const ReadyId command = scene.Single(1, 700);
  scene.Single(2);
  scene.host.Dispatched(command, 0);
  EXPECT_EQ(scene.host.Tenant(1).gpu_time_ns, 700u);
  EXPECT_DOUBLE_EQ(scene.host.DebtNs(1), -350);
  EXPECT_DOUBLE_EQ(scene.host.DebtNs(2), 350);
  scene.host.Completed(command, 500, 500);
  EXPECT_EQ(scene.host.Tenant(1).gpu_time_ns, 500u);
  EXPECT_DOUBLE_EQ(scene.host.DebtNs(2), 250);
}

TEST(PolicyHostTest, DebtsAreKeptWhileATenantIsBrieflyWithoutWork) {
  for (const bool briefly : {true, false}) {
    Scene scene("paella", {"debt_kept_ms=1"});
    scene.Single(1, 400), scene.Single(2, 400);
    scene.Next();
    EXPECT_DOUBLE_EQ(scene.host.DebtNs(1), -200);  // and it has nothing any more
    scene.now_ns += briefly ? 900'000 : 1'100'000;
    scene.Single(1);
    EXPECT_DOUBLE_EQ(scene.host.DebtNs(1), briefly ? -200 : 0);
  }
}

TEST(PolicyHostDeathTest, AMechanismThatLosesTrackIsStopped) {
  Scene scene("fifo");
  const ReadyId command = scene.Single(1);
  EXPECT_DEATH(scene.host.Completed(command, 1, 1), "not in flight");
  EXPECT_DEATH(scene.host.Dispatched(command + 1, 1), "not ready");
}

}  // namespace
}  // namespace paella::scheduler_daemon
