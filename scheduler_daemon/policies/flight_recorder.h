// Where the time of recent jobs went, always on: of each job one record of fixed size, whatever its length.
//
//   posted ─ ring ─▶ read ─ own order ─▶ announced ─ waits ─▶ dispatched ─ GPU queue, running ─▶ done ─ client ─▶ posted
//
// At every moment a job is where its most advanced command is: on the GPU if any is there, else waiting if any is
// announced, else in its own order (dependencies, callbacks, a turn to print), in the ring, or with the client. So the
// parts add up to the job's latency: from when its first command can have been posted until its last one was seen done.
//
// *Whom a job waits for.* A ring of spans tells who of those on the GPU was let there last, and by which rule: a command
// that went while the job's own was announced went instead, by that rule; one that had gone before that keeps it waiting
// by the limit of what is in flight. Waits over many spans are charged by a sample of them.
//
// *GPU queue* is what commands took longer than they are known to, while those of other jobs were on the GPU too.
// *Ring* is from the executor's look before the one that found the command: at most. Of the time that it takes to wake a
// sleeping executor nobody knows; it counts as the client's.
//
// Costs each command some additions and no memory: nothing is allocated but at the end of a tenant's first jobs.
// Pure, as policies are: time is an argument, and one that goes back counts for nothing. One thread.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_FLIGHT_RECORDER_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_FLIGHT_RECORDER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler_daemon/policies/operations.h"

namespace paella::scheduler_daemon {

// When a command was read, and the look at its client's ring before, which did not find it. kNever: as it is announced.
struct ReadTimes {
  std::uint64_t looked_ns = kNever;
  std::uint64_t read_ns = kNever;
};

// Why a command that had been read did not go.
enum class WaitRule : std::uint8_t {
  kOwnOrder,      // its dependencies, callbacks of its client, a turn to print
  kPolicy,        // commands of the tenant went instead, since the policy named them
  kStarvation,    // the same, since they had been ready for longer than the policy's bound
  kInFlight,      // enough was on the GPU already, the latest of it the tenant's
  kHeld,          // InFlightLimits::longest_hold_ns: work of the tenant comes before it
  kPolicyWaits,   // the policy named none
  kDispatcher,    // nothing was on the GPU: the executor had not come to it
};
inline constexpr std::size_t kWaitRules = 7;

// "policy", "in flight", ... as reports have it.
std::string_view WaitRuleName(WaitRule rule);

// Of a tenant that is or was there; 0 is nobody.
using TenantSerial = std::uint32_t;

struct Wait {
  std::uint64_t time_ns = 0;
  TenantSerial tenant = 0;
  WaitRule rule = WaitRule::kOwnOrder;
  std::uint8_t policy = 0;  // FlightReport::policies
};

struct JobTimes {
  static constexpr std::size_t kNamedWaits = 4;  // the tenants that it waited for longest; all, if they are fewer

  std::uint64_t number = 0;    // JobInfo::number
  std::uint64_t client = 0;
  TenantSerial tenant = 0;
  std::uint32_t commands = 0;
  bool is_over = false;
  bool was_cut = false;        // the program went on; only its record ends here
  std::uint64_t began_ns = 0;
  std::uint64_t latency_ns = 0;  // the sum of all that follow but `named`, which is a part of `waiting_ns`
  std::uint64_t client_ns = 0;
  std::uint64_t ring_ns = 0;
  std::array<std::uint64_t, kWaitRules> waiting_ns{};  // by rule
  std::uint64_t gpu_queue_ns = 0;
  std::uint64_t running_ns = 0;
  std::array<Wait, kNamedWaits> named{};
};

// Plain values: to be told of elsewhere.
struct FlightReport {
  std::uint64_t at_ns = 0;
  std::vector<JobTimes> jobs{};  // in no order
  std::map<TenantSerial, std::string> tenants{};  // who is not in it has left long ago
  std::vector<std::string> policies{};
};

class FlightRecorder {
 public:
  static constexpr std::size_t kJobsKept = 128;        // of each tenant
  static constexpr std::size_t kTenantsRemembered = 64;  // that have left, with their jobs
  static constexpr std::size_t kSpansKept = 1'024;

  // For people, once it is known; who comes back under a name has its jobs again.
  void NameTenant(TenantId tenant, std::string_view name);
  void TenantLeft(TenantId tenant);
  void UsePolicy(std::string_view name);  // decides from now on

  // Its first command was just announced. `not_before_ns`: until then the client had another job.
  void JobBegan(JobId job, const JobInfo& info, const ReadTimes& read, std::uint64_t not_before_ns,
                std::uint64_t now_ns);
  // None of its commands is announced or in flight.
  void JobEnded(JobId job, bool was_cut);

