// One command of each tenant in turn, in a circle of their numbers, the tenant's oldest first.
//
// Suits: tenants with commands alike; needs no predictions.
// Bad: equal numbers of commands, not equal GPU time: unfair to tenants with short kernels beside long ones, and
// everybody's jobs take as many times longer as there are tenants. Starves nobody: a tenant's turn comes after one
// command of each other.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_ROUND_ROBIN_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_ROUND_ROBIN_H_

#include "scheduler_daemon/policies/ready_groups.h"

namespace paella::scheduler_daemon {

class RoundRobinPolicy : public PolicyOperations {
 public:
  explicit RoundRobinPolicy(std::uint64_t starvation_bound_ns) : starvation_bound_ns_(starvation_bound_ns) {}

  std::string_view name() const override { return "round-robin"; }
  std::uint64_t starvation_bound_ns() const override { return starvation_bound_ns_; }
  ReadyId Pick(std::uint64_t) override { return tenants_.first(); }
  void CommandReady(ReadyId id, const CommandInfo& command, std::uint64_t) override;
  void CommandDispatched(ReadyId id, const CommandInfo& command, std::uint64_t) override;
  void CommandWithdrawn(ReadyId id, const CommandInfo& command, std::uint64_t) override;

 private:
  Rank TurnOf(TenantId tenant) const;

  const std::uint64_t starvation_bound_ns_;
  ReadyGroups tenants_;
  std::uint64_t round_ = 0;
  TenantId last_ = 0;  // served last, in this round
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_ROUND_ROBIN_H_
