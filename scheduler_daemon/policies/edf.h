// The job with the earliest deadline first (its beginning plus what its tenant's settings allow); those without one
// last, in order of arrival.
//
// Suits: tenants with promised response times and a GPU that can keep them all: then it does.
// Bad: under overload it spends the GPU on jobs that are late already, and all miss; a tenant without a deadline
// starves beside busy ones without the bound (100 ms by default).
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_EDF_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_EDF_H_

#include "scheduler_daemon/policies/ranked_policy.h"

namespace paella::scheduler_daemon {

class EdfPolicy : public RankedPolicy {
 public:
  explicit EdfPolicy(std::uint64_t starvation_bound_ns) : RankedPolicy(starvation_bound_ns) {}
  std::string_view name() const override { return "edf"; }
  bool GoesBefore(const JobInfo& job, const JobInfo& other) const override {
    return job.deadline_ns < other.deadline_ns;
  }

 protected:
  Rank RankOf(const CommandInfo& command) const override {
    return {static_cast<double>(view().Job(command.job).deadline_ns), command.arrival};
  }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_EDF_H_
