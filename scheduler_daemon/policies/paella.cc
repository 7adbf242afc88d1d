#include "scheduler_daemon/policies/paella.h"

namespace paella::scheduler_daemon {

ReadyId PaellaPolicy::Pick(std::uint64_t) {
  const TenantId neediest = tenants_.first_group();
  return IsOwed(neediest) ? tenants_.FirstOf(neediest) : jobs_.first();
}

void PaellaPolicy::JobProgressed(JobId job, const JobInfo& info, std::uint64_t) { jobs_.SetRank(job, JobRank(info)); }

void PaellaPolicy::CommandReady(ReadyId id, const CommandInfo& command, std::uint64_t) {
  const JobInfo& job = view_->Job(command.job);
  jobs_.Add(command.job, JobRank(job), id, {0, command.arrival});
  tenants_.Add(command.tenant, DebtRank(command.tenant), id,
               {static_cast<double>(job.remaining_ns), command.arrival});
}

void PaellaPolicy::Remove(ReadyId id, const CommandInfo& command) {
  jobs_.Remove(command.job, id);
  tenants_.Remove(command.tenant, id);
}

void PaellaPolicy::CommandDispatched(ReadyId id, const CommandInfo& command, std::uint64_t) {
  Remove(id, command);
  tenants_.SetRank(command.tenant, DebtRank(command.tenant));
}

void PaellaPolicy::CommandWithdrawn(ReadyId id, const CommandInfo& command, std::uint64_t) { Remove(id, command); }

void PaellaPolicy::CommandCompleted(ReadyId, const CommandInfo& command, std::uint64_t, std::uint64_t) {
  tenants_.SetRank(command.tenant, DebtRank(command.tenant));
}

}  // namespace paella::scheduler_daemon
