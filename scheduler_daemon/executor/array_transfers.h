// Copies with an array on a side: from a client's record to the driver's terms, checked. On the dispatching thread.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_ARRAY_TRANSFERS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_ARRAY_TRANSFERS_H_

#include <cuda.h>

#include <cstddef>
#include <span>

#include "messages.h"
#include "scheduler_daemon/executor/transfers.h"

namespace paella::scheduler_daemon {

// `described` is filled where the copy is found good. Arrays and memory must be the client's; `staging` is its
// channel's.
TransferVerdict ReadArrayCopy(const ipc::CopyArray& copy, const ClientObjects& objects, std::span<std::byte> staging,
                              CUDA_MEMCPY3D& described);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_ARRAY_TRANSFERS_H_
