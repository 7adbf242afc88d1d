// Job by job in the order in which they began: the commands of an older job go before those of a younger one.
//
// Suits: jobs alike, where finishing one is worth more than having begun two; kernels of different jobs do not
// alternate, so each job takes about as long as alone.
// Bad: a long job, and a program that never goes idle (one job until it is cut), make everybody behind it wait.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_JOB_FIFO_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_JOB_FIFO_H_

#include "scheduler_daemon/policies/job_ranked_policy.h"

namespace paella::scheduler_daemon {

class JobFifoPolicy : public JobRankedPolicy {
 public:
  explicit JobFifoPolicy(std::uint64_t starvation_bound_ns) : JobRankedPolicy(starvation_bound_ns) {}
  std::string_view name() const override { return "job-fifo"; }

 protected:
  Rank RankOf(const JobInfo& job) const override { return {static_cast<double>(job.number), 0}; }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_JOB_FIFO_H_
