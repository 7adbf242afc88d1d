#include "ipc/socket_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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

std::string TemporaryFolder(uid_t uid) { return "/tmp/paella-" + std::to_string(uid); }

}  // namespace

SocketEnvironment SocketEnvironment::OfThisProcess() {
  return {std::getenv("PAELLA_SOCKET"), std::getenv("CUDA_VISIBLE_DEVICES"), std::getenv("XDG_RUNTIME_DIR"), getuid()};
}

std::vector<std::string> CandidateSocketPaths(const SocketEnvironment& environment, const std::string& suffix) {
  if (IsSet(environment.paella_socket)) return {environment.paella_socket + suffix};
  const std::string name = "/gpu" + FirstOrdinal(environment.cuda_visible_devices) + ".sock" + suffix;
  const std::string own = IsSet(environment.xdg_runtime_dir) ? std::string(environment.xdg_runtime_dir) + "/paella"
                                                             : TemporaryFolder(environment.uid);
  return {"/run/paella" + name, own + name};
}

bool IsInTemporaryFolder(const std::string& socket_path, uid_t uid) {
  return socket_path.starts_with(TemporaryFolder(uid) + "/");
}

std::string WhyNotTrusted(const std::string& socket_path, uid_t uid) {
  return IsInTemporaryFolder(socket_path, uid) ? WhyNotPrivate(TemporaryFolder(uid), uid) : "";
}

std::string WhyNotPrivate(const std::string& folder, uid_t uid) {
  struct stat status;
  if (lstat(folder.c_str(), &status) != 0) return errno == ENOENT ? "" : folder + ": " + std::strerror(errno);
  if (!S_ISDIR(status.st_mode)) return folder + " is no folder";
  if (status.st_uid != uid) return folder + " belongs to another user";
  constexpr mode_t kAllBits = 07777, kPrivate = 0700;
  if ((status.st_mode & kAllBits) != kPrivate) return folder + " is not private: its mode must be 0700";
  return "";
}

}  // namespace paella::ipc
