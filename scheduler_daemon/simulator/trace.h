// Recorded or written workloads: one JSON object a line, in this order.
//
//   {"tenant": "alice", "class": "latency", "weight": 2, "deadline_ms": 20}     all but the name may be left out
//   {"model": "resnet", "kernels": [{"shape": 7, "stream": 0, "blocks": 64, "threads": 256, "block_ns": 9000}, ...]}
//   {"client": 1, "tenant": "alice"}
//   {"at_ns": 1200000, "client": 1, "model": "resnet"}                          a job; in order of at_ns for each client
//
// Of a kernel shape, stream and blocks may be left out (0, 0, 1). A line that says anything else is refused with its
// number.
#ifndef PAELLA_SCHEDULER_DAEMON_SIMULATOR_TRACE_H_
#define PAELLA_SCHEDULER_DAEMON_SIMULATOR_TRACE_H_

#include <istream>
#include <string>

#include "scheduler_daemon/simulator/gpu_model.h"
#include "scheduler_daemon/simulator/workload.h"

namespace paella::scheduler_daemon {

// False, with the reason in `error`. Kernels that no SM of `gpu` could take are refused.
[[nodiscard]] bool ReadTrace(std::istream& lines, const GpuDescription& gpu, Workload& workload, std::string& error);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_SIMULATOR_TRACE_H_
