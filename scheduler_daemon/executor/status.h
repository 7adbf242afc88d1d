// What the executor tells about itself: one JSON document, read by paellactl.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_STATUS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_STATUS_H_

#include <cstdint>
#include <string>

#include "scheduler_daemon/executor/modules.h"
#include "scheduler_daemon/executor/scheduler.h"
#include "scheduler_daemon/executor/slab_stock.h"
#include "scheduler_daemon/executor/tenants.h"

namespace paella::scheduler_daemon {

struct ExecutorParts {
  const Scheduler& scheduler;
  const Tenants& tenants;
  const ModuleCache& modules;
  const SlabStock& slabs;
};

// {"scheduling": {"running_policy", "evictions": [{"policy", "reason", "detail"}], "kernels", "job_prefixes": how many
// are known, "kernel_accuracy", "job_accuracy": {"predictions", "within_1.2": the part of them}}, "clients":
// [{"client", "tenant", "launches", "slices", "waiting", "in_flight_tenant", "memory_bytes", "gpu_seconds",
// "charged_seconds", "jobs", "job_p50_ms", "job_p99_ms"}], "finished": [{"tenant", "gpu_seconds"}], "modules": {"loaded",
// "shared_loads"}, "ready_memory_bytes"}. Memory, GPU time and jobs are the tenant's. Dispatching thread.
std::string DescribeStatus(const ExecutorParts& executor, std::uint64_t now_ns);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_STATUS_H_