  // One command of the job.
  void Ready(JobId job, const ReadTimes& read, std::uint64_t now_ns);
  void Withdrawn(JobId job, std::uint64_t now_ns);
  void Dispatched(JobId job, bool was_overdue, std::uint64_t now_ns);
  void Completed(JobId job, std::uint64_t now_ns);
  // Commands that are about to be completed took so long, where they are known to take so long.
  void Ran(JobId job, std::uint64_t took_ns, std::uint64_t known_ns);

  // What the policy named was kept back because of latency work of `by`; or for want of room; or it named none.
  void Held(TenantId by, std::uint64_t now_ns);
  void NoRoom(std::uint64_t now_ns);
  void PolicyWaits(std::uint64_t now_ns);

  FlightReport Report(std::uint64_t now_ns);

  struct TenantLatency {
    std::uint64_t jobs = 0;  // that ended, ever
    std::uint64_t p50_ns = 0, p99_ns = 0;  // of those that are kept
  };
  TenantLatency LatencyOf(TenantId tenant) const;

 private:
  struct Span {  // until the next one begins
    std::uint64_t begin_ns = 0;
    TenantSerial tenant = 0;
    TenantId id = 0;  // its number, if it is still there
    WaitRule rule = WaitRule::kDispatcher;
    std::uint64_t went = 0;  // the span in which it was let there
    std::uint64_t job = 0;   // whose command that was
    std::uint8_t policy = 0;  // that decided so
  };
  enum class State : std::uint8_t { kNone, kClient, kWaiting, kOnGpu };
  struct LiveJob {
    State state = State::kNone;
    TenantId tenant = 0;
    std::uint32_t announced = 0;
    std::uint32_t in_flight = 0;
    std::uint64_t since_ns = 0;        // all before it is charged for
    std::uint64_t wait_span = 0;       // that of `since_ns`, while it waits
    std::uint64_t announced_span = 0;  // since when some command of it has been announced
    std::uint64_t on_gpu_ns = 0;
    std::int64_t over_ns = 0;          // what commands took beyond what they are known to
    std::uint32_t exact_left = 0;      // spans that may still be looked at one by one
    std::uint32_t dice = 1;
    std::uint32_t sampled_waits = 0;
    std::uint64_t unnamed_ns = 0;      // of waits that the next sample counts for
    JobTimes times{};
  };
  struct TenantLog {
    TenantSerial serial = 0;  // 0: not there
    std::uint32_t in_flight = 0;
    std::uint64_t jobs_ended = 0;
    std::string name{};
    std::vector<JobTimes> jobs{};  // a ring, once it is full
  };

  TenantLog& LogOf(TenantId tenant);
  const Span& SpanAt(std::uint64_t number) const { return spans_[number % kSpansKept]; }
  void OpenSpan(Span span, std::uint64_t now_ns);
  void OpenSpanOfIdleGpu(std::uint64_t now_ns);
  void OpenSpanOfWhoIsLeft(std::uint64_t now_ns);
  void BeginWait(LiveJob& job);
  void SettleWait(LiveJob& job, std::uint64_t now_ns) const;
  std::uint64_t EndOfSpan(std::uint64_t number, std::uint64_t now_ns) const;
  void ChargeAll(LiveJob& job, std::uint64_t first, std::uint64_t now_ns) const;
  void ChargeSample(LiveJob& job, std::uint64_t first, std::uint64_t now_ns, std::uint64_t samples) const;
  void Charge(LiveJob& job, const Span& span, std::uint64_t time_ns) const;
  static void Spend(LiveJob& job, std::uint64_t& part_ns, std::uint64_t until_ns);
  static JobTimes TimesOf(const LiveJob& job);
  JobTimes TimesSoFar(LiveJob job, std::uint64_t now_ns) const;

  std::vector<LiveJob> jobs_;     // by JobId
  std::vector<TenantLog> tenants_;  // by TenantId
  std::deque<TenantLog> left_;      // the latest last
  std::vector<std::string> policies_{"fifo"};
  std::uint8_t policy_ = 0;
  TenantSerial last_serial_ = 0;
  std::uint32_t in_flight_ = 0;
  bool split_ = false;  // somebody else came in the newest span: what goes next begins another
  std::uint64_t newest_ = 0;  // number of the newest span
  std::uint64_t idle_since_ns_ = kNever;  // nothing is in flight, and no span says so yet
  std::array<Span, kSpansKept> spans_{};
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_FLIGHT_RECORDER_H_
