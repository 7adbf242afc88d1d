// Stands between the mechanism and a policy: keeps what is ready, tells the policy what happened, checks each of its
// answers, bounds how long a command waits, accounts GPU time, and evicts a policy that does not do its work.
//
//   CommandReady ─▶ ready ── Pick, Dispatched ─▶ in flight ── Completed ─▶ gone
//                     └───── Withdrawn ─▶ gone
//
// A policy is evicted when it answers with what is no command or is not ready, throws, or answers "nothing" for longer
// than the stall bound although something is ready all the while. Then fifo takes over: it is told of everything that
// is there, so no command is lost; and the reason is recorded. Mistakes of the mechanism stop at an assertion.
//
// Pure, as policies are. One thread.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_POLICY_HOST_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_POLICY_HOST_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scheduler_daemon/policies/accounts.h"
#include "scheduler_daemon/policies/operations.h"

namespace paella::scheduler_daemon {

struct Eviction {
  enum class Reason : std::uint8_t { kNoSuchCommand, kNotReady, kThrew, kStalled };

  std::string policy;
  Reason reason;
  std::string detail;
  std::uint64_t at_ns;
};

// "threw", ... as status and log show it.
std::string_view ReasonName(Eviction::Reason reason);

class PolicyHost : private PolicyView {
 public:
  static constexpr std::uint64_t kDefaultStallBoundNs = 50'000'000;
  static constexpr std::size_t kEvictionsKept = 16;

  // `policy` may be null: fifo.
  explicit PolicyHost(std::unique_ptr<PolicyOperations> policy, std::uint64_t stall_bound_ns = kDefaultStallBoundNs);

  // From the next decision on. No command is lost, debts stay.
  void SetPolicy(std::unique_ptr<PolicyOperations> policy, std::uint64_t now_ns);

  // Class, weight and deadline of `info`; used GPU time is the host's own.
  void SetTenant(TenantId tenant, const TenantInfo& info, std::uint64_t now_ns);
  // It has no command and no job any more.
  void TenantLeft(TenantId tenant, std::uint64_t now_ns);

  // Of `info`: tenant, client, remaining time, observations. The host adds number, beginning and deadline.
  JobId BeginJob(JobInfo info, std::uint64_t now_ns);
  void SetRemaining(JobId job, std::uint64_t remaining_ns, std::uint32_t observations, std::uint64_t now_ns);
  // None of its commands is ready or in flight.
  void EndJob(JobId job, std::uint64_t now_ns);

  // All of `info` but ready_ns is the caller's. At most one command of a stream is ready at a time.
  ReadyId CommandReady(CommandInfo info, std::uint64_t now_ns);
  void Withdraw(ReadyId command, std::uint64_t now_ns);
  // Which command is to go next, without dispatching it. None: nothing is ready, or the policy wants to wait; ask again
  // after any event, and at ask_again_ns() at the latest.
  std::optional<ReadyId> Pick(std::uint64_t now_ns);
  void Dispatched(ReadyId command, std::uint64_t now_ns);
  void Completed(ReadyId command, std::uint64_t measured_ns, std::uint64_t now_ns);

  // When a policy that answers "nothing" is out of patience; kNever: it does not.
  std::uint64_t ask_again_ns() const {
    return stalled_since_ns_ == kNever ? kNever : stalled_since_ns_ + stall_bound_ns_ + 1;
  }

  std::string_view policy_name() const { return policy_->name(); }
  bool policy_goes_by_classes() const { return goes_by_classes_; }
  // Of jobs that have begun: PolicyOperations::GoesBefore.
  bool GoesBefore(JobId job, JobId other, std::uint64_t now_ns);
  std::uint64_t installed() const { return installed_; }  // policies, ever; it decides since it was
  std::uint64_t evicted() const { return evicted_; }  // policies, ever
  const std::deque<Eviction>& evictions() const { return evictions_; }  // the last few
  // Whether the last pick was the starvation bound's, and not the policy's.
  bool picked_overdue() const { return picked_overdue_; }
  std::uint64_t overdue_picks() const { return overdue_picks_; }        // decided by the starvation bound
  std::size_t ready() const { return ready_; }
  std::size_t in_flight() const { return in_flight_; }
  const PolicyView& view() const { return *this; }

  const CommandInfo& Command(ReadyId command) const override;
  const JobInfo& Job(JobId job) const override;
  const TenantInfo& Tenant(TenantId tenant) const override;
  double DebtNs(TenantId tenant) const override { return accounts_.DebtNs(tenant); }
  double ServiceTag(TenantId tenant) const override { return accounts_.ServiceTag(tenant); }

 private:
  static constexpr std::uint32_t kNone = kPickNothing;

  struct Slot {
    enum class State : std::uint8_t { kFree, kReady, kInFlight };

    CommandInfo info;
    State state = State::kFree;
    ReadyId before = kNone;  // of those that are ready, by how long they have been
    ReadyId after = kNone;
  };
  struct JobSlot {
    JobInfo info;
    std::uint32_t commands = 0;  // ready or in flight
    bool begun = false;
  };
  struct TenantSlot {
    TenantInfo info;
    std::uint32_t commands = 0;  // ready or in flight
    bool known = false;
  };

  TenantSlot& TenantAt(TenantId tenant);
  void Link(ReadyId command);
  void Unlink(ReadyId command);
  void Release(ReadyId command, std::uint64_t now_ns);
  void Charge(TenantId tenant, std::uint64_t plus_ns, std::uint64_t minus_ns);
  ReadyId Ask(std::uint64_t now_ns);
  bool Accept(ReadyId answer, std::uint64_t now_ns);
  template <typename Call>
  bool Guard(std::uint64_t now_ns, Call call);
  void Install(std::unique_ptr<PolicyOperations> policy, std::uint64_t now_ns);
  void Replay(std::uint64_t now_ns);
  void Evict(Eviction::Reason reason, std::string detail, std::uint64_t now_ns);

  const std::uint64_t stall_bound_ns_;
  std::unique_ptr<PolicyOperations> policy_;
  std::uint64_t starvation_bound_ns_ = kNever;
  bool goes_by_classes_ = false;
  Accounts accounts_;
  std::vector<Slot> slots_;
  std::vector<ReadyId> free_slots_;
  std::vector<JobSlot> jobs_;
  std::vector<JobId> free_jobs_;
  std::vector<TenantSlot> tenants_;
  ReadyId longest_ready_ = kNone;
  ReadyId newest_ready_ = kNone;
  std::size_t ready_ = 0;
  std::size_t in_flight_ = 0;
  std::uint64_t jobs_begun_ = 0;
  std::uint64_t stalled_since_ns_ = kNever;
  std::uint64_t overdue_picks_ = 0;
  bool picked_overdue_ = false;
  std::deque<Eviction> evictions_;
  std::uint64_t installed_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_POLICY_HOST_H_
