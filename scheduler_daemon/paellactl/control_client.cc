#include "scheduler_daemon/paellactl/control_client.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "ipc/control_socket.h"
#include "ipc/socket_path.h"

namespace paella::paellactl {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr char kControlSuffix[] = ".control";

milliseconds Until(Clock::time_point end) {
  return std::max(milliseconds(0), std::chrono::duration_cast<milliseconds>(end - Clock::now()));
}

std::string WhyNoConnection(int error) {
  switch (error) {
    case ECONNREFUSED: return "nobody listens there; paellad has ended";
    case EACCES: return "you may not connect; paellad's control_mode says who may";
    case ETIMEDOUT: return "paellad takes no connection";
    default: return std::strerror(error);
  }
}

std::string NoSocket(const std::vector<std::string>& paths) {
  std::string text = "there is no socket ";
  for (std::size_t i = 0; i < paths.size(); ++i) text += (i == 0 ? "" : " or ") + paths[i];
  return text + "; is paellad running?";
}

// Of several that fail, the first one that exists says why.
std::optional<ipc::ControlSocket> ConnectToAny(const std::vector<std::string>& paths, Clock::time_point end,
                                               std::string& path, std::string& error) {
  for (const std::string& candidate : paths) {
    if (const std::string why_not = ipc::WhyNotTrusted(candidate, getuid()); !why_not.empty()) {
      if (error.empty()) error = candidate + ": " + why_not;
      continue;
    }
    auto socket = ipc::ControlSocket::Connect(candidate, Until(end));
    const int reason = errno;
    if (socket) {
      path = candidate;
      return socket;
    }
    if (reason != ENOENT && error.empty()) error = candidate + ": " + WhyNoConnection(reason);
  }
  if (error.empty()) error = NoSocket(paths);
  return std::nullopt;
}

// A signal ends a wait early.
ipc::ReceiveStatus ReceiveUntil(ipc::ControlSocket& socket, ipc::Packet& packet, Clock::time_point end) {
  for (;;) {
    const milliseconds left = Until(end);
    const ipc::ReceiveStatus status = socket.Receive(packet, left);
    if (status != ipc::ReceiveStatus::kTimeout || left.count() == 0) return status;
  }
}

}  // namespace

std::vector<std::string> ControlSocketPaths(const DaemonChoice& choice, ipc::SocketEnvironment environment) {
  if (!choice.control_socket.empty()) return {choice.control_socket};
  const std::string gpu = std::to_string(choice.gpu);
  if (choice.gpu >= 0) {
    environment.cuda_visible_devices = gpu.c_str();
    environment.paella_socket = nullptr;
  }
  if (!choice.socket.empty()) environment.paella_socket = choice.socket.c_str();
  return ipc::CandidateSocketPaths(environment, kControlSuffix);
}

Answer Ask(const std::vector<std::string>& paths, const std::string& verb, const std::string& argument,
           milliseconds timeout) {
  const Clock::time_point end = Clock::now() + timeout;
  std::string path, error;
  auto socket = ConnectToAny(paths, end, path, error);
  if (!socket) return {true, error};

  ipc::ControlRequest request;
  request.verb = verb;
  request.argument = argument;
  // A daemon that turns us away may have closed already: what it said, if anything, is still to be read.
  socket->Send(request);
  ipc::Packet packet;
  switch (ReceiveUntil(*socket, packet, end)) {
    case ipc::ReceiveStatus::kPacket: break;
    case ipc::ReceiveStatus::kTimeout: return {true, path + ": paellad does not answer"};
    case ipc::ReceiveStatus::kClosed: return {true, path + ": paellad closed the connection"};
    case ipc::ReceiveStatus::kMalformed: return {true, path + ": the answer is malformed"};
  }
  const auto reply = packet.AsText(&ipc::ControlReply::text);
  if (!reply) return {true, path + ": the answer is malformed"};
  return {reply->failed != 0, reply->text};
}

}  // namespace paella::paellactl
