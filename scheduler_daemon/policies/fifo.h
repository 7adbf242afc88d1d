// First in, first out over all tenants: what one queue in front of the GPU would do.
//
// Suits: one tenant, or tenants with jobs alike; a yardstick for the others, and what takes over when one is evicted.
// Bad: a tenant with many or long commands makes every other one wait for all of them. Starves nobody.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_FIFO_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_FIFO_H_

#include "scheduler_daemon/policies/ranked_policy.h"

namespace paella::scheduler_daemon {

class FifoPolicy : public RankedPolicy {
 public:
  explicit FifoPolicy(std::uint64_t starvation_bound_ns = kNever) : RankedPolicy(starvation_bound_ns) {}
  std::string_view name() const override { return "fifo"; }

 protected:
  Rank RankOf(const CommandInfo& command) const override { return {0, command.arrival}; }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_FIFO_H_
