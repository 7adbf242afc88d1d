#include "scheduler_daemon/policies/catalogue.h"

#include <algorithm>
#include <array>

#include "scheduler_daemon/policies/edf.h"
#include "scheduler_daemon/policies/fifo.h"
#include "scheduler_daemon/policies/job_fifo.h"
#include "scheduler_daemon/policies/paella.h"
#include "scheduler_daemon/policies/priority.h"
#include "scheduler_daemon/policies/round_robin.h"
#include "scheduler_daemon/policies/sjf.h"
#include "scheduler_daemon/policies/srpt.h"
#include "scheduler_daemon/policies/wfq.h"

namespace paella::scheduler_daemon {
namespace {

constexpr double kHourMs = 3'600'000;

constexpr SettingDescription StarvationMs(double initial) {
  return {"starvation_ms", initial, 0, kHourMs, "a command ready for longer goes first; 0: no bound"};
}
constexpr SettingDescription kDebtKeptMs{"debt_kept_ms", 1'000, 0, kHourMs,
                                         "for how long a tenant without work keeps its debt"};

constexpr SettingDescription kHoldMs{"hold_ms", 20, 0, kHourMs, "what fills the GPU waits so long for a job before it"};

// Of all policies.
constexpr SettingDescription kAheadUs{"ahead_us", 0, 0, 1e6, "work in flight while another tenant is connected; 0: 100"};
constexpr SettingDescription kSliceUs{"slice_us", 0, 0, 1e9, "how long slices of graphs are at most; 0: 100"};

// Where the order itself starves nobody the bound is long: under overload all commands wait for longer than a short
// one, and the order would become that of arrival.
constexpr std::array kFair{StarvationMs(1'000), kAheadUs, kSliceUs};
constexpr std::array kBounded{StarvationMs(100), kAheadUs, kSliceUs};
constexpr std::array kSrpt{StarvationMs(0), kAheadUs, kSliceUs, kHoldMs};
constexpr std::array kEdf{StarvationMs(100), kAheadUs, kSliceUs, kHoldMs};
// In favour of the urgent: others' work in flight is what they wait for.
constexpr std::array kPriority{StarvationMs(0),
                               SettingDescription{kAheadUs.key, 40, 0, 1e6, kAheadUs.meaning},
                               SettingDescription{kSliceUs.key, 40, 0, 1e9, kSliceUs.meaning},
                               SettingDescription{kHoldMs.key, 20, 0, kHourMs, "best-effort work waits so long for latency work"},
                               SettingDescription{"linger_us", 100, 0, 1e6, "and so long after it, for more of it"}};
constexpr std::array kWfq{StarvationMs(1'000), kAheadUs, kSliceUs, kDebtKeptMs};
constexpr std::array kPaella{
    StarvationMs(1'000), kAheadUs, kSliceUs, kHoldMs, kDebtKeptMs,
    SettingDescription{"threshold_ms", 10, 0, kHourMs, "a tenant owed more goes first; 0: always the one owed most"}};

template <typename Policy>
std::unique_ptr<PolicyOperations> Make(const SettingValues& values) {
  return std::make_unique<Policy>(values.NanosecondsOrNever("starvation_ms"));
}

std::unique_ptr<PolicyOperations> MakePriority(const SettingValues& values) {
  auto policy = Make<PriorityPolicy>(values);
  policy->in_flight_wishes.linger_ns = values.FromMicroseconds("linger_us");
  return policy;
}

std::unique_ptr<PolicyOperations> MakeWfq(const SettingValues& values) {
  return std::make_unique<WfqPolicy>(values.NanosecondsOrNever("starvation_ms"), values.Nanoseconds("debt_kept_ms"));
}

std::unique_ptr<PolicyOperations> MakePaella(const SettingValues& values) {
  return std::make_unique<PaellaPolicy>(
      PaellaPolicy::Settings{.starvation_bound_ns = values.NanosecondsOrNever("starvation_ms"),
                             .debt_kept_ns = values.Nanoseconds("debt_kept_ms"),
                             .threshold_ns = values.Nanoseconds("threshold_ms")});
}

constexpr std::array kCatalogue{
    PolicyDescription{"fifo", "in the order of arrival", kFair, Make<FifoPolicy>},
    PolicyDescription{"job-fifo", "job by job, in the order of their beginning", kFair, Make<JobFifoPolicy>},
    PolicyDescription{"round-robin", "a command of each tenant in turn", kFair, Make<RoundRobinPolicy>},
    PolicyDescription{"sjf", "the shortest command", kBounded, Make<SjfPolicy>},
    PolicyDescription{"srpt", "the job with the shortest remaining time", kSrpt, Make<SrptPolicy>},
    PolicyDescription{"paella", "srpt, until a tenant is owed too much", kPaella, MakePaella},
    PolicyDescription{"priority", "latency before normal before best-effort", kPriority, MakePriority},
    PolicyDescription{"edf", "the job with the earliest deadline", kEdf, Make<EdfPolicy>},
    PolicyDescription{"wfq", "the tenant that is owed most GPU time", kWfq, MakeWfq},
};

}  // namespace

std::span<const PolicyDescription> PolicyCatalogue() { return kCatalogue; }

std::vector<std::string> PolicyNames() {
  std::vector<std::string> names;
  for (const PolicyDescription& policy : kCatalogue) names.emplace_back(policy.name);
  return names;
}

std::unique_ptr<PolicyOperations> MakePolicyOperations(std::string_view name, std::span<const std::string> assignments,
                                                       std::string& error) {
  const auto found = std::ranges::find(kCatalogue, name, &PolicyDescription::name);
  if (found == kCatalogue.end()) {
    error = "there is no policy '" + std::string(name) + "'; there are ";
    for (const PolicyDescription& policy : kCatalogue) {
      if (&policy != kCatalogue.data()) error += ", ";
      error += policy.name;
    }
    return nullptr;
  }
  SettingValues values(found->settings);
  if (!values.Assign(assignments, error)) return nullptr;
  auto policy = found->make(values);
  policy->in_flight_wishes.ahead_ns = values.FromMicroseconds("ahead_us");
  policy->in_flight_wishes.slice_ns = values.FromMicroseconds("slice_us");
  const bool holds = std::ranges::find(found->settings, kHoldMs.key, &SettingDescription::key) != found->settings.end();
  policy->in_flight_wishes.hold_ns = holds ? values.Nanoseconds(kHoldMs.key) : 0;
  return policy;
}

std::unique_ptr<PolicyOperations> MakePolicyOfText(std::string_view text, std::string& error) {
  const NamedAssignments policy(text);
  return MakePolicyOperations(policy.name, policy.assignments, error);
}

}  // namespace paella::scheduler_daemon
