// A policy whose order is a rank of jobs, and within a job the order of arrival: what job-fifo and srpt share.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_JOB_RANKED_POLICY_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_JOB_RANKED_POLICY_H_

#include "scheduler_daemon/policies/ready_groups.h"

namespace paella::scheduler_daemon {

class JobRankedPolicy : public PolicyOperations {
 public:
  explicit JobRankedPolicy(std::uint64_t starvation_bound_ns) : starvation_bound_ns_(starvation_bound_ns) {}

  std::uint64_t starvation_bound_ns() const override { return starvation_bound_ns_; }
  void Attached(const PolicyView& view) override { view_ = &view; }
  ReadyId Pick(std::uint64_t) override { return jobs_.first(); }
  void JobProgressed(JobId job, const JobInfo& info, std::uint64_t) override { jobs_.SetRank(job, RankOf(info)); }
  void CommandReady(ReadyId id, const CommandInfo& command, std::uint64_t) override {
    jobs_.Add(command.job, RankOf(view_->Job(command.job)), id, {0, command.arrival});
  }
  void CommandDispatched(ReadyId id, const CommandInfo& command, std::uint64_t) override {
    jobs_.Remove(command.job, id);
  }
  void CommandWithdrawn(ReadyId id, const CommandInfo& command, std::uint64_t) override {
    jobs_.Remove(command.job, id);
  }

 protected:
  // The least goes first.
  virtual Rank RankOf(const JobInfo& job) const = 0;

 private:
  const std::uint64_t starvation_bound_ns_;
  const PolicyView* view_ = nullptr;
  ReadyGroups jobs_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_JOB_RANKED_POLICY_H_
