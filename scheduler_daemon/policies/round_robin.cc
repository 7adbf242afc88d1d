#include "scheduler_daemon/policies/round_robin.h"

namespace paella::scheduler_daemon {

// The round in which it is next: this one if the circle has not come to it yet.
Rank RoundRobinPolicy::TurnOf(TenantId tenant) const {
  return {static_cast<double>(tenant > last_ ? round_ : round_ + 1), tenant};
}

void RoundRobinPolicy::CommandReady(ReadyId id, const CommandInfo& command, std::uint64_t) {
  tenants_.Add(command.tenant, TurnOf(command.tenant), id, {0, command.arrival});
}

void RoundRobinPolicy::CommandDispatched(ReadyId id, const CommandInfo& command, std::uint64_t) {
  // The starvation bound may have chosen another than the next in the circle: then the circle stays where it is.
  if (tenants_.first_group() == command.tenant) {
    if (command.tenant <= last_) ++round_;
    last_ = command.tenant;
  }
  tenants_.Remove(command.tenant, id);
  tenants_.SetRank(command.tenant, TurnOf(command.tenant));
}

void RoundRobinPolicy::CommandWithdrawn(ReadyId id, const CommandInfo& command, std::uint64_t) {
  tenants_.Remove(command.tenant, id);
}

}  // namespace paella::scheduler_daemon
