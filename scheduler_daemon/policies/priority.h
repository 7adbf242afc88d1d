// Strict classes: latency before normal before best-effort, in order of arrival within a class.
//
// Suits: few requests that must be quick beside work that has time.
// Bad: says nothing about tenants of one class, and a lower class starves while a higher one is busy, for which the
// bound is off by default: whoever sets classes wants just that.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_PRIORITY_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_PRIORITY_H_

#include "scheduler_daemon/policies/ranked_policy.h"

namespace paella::scheduler_daemon {

class PriorityPolicy : public RankedPolicy {
 public:
  explicit PriorityPolicy(std::uint64_t starvation_bound_ns) : RankedPolicy(starvation_bound_ns) {}
  std::string_view name() const override { return "priority"; }
  bool goes_by_classes() const override { return true; }

 protected:
  // A change of class counts from the tenant's next commands on.
  Rank RankOf(const CommandInfo& command) const override {
    return {static_cast<double>(view().Tenant(command.tenant).tenant_class), command.arrival};
  }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_PRIORITY_H_
