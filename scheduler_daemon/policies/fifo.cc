#include "scheduler_daemon/policies/fifo.h"

#include <algorithm>

namespace paella::scheduler_daemon {

std::size_t FifoPolicy::Pick(std::span<const ReadyCommand> ready, std::uint64_t) {
  return std::ranges::min_element(ready, {}, &ReadyCommand::arrival) - ready.begin();
}

}  // namespace paella::scheduler_daemon
