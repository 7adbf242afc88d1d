#include "scheduler_daemon/policies/policy_host.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <utility>

#include "scheduler_daemon/policies/fifo.h"

namespace paella::scheduler_daemon {
namespace {

// Stays on in release builds: a mechanism that goes on with a wrong idea of its queues loses commands silently.
void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "policy host: %s\n", what);
  std::abort();
}

}  // namespace

std::string_view ReasonName(Eviction::Reason reason) {
  switch (reason) {
    case Eviction::Reason::kNoSuchCommand: return "picked what is no command";
    case Eviction::Reason::kNotReady: return "picked a command that is not ready";
    case Eviction::Reason::kThrew: return "threw";
    case Eviction::Reason::kStalled: return "stalled";
  }
  return "?";
}

PolicyHost::PolicyHost(std::unique_ptr<PolicyOperations> policy, std::uint64_t stall_bound_ns)
    : stall_bound_ns_(stall_bound_ns) {
  Install(std::move(policy), 0);
}

void PolicyHost::SetPolicy(std::unique_ptr<PolicyOperations> policy, std::uint64_t now_ns) {
  Install(std::move(policy), now_ns);
}

// False: it threw, was evicted, and its successor knows the present state already.
template <typename Call>
bool PolicyHost::Guard(std::uint64_t now_ns, Call call) {
  try {
    call();
    return true;
  } catch (const std::exception& error) {
    Evict(Eviction::Reason::kThrew, error.what(), now_ns);
  } catch (...) {
    Evict(Eviction::Reason::kThrew, "something that is no std::exception", now_ns);
  }
  return false;
}

void PolicyHost::Install(std::unique_ptr<PolicyOperations> policy, std::uint64_t now_ns) {
  policy_ = policy != nullptr ? std::move(policy) : std::make_unique<FifoPolicy>();
  stalled_since_ns_ = kNever;
  ++installed_;
  Guard(now_ns, [&] {
    starvation_bound_ns_ = policy_->starvation_bound_ns();
    goes_by_classes_ = policy_->goes_by_classes();
    accounts_.SetDebtKept(policy_->debt_kept_ns());
    policy_->Attached(*this);
    Replay(now_ns);
  });
}

void PolicyHost::Replay(std::uint64_t now_ns) {
  for (TenantId tenant = 0; tenant < tenants_.size(); ++tenant) {
    if (tenants_[tenant].known) policy_->TenantChanged(tenant, tenants_[tenant].info, now_ns);
  }
  std::vector<JobId> begun;
  for (JobId job = 0; job < jobs_.size(); ++job) {
    if (jobs_[job].begun) begun.push_back(job);
  }
  std::ranges::sort(begun, {}, [this](JobId job) { return jobs_[job].info.number; });
  for (const JobId job : begun) policy_->JobBegan(job, jobs_[job].info, now_ns);
  for (ReadyId id = longest_ready_; id != kNone; id = slots_[id].after) {
    policy_->CommandReady(id, slots_[id].info, now_ns);
  }
}

void PolicyHost::Evict(Eviction::Reason reason, std::string detail, std::uint64_t now_ns) {
  evictions_.push_back({std::string(policy_->name()), reason, std::move(detail), now_ns});
  if (evictions_.size() > kEvictionsKept) evictions_.pop_front();
  ++evicted_;
  Install(nullptr, now_ns);
}

PolicyHost::TenantSlot& PolicyHost::TenantAt(TenantId tenant) {
  if (tenant >= tenants_.size()) tenants_.resize(std::size_t{tenant} + 1);
  return tenants_[tenant];
}

void PolicyHost::SetTenant(TenantId tenant, const TenantInfo& info, std::uint64_t now_ns) {
  Require(info.weight > 0, "a weight that is not greater than 0");
  TenantSlot& slot = TenantAt(tenant);
  const std::uint64_t used_ns = slot.info.gpu_time_ns;
  slot.info = info;
  slot.info.gpu_time_ns = used_ns;
  slot.known = true;
  accounts_.SetWeight(tenant, info.weight);
  Guard(now_ns, [&] { policy_->TenantChanged(tenant, tenants_[tenant].info, now_ns); });
}

