#include "shim/handshake.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "ipc/channel.h"
#include "ipc/socket_path.h"
#include "ipc/tenant_name.h"

namespace paella::shim {
namespace {

constexpr std::chrono::milliseconds kAnswerTimeout{5000};
constexpr std::size_t kExpectedFds = 3;  // channel, arena, doorbell

std::string Setting(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

// The children of a program belong to its tenant: they find the name that was made here in their environment.
std::string TenantName(const std::string& program) {
  const std::string name = Setting(ipc::kTenantVariable, "");
  if (!name.empty()) return name;
  const std::string made = ipc::DefaultTenantName(program);
  setenv(ipc::kTenantVariable, made.c_str(), 1);  // also over an empty one
  return made;
}

std::optional<ipc::ControlSocket> ConnectToAny(std::string& path, std::string& reason) {
  const auto environment = ipc::SocketEnvironment::OfThisProcess();
  for (const std::string& candidate : ipc::CandidateSocketPaths(environment)) {
    if (const std::string why_not = ipc::WhyNotTrusted(candidate, environment.uid); !why_not.empty()) {
      path = candidate;
      reason = why_not;
      continue;
    }
    auto socket = ipc::ControlSocket::Connect(candidate);
    const int error = errno;
    // Of several that fail, the one that exists tells more.
    if (socket || path.empty() || error != ENOENT) {
      path = candidate;
      reason = std::strerror(error);
      if (error == ENOENT || error == ECONNREFUSED) reason += " (start paellad, or set PAELLA_FALLBACK=native)";
    }
    if (socket) return socket;
  }
  return std::nullopt;
}

// Signals cut a wait short, and a program may have a profiler's timer running.
ipc::ReceiveStatus ReceiveAnswer(ipc::ControlSocket& socket, ipc::Packet& packet) {
  using std::chrono::milliseconds;
  const auto end = std::chrono::steady_clock::now() + kAnswerTimeout;
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(end - std::chrono::steady_clock::now());
    const ipc::ReceiveStatus status = socket.Receive(packet, std::max(left, milliseconds(0)));
    if (status != ipc::ReceiveStatus::kTimeout || left <= milliseconds(0)) return status;
  }
}

bool Map(ipc::Packet& packet, Connection& connection, std::string& reason) {
  const ipc::Welcome& welcome = connection.welcome;
  if (packet.fds.size() != kExpectedFds || welcome.channel_bytes != ipc::kChannelBytes || welcome.window_bytes == 0 ||
      !ipc::IsSealedMemory(packet.fds[0].get(), welcome.channel_bytes) ||
      !ipc::IsSealedMemory(packet.fds[1].get(), welcome.arena_bytes)) {
    reason = "its welcome is malformed";
    return false;
  }
  connection.channel = ipc::Mapping::Shared(packet.fds[0].get(), welcome.channel_bytes);
  connection.arena = ipc::Mapping::Shared(packet.fds[1].get(), welcome.arena_bytes, welcome.arena_base);
  connection.window = ipc::Mapping::Inaccessible(welcome.window_base, welcome.window_bytes);
  connection.arena_memory = std::move(packet.fds[1]);
  connection.doorbell = std::move(packet.fds[2]);
  if (connection.channel.valid() && connection.arena.valid() && connection.window.valid()) return true;
  reason = std::string("cannot map its memory here: ") + std::strerror(errno);
  return false;
}

}  // namespace

std::optional<Connection> Connect(int own_driver_version, std::string& path, std::string& reason) {
  auto socket = ConnectToAny(path, reason);
  if (!socket) return std::nullopt;
  Connection connection;
  connection.socket = std::move(*socket);

  const std::string program = program_invocation_short_name;
  ipc::Hello hello;
  hello.version = ipc::kProtocolVersion;
  hello.features = ipc::kFeatureUnsupportedCalls;
  hello.driver_version = own_driver_version;
  hello.tenant = TenantName(program);
  hello.class_name = Setting("PAELLA_CLASS", "normal");
  hello.program = program;
  ipc::Packet packet;
  if (!connection.socket.Send(hello)) {
    reason = "it does not take our greeting";
    return std::nullopt;
  }
  switch (ReceiveAnswer(connection.socket, packet)) {
    case ipc::ReceiveStatus::kPacket: break;
    case ipc::ReceiveStatus::kTimeout: reason = "it does not answer"; return std::nullopt;
    case ipc::ReceiveStatus::kClosed: reason = "it closed the connection"; return std::nullopt;
    case ipc::ReceiveStatus::kMalformed: reason = "its answer is malformed"; return std::nullopt;
  }
  if (const auto refusal = packet.As<ipc::Refusal>()) {
    reason = "it refuses: " + refusal->reason;
    return std::nullopt;
  }
  auto welcome = packet.As<ipc::Welcome>();
  if (!welcome || welcome->version != ipc::kProtocolVersion) {
    reason = "it speaks another version of the protocol";
    return std::nullopt;
  }
  connection.welcome = std::move(*welcome);
  if (!Map(packet, connection, reason)) return std::nullopt;
  return connection;
}

}  // namespace paella::shim
