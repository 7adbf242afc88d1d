// What is done to mapped memory in more than one place. On a client's worker, whose context is current.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_MAPPED_MEMORY_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_MAPPED_MEMORY_H_

#include <cstdint>

#include "scheduler_daemon/driver.h"

namespace paella::scheduler_daemon {

// Gives the device these rights, to one mapping or several side by side.
CUresult SetAccess(const Driver& driver, CUdevice device, std::uint64_t address, std::uint64_t size_bytes,
                   CUmemAccess_flags flags);

// Starts to zero it. It is zero when FinishClearing has returned.
CUresult StartClearing(const Driver& driver, std::uint64_t address, std::uint64_t size_bytes);
CUresult FinishClearing(const Driver& driver);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_MAPPED_MEMORY_H_
