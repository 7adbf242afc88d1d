#include "scheduler_daemon/policies/flight_recorder.h"

#include <algorithm>
#include <utility>

#include "scheduler_daemon/knowledge/quantile.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kSpansBetweenSettlings = FlightRecorder::kSpansKept / 2;
constexpr std::uint32_t kExactOfJob = 64;  // spans; then waits are sampled
// Of a wait, of so many waits of a job; then fewer of fewer waits.
constexpr std::uint64_t kMostSamples = 8;
constexpr std::uint32_t kWaitsSampledWell = 8;
constexpr std::uint64_t kSamples = 4;
constexpr std::uint32_t kWaitsPerSample = 8;
constexpr std::uint64_t kLookBack = 8;  // spans
constexpr std::size_t kMostPolicies = 64;

}  // namespace

std::string_view WaitRuleName(WaitRule rule) {
  switch (rule) {
    case WaitRule::kOwnOrder: return "own order";
    case WaitRule::kPolicy: return "policy";
    case WaitRule::kStarvation: return "starvation bound";
    case WaitRule::kInFlight: return "in flight";
    case WaitRule::kHeld: return "held";
    case WaitRule::kPolicyWaits: return "policy waits";
    case WaitRule::kDispatcher: return "dispatcher";
  }
  return "?";
}

FlightRecorder::TenantLog& FlightRecorder::LogOf(TenantId tenant) {
  if (tenant >= tenants_.size()) tenants_.resize(std::size_t{tenant} + 1);
  TenantLog& log = tenants_[tenant];
  if (log.serial == 0) log.serial = ++last_serial_;
  return log;
}

void FlightRecorder::NameTenant(TenantId tenant, std::string_view name) {
  TenantLog& log = LogOf(tenant);
  if (!log.name.empty()) return;
  const auto before = std::ranges::find(left_, name, &TenantLog::name);
  if (before != left_.end() && log.jobs_ended == 0) {
    log = std::move(*before);
    left_.erase(before);
  }
  log.name = name;
}

void FlightRecorder::TenantLeft(TenantId tenant) {
  TenantLog log = std::exchange(LogOf(tenant), TenantLog());
  log.in_flight = 0;
  left_.push_back(std::move(log));
  if (left_.size() > kTenantsRemembered) left_.pop_front();
}

void FlightRecorder::UsePolicy(std::string_view name) {
  auto found = std::ranges::find(policies_, name);
  if (found == policies_.end() && policies_.size() < kMostPolicies) found = policies_.emplace(found, name);
  if (found == policies_.end()) --found;  // names are of a catalogue: there are not so many
  policy_ = static_cast<std::uint8_t>(found - policies_.begin());
}

// All up to `until_ns` that is not charged for goes to `part_ns`.
void FlightRecorder::Spend(LiveJob& job, std::uint64_t& part_ns, std::uint64_t until_ns) {
  if (until_ns <= job.since_ns) return;
  part_ns += until_ns - std::exchange(job.since_ns, until_ns);
}

void FlightRecorder::JobBegan(JobId id, const JobInfo& info, const ReadTimes& read, std::uint64_t not_before_ns,
                              std::uint64_t now_ns) {
  if (id >= jobs_.size()) jobs_.resize(std::size_t{id} + 1);
  LiveJob& job = jobs_[id] = LiveJob();
  job.tenant = info.tenant;
  job.state = State::kClient;
  job.exact_left = kExactOfJob;
  job.since_ns = std::min(std::max(std::min(read.looked_ns, read.read_ns), not_before_ns), now_ns);
  job.times.number = info.number;
  job.times.client = info.client;
  job.times.tenant = LogOf(info.tenant).serial;
  job.times.began_ns = job.since_ns;
}

void FlightRecorder::JobEnded(JobId id, bool was_cut) {
  LiveJob& job = jobs_[id];
  job.state = State::kNone;
  if (job.times.commands == 0) return;
  TenantLog& log = LogOf(job.tenant);
  const std::uint64_t number = log.jobs_ended++;
  if (log.jobs.size() < kJobsKept) log.jobs.emplace_back();
  JobTimes& times = log.jobs[number % kJobsKept];
  times = TimesOf(job);
  times.is_over = true;
  times.was_cut = was_cut;
}

