// Starts the executor as a child: the same program under another name, with one end of a socket.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_EXECUTOR_PROCESS_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_EXECUTOR_PROCESS_H_

#include <sys/types.h>

#include <optional>
#include <string>

#include "ipc/control_socket.h"
#include "scheduler_daemon/paellad/settings.h"

namespace paella::scheduler_daemon {

inline constexpr char kExecutorName[] = "paella-executor";  // argv[0], and what nvidia-smi shows

struct ExecutorProcess {
  pid_t pid = -1;
  ipc::ControlSocket socket;
};

// The executor dies with this process. Nothing on failure, with the reason in `error`.
std::optional<ExecutorProcess> StartExecutor(const Settings& settings, const std::string& policy, std::string& error);

// What the child's main does with the arguments that StartExecutor gave. Returns the exit status.
int ExecutorMain(int argc, char** argv);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_EXECUTOR_PROCESS_H_
