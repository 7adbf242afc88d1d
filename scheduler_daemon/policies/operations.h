// The seam between the scheduling mechanism and a policy: one struct of operations over plain values, as in sched_ext.
//
//   mechanism ─▶ PolicyHost ── what happened ──▶ PolicyOperations
//                    │  ◀─── which goes next ───
//                    └ checks every answer, bounds waiting, accounts, evicts to fifo
//
// Only the name is mandatory; each other operation has a default, and together the defaults are a policy too: whichever
// command has been ready for longest. A policy is pure: no clock (time is an argument and never goes back), thread,
// lock, randomness or CUDA, so that the daemon and the simulator run the same code. It may throw: it is evicted then.
// It keeps its own ordered structures, fed by what it is told, so that a decision need not look at every ready command.
//
// Called by PolicyHost only, on its thread.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_OPERATIONS_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_OPERATIONS_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace paella::scheduler_daemon {

// Small numbers, each used again after what it names has ended: fit to index vectors.
using ReadyId = std::uint32_t;   // a command, from being ready until it completed
using JobId = std::uint32_t;     // a job, from its beginning until its end
using TenantId = std::uint32_t;  // a tenant, while it has clients

// Answers of Pick that name no command.
inline constexpr ReadyId kPickNothing = std::numeric_limits<ReadyId>::max();
inline constexpr ReadyId kPickLongestReady = kPickNothing - 1;

inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

enum class TenantClass : std::uint8_t { kLatency, kNormal, kBestEffort };  // the most urgent first

struct TenantInfo {
  TenantClass tenant_class = TenantClass::kNormal;
  double weight = 1;                  // greater than 0
  std::uint64_t deadline_ns = kNever;  // of each job, from its beginning
  double sm_share_percent = 0;        // of the GPU's SMs, on which alone its kernels run; 0: all
  std::uint64_t gpu_time_ns = 0;      // of completed commands as measured, of dispatched ones as predicted
};

// What a tenant's client does between idle and idle: one request, mostly.
struct JobInfo {
  TenantId tenant = 0;
  std::uint64_t client = 0;
  std::uint64_t number = 0;             // counts all jobs in the order of their beginning
  std::uint64_t began_ns = 0;
  std::uint64_t deadline_ns = kNever;   // the moment, not the length
  std::uint64_t remaining_ns = 0;       // predicted GPU time of what is not yet dispatched
  std::uint32_t observations = 0;       // how many jobs of its class that rests on; 0: a guess
};

// The command at the head of a stream, all of whose dependencies are met.
struct CommandInfo {
  std::uint64_t client = 0;
  TenantId tenant = 0;
  std::uint32_t stream = 0;            // of that client
  JobId job = 0;
  std::uint32_t observations = 0;      // how many completions the prediction rests on; 0: a guess
  std::uint64_t arrival = 0;           // counts all commands in the order in which the daemon read them
  std::uint64_t ready_ns = 0;          // since when it could go
  std::uint64_t predicted_ns = 0;
  std::uint64_t spread_ns = 0;         // the standard deviation of the prediction
};

// What a policy may look at whenever it is called.
class PolicyView {
 public:
  virtual ~PolicyView() = default;
  virtual const CommandInfo& Command(ReadyId command) const = 0;  // ready or in flight
  virtual const JobInfo& Job(JobId job) const = 0;                // begun and not ended
  virtual const TenantInfo& Tenant(TenantId tenant) const = 0;    // any number; defaults if nobody said anything
  // GPU time that the tenant should have had and others got, for each unit of its weight. Negative: it had too much.
  virtual double DebtNs(TenantId tenant) const = 0;
  // Orders tenants by debt: the smaller, the greater the debt. Changes only at dispatches and completions of that
  // tenant and when it comes back, so it can be the key of a heap.
  virtual double ServiceTag(TenantId tenant) const = 0;
};

// What the settings of a policy say of how much may be in flight while it decides; 0: as the daemon has it.
struct InFlightWishes {
  std::uint64_t ahead_ns = 0;  // InFlightLimits' stream_ahead_ns and total_ahead_ns
  std::uint64_t slice_ns = 0;
  std::optional<std::uint64_t> hold_ns{};    // InFlightLimits' longest_hold_ns
  std::optional<std::uint64_t> linger_ns{};  // InFlightLimits' linger_ns
};

struct PolicyOperations {
  virtual ~PolicyOperations() = default;

  InFlightWishes in_flight_wishes{};  // set by who makes it

  virtual std::string_view name() const = 0;

  // A command that has been ready for longer goes before all that are not, the longest first. kNever: no bound.
  virtual std::uint64_t starvation_bound_ns() const { return kNever; }
  // Whether classes mean more to it than their order: best-effort work is held back while latency work is there.
  virtual bool goes_by_classes() const { return false; }
  // Whether a job is so much before another one that what fills the GPU of that one does not begin while the first has
  // something in flight and more to come, which would find no room.
  virtual bool GoesBefore(const JobInfo&, const JobInfo& /*other*/) const { return false; }
  // For how long a tenant without any work keeps its debt.
  virtual std::uint64_t debt_kept_ns() const { return 1'000'000'000; }

  // Before all else. Then it is told of all tenants, jobs and ready commands that there are, in the order of their
  // begin.
  virtual void Attached(const PolicyView& view) { (void)view; }

  // Which ready command goes next. Asked only while some command is ready. kPickNothing: none yet, which is borne for a
  // bounded time.
  virtual ReadyId Pick(std::uint64_t now_ns) {
    (void)now_ns;
    return kPickLongestReady;
  }

  // In each of these, the view shows the state after it, except that what ended can still be looked at.
  virtual void TenantChanged(TenantId, const TenantInfo&, std::uint64_t /*now_ns*/) {}
  virtual void TenantLeft(TenantId, std::uint64_t /*now_ns*/) {}
  virtual void JobBegan(JobId, const JobInfo&, std::uint64_t /*now_ns*/) {}
  virtual void JobProgressed(JobId, const JobInfo&, std::uint64_t /*now_ns*/) {}  // its remaining time is another
  virtual void JobEnded(JobId, const JobInfo&, std::uint64_t /*now_ns*/) {}
  virtual void CommandReady(ReadyId, const CommandInfo&, std::uint64_t /*now_ns*/) {}
  virtual void CommandDispatched(ReadyId, const CommandInfo&, std::uint64_t /*now_ns*/) {}  // no longer ready
  virtual void CommandWithdrawn(ReadyId, const CommandInfo&, std::uint64_t /*now_ns*/) {}   // no longer ready
  // It may have been dispatched under another policy, which this one took over from.
  virtual void CommandCompleted(ReadyId, const CommandInfo&, std::uint64_t /*measured_ns*/,
                                std::uint64_t /*now_ns*/) {}
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_OPERATIONS_H_