JobTimes FlightRecorder::TimesOf(const LiveJob& job) {
  JobTimes times = job.times;
  times.latency_ns = job.since_ns - times.began_ns;
  times.waiting_ns[static_cast<std::size_t>(WaitRule::kPolicy)] += job.unnamed_ns;
  times.gpu_queue_ns = std::min(job.on_gpu_ns, static_cast<std::uint64_t>(std::max<std::int64_t>(0, job.over_ns)));
  times.running_ns = job.on_gpu_ns - times.gpu_queue_ns;
  return times;
}

void FlightRecorder::Ready(JobId id, const ReadTimes& read, std::uint64_t now_ns) {
  LiveJob& job = jobs_[id];
  if (job.state == State::kClient) {
    Spend(job, job.times.client_ns, std::min(read.looked_ns, now_ns));
    Spend(job, job.times.ring_ns, std::min(read.read_ns, now_ns));
    Spend(job, job.times.waiting_ns[static_cast<std::size_t>(WaitRule::kOwnOrder)], now_ns);
    BeginWait(job);
  }
  if (job.announced++ != 0) return;
  job.announced_span = newest_;
  split_ |= SpanAt(newest_).job != job.times.number;
}

void FlightRecorder::Withdrawn(JobId id, std::uint64_t now_ns) {
  LiveJob& job = jobs_[id];
  if (--job.announced != 0 || job.state != State::kWaiting) return;
  SettleWait(job, now_ns);
  job.state = State::kClient;
}

void FlightRecorder::Dispatched(JobId id, bool was_overdue, std::uint64_t now_ns) {
  OpenSpanOfIdleGpu(now_ns);
  idle_since_ns_ = kNever;
  LiveJob& job = jobs_[id];
  if (job.state == State::kWaiting) SettleWait(job, now_ns);
  job.state = State::kOnGpu;
  --job.announced;
  ++job.in_flight;
  ++job.times.commands;
  ++in_flight_;
  ++tenants_[job.tenant].in_flight;
  const WaitRule rule = was_overdue ? WaitRule::kStarvation : WaitRule::kPolicy;
  const Span& newest = SpanAt(newest_);
  if (!split_ && newest.job == job.times.number && newest.rule == rule) return;
  OpenSpan({.tenant = job.times.tenant,
            .id = job.tenant,
            .rule = rule,
            .went = newest_ + 1,
            .job = job.times.number,
            .policy = policy_},
           now_ns);
}

void FlightRecorder::Ran(JobId id, std::uint64_t took_ns, std::uint64_t known_ns) {
  LiveJob& job = jobs_[id];
  if (in_flight_ != job.in_flight) job.over_ns += static_cast<std::int64_t>(took_ns - known_ns);
}

void FlightRecorder::Completed(JobId id, std::uint64_t now_ns) {
  LiveJob& job = jobs_[id];
  if (--in_flight_ == 0) idle_since_ns_ = now_ns;
  if (--tenants_[job.tenant].in_flight == 0 && in_flight_ != 0 && SpanAt(newest_).tenant == job.times.tenant) {
    OpenSpanOfWhoIsLeft(now_ns);
  }
  if (--job.in_flight != 0) return;
  Spend(job, job.on_gpu_ns, now_ns);
  job.state = State::kClient;
  if (job.announced != 0) BeginWait(job);
}

void FlightRecorder::Held(TenantId by, std::uint64_t now_ns) {
  OpenSpanOfIdleGpu(now_ns);
  if (SpanAt(newest_).rule != WaitRule::kHeld) OpenSpan({.tenant = LogOf(by).serial, .rule = WaitRule::kHeld}, now_ns);
}

void FlightRecorder::NoRoom(std::uint64_t now_ns) {
  const WaitRule rule = SpanAt(newest_).rule;
  if (rule == WaitRule::kHeld || rule == WaitRule::kPolicyWaits) OpenSpanOfWhoIsLeft(now_ns);
}

