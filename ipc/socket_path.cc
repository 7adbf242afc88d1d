#include "ipc/socket_path.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

namespace paella::ipc {
namespace {

bool IsSet(const char* value) { return value != nullptr && *value != '\0'; }

// The digits at the start of a list like "1,2"; "0" for a list that starts with a UUID or anything else.
std::string FirstOrdinal(const char* visible_devices) {
  if (!IsSet(visible_devices)) return "0";
  constexpr std::size_t kMaxDigits = 4;
  const std::size_t digits = std::strspn(visible_devices, "0123456789");
  const char after = visible_devices[digits];
  if (digits == 0 || digits > kMaxDigits || (after != '\0' && after != ',')) return "0";
  return std::string(visible_devices, digits);
}

}  // namespace

SocketEnvironment SocketEnvironment::OfThisProcess() {
  return {std::getenv("PAELLA_SOCKET"), std::getenv("CUDA_VISIBLE_DEVICES"), std::getenv("XDG_RUNTIME_DIR"), getuid()};
}

std::vector<std::string> CandidateSocketPaths(const SocketEnvironment& environment, const std::string& suffix) {
  if (IsSet(environment.paella_socket)) return {environment.paella_socket + suffix};
  const std::string name = "/gpu" + FirstOrdinal(environment.cuda_visible_devices) + ".sock" + suffix;
  const std::string own = IsSet(environment.xdg_runtime_dir) ? std::string(environment.xdg_runtime_dir) + "/paella"
                                                             : "/tmp/paella-" + std::to_string(environment.uid);
  return {"/run/paella" + name, own + name};
}

}  // namespace paella::ipc