void PolicyHost::TenantLeft(TenantId tenant, std::uint64_t now_ns) {
  TenantSlot& slot = TenantAt(tenant);
  Require(slot.commands == 0, "a tenant left with commands");
  slot.known = false;
  Guard(now_ns, [&] { policy_->TenantLeft(tenant, now_ns); });
  tenants_[tenant] = TenantSlot();
  accounts_.Forget(tenant);
}

JobId PolicyHost::BeginJob(JobInfo info, std::uint64_t now_ns) {
  JobId job = static_cast<JobId>(jobs_.size());
  if (free_jobs_.empty()) {
    jobs_.emplace_back();
  } else {
    job = free_jobs_.back();
    free_jobs_.pop_back();
  }
  info.number = jobs_begun_++;
  info.began_ns = now_ns;
  const std::uint64_t deadline_ns = TenantAt(info.tenant).info.deadline_ns;
  info.deadline_ns = deadline_ns > kNever - now_ns ? kNever : now_ns + deadline_ns;
  jobs_[job] = {info, 0, true};
  Guard(now_ns, [&] { policy_->JobBegan(job, jobs_[job].info, now_ns); });
  return job;
}

void PolicyHost::SetRemaining(JobId job, std::uint64_t remaining_ns, std::uint32_t observations,
                              std::uint64_t now_ns) {
  Require(job < jobs_.size() && jobs_[job].begun, "progress of what is no job");
  JobInfo& info = jobs_[job].info;
  if (info.remaining_ns == remaining_ns && info.observations == observations) return;
  info.remaining_ns = remaining_ns;
  info.observations = observations;
  Guard(now_ns, [&] { policy_->JobProgressed(job, jobs_[job].info, now_ns); });
}

void PolicyHost::EndJob(JobId job, std::uint64_t now_ns) {
  Require(job < jobs_.size() && jobs_[job].begun && jobs_[job].commands == 0, "the end of what is no job, or not over");
  jobs_[job].begun = false;
  Guard(now_ns, [&] { policy_->JobEnded(job, jobs_[job].info, now_ns); });
  free_jobs_.push_back(job);
}

ReadyId PolicyHost::CommandReady(CommandInfo info, std::uint64_t now_ns) {
  Require(info.job < jobs_.size() && jobs_[info.job].begun, "a command of no job");
  ReadyId id = static_cast<ReadyId>(slots_.size());
  if (free_slots_.empty()) {
    slots_.emplace_back();
  } else {
    id = free_slots_.back();
    free_slots_.pop_back();
  }
  info.ready_ns = now_ns;
  slots_[id].info = info;
  Link(id);
  ++jobs_[info.job].commands;
  if (TenantAt(info.tenant).commands++ == 0) accounts_.Activate(info.tenant, now_ns);
  Guard(now_ns, [&] { policy_->CommandReady(id, slots_[id].info, now_ns); });
  return id;
}

void PolicyHost::Link(ReadyId id) {
  Slot& slot = slots_[id];
  slot.state = Slot::State::kReady;
  slot.before = newest_ready_;
  slot.after = kNone;
  (newest_ready_ == kNone ? longest_ready_ : slots_[newest_ready_].after) = id;
  newest_ready_ = id;
  ++ready_;
}

void PolicyHost::Unlink(ReadyId id) {
  const Slot& slot = slots_[id];
  (slot.before == kNone ? longest_ready_ : slots_[slot.before].after) = slot.after;
  (slot.after == kNone ? newest_ready_ : slots_[slot.after].before) = slot.before;
  --ready_;
}

void PolicyHost::Withdraw(ReadyId id, std::uint64_t now_ns) {
  Require(id < slots_.size() && slots_[id].state == Slot::State::kReady, "withdrew what is not ready");
  Unlink(id);
  slots_[id].state = Slot::State::kFree;
  Guard(now_ns, [&] { policy_->CommandWithdrawn(id, slots_[id].info, now_ns); });
  Release(id, now_ns);
}

void PolicyHost::Release(ReadyId id, std::uint64_t now_ns) {
  Slot& slot = slots_[id];
  slot.state = Slot::State::kFree;
  --jobs_[slot.info.job].commands;
  if (--tenants_[slot.info.tenant].commands == 0) accounts_.Deactivate(slot.info.tenant, now_ns);
  free_slots_.push_back(id);
}

