// The process that owns the GPU's only context. paellad starts it, hands it clients, and replaces it when it ends.
//
//   main thread      Scheduler::Step, for ever: reads rings, dispatches, sees completions; sleeps on the doorbells
//   control thread   packets of paellad: clients come and go, slabs arrive, questions are asked
//   workers          one per client: what may wait (allocation, loading)
//   keeper           has a few slabs of memory ready (slab_stock.h)
//   reaper           gives back what a client leaves, which may wait for its worker
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_EXECUTOR_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_EXECUTOR_H_

#include <cstdint>
#include <string>

#include "ipc/control_socket.h"

namespace paella::scheduler_daemon {

struct ExecutorSettings {
  std::string driver;
  int device = 0;
  std::string policy;  // "NAME key=value ..."
  std::uint64_t ready_memory_bytes = 0;  // made before anybody asks for it
  bool stream_priorities = true;         // by class
  std::string knowledge_file;            // empty: what is learned goes with the process
};

// How the process ends, as paellad sees it.
inline constexpr int kExecutorDone = 0;       // paellad closed the socket
inline constexpr int kExecutorNoGpu = 3;      // the driver gives no context: trying again at once is useless
inline constexpr int kExecutorGpuFault = 4;   // a client's work ended the context

// Runs until paellad closes `control` or the context is lost; gives the exit status.
int RunExecutor(const ExecutorSettings& settings, ipc::ControlSocket control);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_EXECUTOR_H_
