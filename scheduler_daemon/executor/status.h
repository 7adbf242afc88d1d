// What the executor tells about itself: one JSON document, read by paellactl.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_STATUS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_STATUS_H_

#include <string>

#include "scheduler_daemon/executor/scheduler.h"
#include "scheduler_daemon/executor/tenants.h"

namespace paella::scheduler_daemon {

// {"policy": name, "clients": [{"client", "tenant", "class", "launches", "waiting", "in_flight_tenant",
// "memory_bytes", "gpu_seconds"}], "finished": [{"tenant", "gpu_seconds"}], "ready_memory_bytes"}. Memory and GPU time are the tenant's.
// Dispatching thread.
std::string DescribeStatus(const Scheduler& scheduler, const Tenants& tenants, const SlabStock& slabs);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_STATUS_H_