std::optional<ReadyId> PolicyHost::Pick(std::uint64_t now_ns) {
  if (ready_ == 0) {
    stalled_since_ns_ = kNever;
    return std::nullopt;
  }
  const std::uint64_t since_ns = slots_[longest_ready_].info.ready_ns;
  picked_overdue_ = now_ns > since_ns && now_ns - since_ns > starvation_bound_ns_;
  if (picked_overdue_) {
    ++overdue_picks_;
    return longest_ready_;
  }
  const ReadyId answer = Ask(now_ns);
  if (answer == kPickNothing) return std::nullopt;
  return answer;
}

// What the policy answers, or fifo if that evicts it.
ReadyId PolicyHost::Ask(std::uint64_t now_ns) {
  while (true) {  // twice at most: fifo is not evicted
    ReadyId answer = kPickNothing;
    if (!Guard(now_ns, [&] { answer = policy_->Pick(now_ns); })) continue;
    if (answer == kPickLongestReady) answer = longest_ready_;
    if (Accept(answer, now_ns)) return answer;
  }
}

bool PolicyHost::Accept(ReadyId answer, std::uint64_t now_ns) {
  if (answer == kPickNothing) {
    if (stalled_since_ns_ == kNever) stalled_since_ns_ = now_ns;
    if (now_ns - stalled_since_ns_ <= stall_bound_ns_) return true;
    Evict(Eviction::Reason::kStalled,
          "answered nothing for " + std::to_string(now_ns - stalled_since_ns_) + " ns while " + std::to_string(ready_) +
              " commands were ready",
          now_ns);
    return false;
  }
  if (answer >= slots_.size()) {
    Evict(Eviction::Reason::kNoSuchCommand, std::to_string(answer) + " of " + std::to_string(slots_.size()), now_ns);
    return false;
  }
  if (slots_[answer].state != Slot::State::kReady) {
    Evict(Eviction::Reason::kNotReady, std::to_string(answer), now_ns);
    return false;
  }
  stalled_since_ns_ = kNever;
  return true;
}

bool PolicyHost::GoesBefore(JobId job, JobId other, std::uint64_t now_ns) {
  bool goes = false;
  return Guard(now_ns, [&] { goes = policy_->GoesBefore(Job(job), Job(other)); }) && goes;
}

void PolicyHost::Dispatched(ReadyId id, std::uint64_t now_ns) {
  Require(id < slots_.size() && slots_[id].state == Slot::State::kReady, "dispatched what is not ready");
  Unlink(id);
  Slot& slot = slots_[id];
  slot.state = Slot::State::kInFlight;
  ++in_flight_;
  stalled_since_ns_ = kNever;
  Charge(slot.info.tenant, slot.info.predicted_ns, 0);
  Guard(now_ns, [&] { policy_->CommandDispatched(id, slots_[id].info, now_ns); });
}

void PolicyHost::Completed(ReadyId id, std::uint64_t measured_ns, std::uint64_t now_ns) {
  Require(id < slots_.size() && slots_[id].state == Slot::State::kInFlight, "completed what is not in flight");
  const CommandInfo& info = slots_[id].info;
  --in_flight_;
  Charge(info.tenant, measured_ns, info.predicted_ns);
  Guard(now_ns, [&] { policy_->CommandCompleted(id, slots_[id].info, measured_ns, now_ns); });
  Release(id, now_ns);
}

void PolicyHost::Charge(TenantId tenant, std::uint64_t plus_ns, std::uint64_t minus_ns) {
  tenants_[tenant].info.gpu_time_ns += plus_ns - minus_ns;  // what is taken back was given at dispatch
  accounts_.Charge(tenant, static_cast<double>(plus_ns) - static_cast<double>(minus_ns));
}

const CommandInfo& PolicyHost::Command(ReadyId id) const {
  Require(id < slots_.size(), "looked at what is no command");
  return slots_[id].info;
}

const JobInfo& PolicyHost::Job(JobId job) const {
  Require(job < jobs_.size(), "looked at what is no job");
  return jobs_[job].info;
}

const TenantInfo& PolicyHost::Tenant(TenantId tenant) const {
  static const TenantInfo kUnknown;
  return tenant < tenants_.size() ? tenants_[tenant].info : kUnknown;
}

}  // namespace paella::scheduler_daemon
