// One question to paellad over its control socket: ControlRequest there, ControlReply back. Used by every command of
// paellactl but `run`.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLACTL_CONTROL_CLIENT_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLACTL_CONTROL_CLIENT_H_

#include <chrono>
#include <string>
#include <vector>

#include "ipc/socket_path.h"

namespace paella::paellactl {

inline constexpr std::chrono::milliseconds kAnswerTimeout{5000};  // connecting included

// Which daemon is meant. Empty and negative: not said.
struct DaemonChoice {
  std::string control_socket;
  std::string socket;  // where programs connect; the control socket is beside it
  int gpu = -1;
};

// The control sockets to try, in this order. What was said on the command line comes before the environment.
std::vector<std::string> ControlSocketPaths(const DaemonChoice& choice, ipc::SocketEnvironment environment);

struct Answer {
  bool failed = true;
  std::string text;  // what was asked for; or, for people, what went wrong
};

Answer Ask(const std::vector<std::string>& paths, const std::string& verb, const std::string& argument,
           std::chrono::milliseconds timeout = kAnswerTimeout);

}  // namespace paella::paellactl

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLACTL_CONTROL_CLIENT_H_
