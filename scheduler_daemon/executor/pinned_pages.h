// Memory of the host that the GPU may read and write.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_PINNED_PAGES_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_PINNED_PAGES_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>

#include "scheduler_daemon/driver.h"

namespace paella::scheduler_daemon {

// cuMemHostRegister, with pages that are there before it: else the driver holds the context's lock until the kernel has
// made and cleared them, 8 ms for 16 MiB, and the dispatching thread waits for it. Where they cannot be made before,
// the driver does it, or says why not.
inline CUresult PinPages(const Driver& driver, void* address, std::size_t size_bytes, unsigned flags) {
  constexpr std::uintptr_t kInPage = 4096 - 1;
  const auto begin = reinterpret_cast<std::uintptr_t>(address);
  const std::uintptr_t end = (begin + size_bytes + kInPage) & ~kInPage;
  madvise(reinterpret_cast<void*>(begin & ~kInPage), end - (begin & ~kInPage), MADV_POPULATE_WRITE);
  return driver.cuMemHostRegister(address, size_bytes, flags);
}

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_PINNED_PAGES_H_
