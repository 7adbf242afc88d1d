// Shortest remaining job first, unless that has cost some tenant too much: the policy of the Paella paper (SOSP 2023),
// with deficits charged in GPU time instead of kernels, and kept while a tenant is briefly without work.
//
// One threshold: as soon as the GPU owes a tenant more than that (for each unit of its weight), this tenant's shortest
// job goes next. 0 is pure fairness, a threshold that no debt reaches is pure srpt.
//
// Suits: serving models of unlike size for several tenants: short jobs are quick, and long ones get their share in the
// end.
// Bad: under lasting overload every tenant reaches the threshold and the order becomes wfq's; needs jobs to be
// recognised.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_PAELLA_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_PAELLA_H_

#include "scheduler_daemon/policies/ready_groups.h"

namespace paella::scheduler_daemon {

class PaellaPolicy : public PolicyOperations {
 public:
  struct Settings {
    std::uint64_t starvation_bound_ns = kNever;
    std::uint64_t debt_kept_ns = 0;
    std::uint64_t threshold_ns = 0;
  };

  explicit PaellaPolicy(const Settings& settings) : settings_(settings) {}

  std::string_view name() const override { return "paella"; }
  std::uint64_t starvation_bound_ns() const override { return settings_.starvation_bound_ns; }
  std::uint64_t debt_kept_ns() const override { return settings_.debt_kept_ns; }
  void Attached(const PolicyView& view) override { view_ = &view; }
  ReadyId Pick(std::uint64_t) override;
  bool GoesBefore(const JobInfo& job, const JobInfo& other) const override {
    return !IsOwed(other.tenant) && job.remaining_ns < other.remaining_ns;
  }
  void JobProgressed(JobId job, const JobInfo& info, std::uint64_t) override;
  void CommandReady(ReadyId id, const CommandInfo& command, std::uint64_t) override;
  void CommandDispatched(ReadyId id, const CommandInfo& command, std::uint64_t) override;
  void CommandWithdrawn(ReadyId id, const CommandInfo& command, std::uint64_t) override;
  void CommandCompleted(ReadyId, const CommandInfo& command, std::uint64_t, std::uint64_t) override;

 private:
  void Remove(ReadyId id, const CommandInfo& command);
  bool IsOwed(TenantId tenant) const {
    return settings_.threshold_ns == 0 || view_->DebtNs(tenant) > static_cast<double>(settings_.threshold_ns);
  }
  Rank DebtRank(TenantId tenant) const { return {view_->ServiceTag(tenant), tenant}; }
  static Rank JobRank(const JobInfo& job) { return {static_cast<double>(job.remaining_ns), job.number}; }

  const Settings settings_;
  const PolicyView* view_ = nullptr;
  ReadyGroups jobs_;
  // Within a tenant by its job's remaining time when the command became ready: a job with several streams progresses
  // while one waits, which then stands a little too far back, in its own tenant only.
  ReadyGroups tenants_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_PAELLA_H_