void FlightRecorder::PolicyWaits(std::uint64_t now_ns) {
  OpenSpanOfIdleGpu(now_ns);
  if (SpanAt(newest_).rule != WaitRule::kPolicyWaits) OpenSpan({.rule = WaitRule::kPolicyWaits}, now_ns);
}

void FlightRecorder::OpenSpan(Span span, std::uint64_t now_ns) {
  span.begin_ns = std::max(now_ns, SpanAt(newest_).begin_ns);
  spans_[++newest_ % kSpansKept] = span;
  split_ = false;
  if (newest_ % kSpansBetweenSettlings != 0) return;
  for (LiveJob& job : jobs_) {  // before what they wait for is overwritten
    if (job.state != State::kWaiting) continue;
    SettleWait(job, now_ns);
    job.wait_span = newest_;
  }
}

// Unless it was idle for no time.
void FlightRecorder::OpenSpanOfIdleGpu(std::uint64_t now_ns) {
  if (idle_since_ns_ >= now_ns) return;
  OpenSpan({.rule = WaitRule::kDispatcher}, std::exchange(idle_since_ns_, kNever));
}

// Who was let to the GPU last has nothing there any more.
void FlightRecorder::OpenSpanOfWhoIsLeft(std::uint64_t now_ns) {
  const std::uint64_t oldest = newest_ - std::min(newest_, kLookBack);
  for (std::uint64_t number = newest_; number > oldest; --number) {
    const Span& span = SpanAt(number);
    if (span.went == 0 || tenants_[span.id].serial != span.tenant || tenants_[span.id].in_flight == 0) continue;
    return OpenSpan(span, now_ns);
  }
  OpenSpan({.rule = WaitRule::kInFlight}, now_ns);
}

void FlightRecorder::BeginWait(LiveJob& job) {
  job.state = State::kWaiting;
  job.wait_span = newest_;
}

// All up to now is charged for, and the wait may go on.
void FlightRecorder::SettleWait(LiveJob& job, std::uint64_t now_ns) const {
  const std::uint64_t until_ns = EndOfSpan(job.wait_span, now_ns);
  if (until_ns > job.since_ns) {
    Charge(job, SpanAt(job.wait_span), until_ns - std::exchange(job.since_ns, until_ns));
  }
  const std::uint64_t others = newest_ - job.wait_span;
  if (others == 0 || now_ns <= job.since_ns) return;
  if (others <= kSamples) return ChargeAll(job, job.wait_span + 1, now_ns);
  if (others <= job.exact_left) {
    job.exact_left -= static_cast<std::uint32_t>(others);
    return ChargeAll(job, job.wait_span + 1, now_ns);
  }
  job.unnamed_ns += now_ns - std::exchange(job.since_ns, now_ns);
  const std::uint32_t wait = job.sampled_waits++;
  if (wait >= kWaitsSampledWell && wait % kWaitsPerSample != 0) return;
  ChargeSample(job, job.wait_span + 1, now_ns, wait < kWaitsSampledWell ? std::min(others, kMostSamples) : kSamples);
}

std::uint64_t FlightRecorder::EndOfSpan(std::uint64_t number, std::uint64_t now_ns) const {
  return number == newest_ ? now_ns : std::min(now_ns, SpanAt(number + 1).begin_ns);
}

void FlightRecorder::ChargeAll(LiveJob& job, std::uint64_t first, std::uint64_t now_ns) const {
  for (std::uint64_t number = first; number <= newest_; ++number) {
    const std::uint64_t until_ns = EndOfSpan(number, now_ns);
    if (until_ns <= job.since_ns) continue;
    Charge(job, SpanAt(number), until_ns - std::exchange(job.since_ns, until_ns));
  }
}

