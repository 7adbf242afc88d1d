#include "scheduler_daemon/policies/round_robin.h"

#include <algorithm>
#include <utility>

namespace paella::scheduler_daemon {

std::size_t RoundRobinPolicy::Pick(std::span<const ReadyCommand> ready, std::uint64_t) {
  // Unsigned distance from the tenant after the last one: the next tenant in the circle has the smallest.
  const auto turn = [this](const ReadyCommand& command) {
    return std::pair(command.tenant - last_tenant_ - 1, command.arrival);
  };
  return std::ranges::min_element(ready, {}, turn) - ready.begin();
}

void RoundRobinPolicy::OnDispatched(const ReadyCommand& command, std::uint64_t) { last_tenant_ = command.tenant; }

}  // namespace paella::scheduler_daemon
