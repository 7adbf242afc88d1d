#include "ipc/tenant_name.h"

#include <pwd.h>
#include <unistd.h>

namespace paella::ipc {
namespace {

std::string UserName() {
  char memory[4096];
  passwd entry;
  passwd* found = nullptr;
  if (getpwuid_r(getuid(), &entry, memory, sizeof memory, &found) == 0 && found != nullptr) return entry.pw_name;
  return std::to_string(getuid());
}

}  // namespace

std::string DefaultTenantName(const std::string& program) {
  return UserName() + "/" + program + "." + std::to_string(getpid());
}

}  // namespace paella::ipc