// One span out of each of some equal stretches; each counts for its length, and all together for all that is unnamed.
void FlightRecorder::ChargeSample(LiveJob& job, std::uint64_t first, std::uint64_t now_ns,
                                  std::uint64_t samples) const {
  const std::uint64_t count = newest_ - first + 1;
  std::array<std::uint64_t, kMostSamples> spans{};
  std::array<double, kMostSamples> lengths_ns{};
  double sampled_ns = 0;
  for (std::uint64_t i = 0; i < samples; ++i) {
    const std::uint64_t begin = count * i / samples, end = count * (i + 1) / samples;
    job.dice = job.dice * 1'664'525 + 1'013'904'223;  // the generator of Numerical Recipes
    spans[i] = first + begin + ((end - begin) * job.dice >> 32);
    const std::uint64_t until_ns = EndOfSpan(spans[i], now_ns);
    lengths_ns[i] = static_cast<double>(until_ns - std::min(until_ns, SpanAt(spans[i]).begin_ns));
    sampled_ns += lengths_ns[i];
  }
  std::uint64_t left_ns = std::exchange(job.unnamed_ns, 0);
  const double scale = sampled_ns > 0 ? static_cast<double>(left_ns) / sampled_ns : 0;
  for (std::uint64_t i = 0; i + 1 < samples; ++i) {
    const std::uint64_t time_ns = std::min(left_ns, static_cast<std::uint64_t>(lengths_ns[i] * scale));
    Charge(job, SpanAt(spans[i]), time_ns);
    left_ns -= time_ns;
  }
  Charge(job, SpanAt(spans[samples - 1]), left_ns);
}

// By rule always; by name as long as there is a place, or one that is worth less.
void FlightRecorder::Charge(LiveJob& job, const Span& span, std::uint64_t time_ns) const {
  if (time_ns == 0) return;
  const TenantSerial tenant = span.tenant;
  const bool was_there = span.went != 0 && span.went <= job.announced_span;
  const WaitRule rule = was_there ? WaitRule::kInFlight : span.rule;
  job.times.waiting_ns[static_cast<std::size_t>(rule)] += time_ns;
  if (tenant == 0) return;
  Wait* least = &job.times.named[0];
  for (Wait& wait : job.times.named) {
    if (wait.tenant == tenant && wait.rule == rule && wait.policy == span.policy) {
      wait.time_ns += time_ns;
      return;
    }
    if (wait.time_ns < least->time_ns) least = &wait;
  }
  if (time_ns > least->time_ns) *least = {time_ns, tenant, rule, span.policy};
}

FlightReport FlightRecorder::Report(std::uint64_t now_ns) {
  OpenSpanOfIdleGpu(now_ns);
  FlightReport report;
  report.at_ns = now_ns;
  report.policies = policies_;
  const auto add = [&](const TenantLog& log) {
    if (log.serial == 0) return;
    report.tenants.emplace(log.serial, log.name);
    report.jobs.insert(report.jobs.end(), log.jobs.begin(), log.jobs.end());
  };
  std::ranges::for_each(tenants_, add);
  std::ranges::for_each(left_, add);
  for (const LiveJob& job : jobs_) {
    if (job.state != State::kNone) report.jobs.push_back(TimesSoFar(job, now_ns));
  }
  return report;
}

JobTimes FlightRecorder::TimesSoFar(LiveJob job, std::uint64_t now_ns) const {
  if (job.state == State::kWaiting) SettleWait(job, now_ns);
  Spend(job, job.state == State::kOnGpu ? job.on_gpu_ns : job.times.client_ns, now_ns);
  return TimesOf(job);
}

FlightRecorder::TenantLatency FlightRecorder::LatencyOf(TenantId tenant) const {
  TenantLatency latency;
  if (tenant >= tenants_.size() || tenants_[tenant].jobs.empty()) return latency;
  latency.jobs = tenants_[tenant].jobs_ended;
  std::vector<std::uint64_t> latencies_ns;
  for (const JobTimes& job : tenants_[tenant].jobs) latencies_ns.push_back(job.latency_ns);
  latency.p50_ns = Quantile(latencies_ns, 0.5);
  latency.p99_ns = Quantile(latencies_ns, 0.99);
  return latency;
}

}  // namespace paella::scheduler_daemon
