#include "ipc/process_barrier.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace paella::ipc {
namespace {

long Membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }

}  // namespace

bool CanMakeProcessBarriers() {
  constexpr long kNeeded = MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED;
  const long commands = Membarrier(MEMBARRIER_CMD_QUERY);
  return commands > 0 && (commands & kNeeded) == kNeeded;
}

bool RegisterForProcessBarriers() { return Membarrier(MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED) == 0; }

void BarrierInRegisteredProcesses() { Membarrier(MEMBARRIER_CMD_GLOBAL_EXPEDITED); }

}  // namespace paella::ipc
