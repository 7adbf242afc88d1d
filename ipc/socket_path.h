// Where a daemon's socket is: the one rule that client, daemon and control tool share.
//
//   PAELLA_SOCKET, if set, else gpu<ordinal>.sock in /run/paella, in $XDG_RUNTIME_DIR/paella, or in /tmp/paella-<uid>
//   if there is no XDG_RUNTIME_DIR. The ordinal is the first entry of CUDA_VISIBLE_DEVICES, if that is a number, else 0.
//
// Anybody may make a folder in /tmp, under any name. So one in there is used by both sides only if it is the user's own
// and nobody else can look into it.
#ifndef PAELLA_IPC_SOCKET_PATH_H_
#define PAELLA_IPC_SOCKET_PATH_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace paella::ipc {

// What the rule looks at. Null pointers: not set.
struct SocketEnvironment {
  const char* paella_socket = nullptr;
  const char* cuda_visible_devices = nullptr;
  const char* xdg_runtime_dir = nullptr;
  uid_t uid = 0;

  static SocketEnvironment OfThisProcess();
};

// `suffix` tells a daemon's sockets apart: "" for clients. In the order to try; never empty.
std::vector<std::string> CandidateSocketPaths(const SocketEnvironment& environment, const std::string& suffix = "");

// Whether the socket's folder is the user's in /tmp.
bool IsInTemporaryFolder(const std::string& socket_path, uid_t uid);

// Why nobody should connect or listen at a candidate: "" if its folder may be trusted, or is missing.
std::string WhyNotTrusted(const std::string& socket_path, uid_t uid);

// Why a folder is not one of `uid` alone (0700, no link): "" if it is, or is missing.
std::string WhyNotPrivate(const std::string& folder, uid_t uid);

}  // namespace paella::ipc

#endif  // PAELLA_IPC_SOCKET_PATH_H_
