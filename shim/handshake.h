// Meets the daemon: finds its socket, says who we are, and maps what it gives. Called once, inside cuInit.
#ifndef PAELLA_SHIM_HANDSHAKE_H_
#define PAELLA_SHIM_HANDSHAKE_H_

#include <optional>
#include <string>

#include "ipc/control_socket.h"
#include "ipc/shared_memory.h"
#include "messages.h"

namespace paella::shim {

// What a successful handshake leaves: the client's whole connection.
struct Connection {
  ipc::ControlSocket socket;
  ipc::Fd doorbell;
  ipc::Mapping channel;
  ipc::Mapping arena;
  ipc::Fd arena_memory;  // what it is mapped from
  ipc::Mapping window;  // inaccessible: keeps host memory out of the GPU's addresses
  ipc::Welcome welcome;
};

// On failure, `path` is the socket that was tried and `reason` says what went wrong, in words for the program's user.
std::optional<Connection> Connect(int own_driver_version, std::string& path, std::string& reason);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_HANDSHAKE_H_
