// The job with the shortest predicted remaining GPU time first: the least mean response time there is, if predictions
// hold.
//
// Suits: mixes of short and long jobs with a heavy tail, all equally important.
// Bad: long jobs starve while short ones keep coming (the bound is off by default: it is the price of the mean); wrong
// where jobs are not recognised, or are cut because a program never goes idle; unfair to a tenant with large models.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_SRPT_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_SRPT_H_

#include "scheduler_daemon/policies/job_ranked_policy.h"

namespace paella::scheduler_daemon {

class SrptPolicy : public JobRankedPolicy {
 public:
  explicit SrptPolicy(std::uint64_t starvation_bound_ns) : JobRankedPolicy(starvation_bound_ns) {}
  std::string_view name() const override { return "srpt"; }

  bool GoesBefore(const JobInfo& job, const JobInfo& other) const override {
    return job.remaining_ns < other.remaining_ns;
  }

 protected:
  Rank RankOf(const JobInfo& job) const override { return {static_cast<double>(job.remaining_ns), job.number}; }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_SRPT_H_
