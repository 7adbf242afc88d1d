#include "scheduler_daemon/paellactl/run.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "ipc/tenant_name.h"

namespace paella::paellactl {
namespace {

bool IsSet(const char* value) { return value != nullptr && *value != '\0'; }

// The first GPU of a list like "2,0": the one that the shim will show, as the socket is that GPU's. Frameworks count
// GPUs through NVML and this variable, and would find more than there are.
std::string FirstOf(const std::string& visible_devices) { return visible_devices.substr(0, visible_devices.find(',')); }

void ChooseGpu(const RunOptions& options, const std::function<const char*(const char*)>& get, Changes& changes) {
  constexpr char kDevices[] = "CUDA_VISIBLE_DEVICES";
  const char* devices = get(kDevices);
  const bool is_socket_known = !options.socket.empty() || IsSet(get("PAELLA_SOCKET"));
  if (options.gpu >= 0) {
    changes[kDevices] = std::to_string(options.gpu);
    // What was said here comes before the environment: this GPU's own socket.
    if (options.socket.empty()) changes["PAELLA_SOCKET"] = std::nullopt;
  } else if (devices != nullptr) {
    changes[kDevices] = FirstOf(devices);
  } else if (!is_socket_known) {
    changes.emplace(kDevices, "0");
  }
}

}  // namespace

Changes EnvironmentChanges(const RunOptions& options, const std::string& library, const std::string& program,
                           const std::function<const char*(const char*)>& get) {
  Changes changes;
  const char* preload = get("LD_PRELOAD");
  changes["LD_PRELOAD"] = IsSet(preload) ? library + ":" + preload : library;
  ChooseGpu(options, get, changes);
  const auto set = [&](const char* name, const std::string& value) {
    if (!value.empty()) changes[name] = value;
  };
  // Named here and not by the shim: the workers of a launcher that uses no GPU itself are one tenant then.
  if (!IsSet(get(ipc::kTenantVariable))) set(ipc::kTenantVariable, ipc::DefaultTenantName(program));
  set(ipc::kTenantVariable, options.tenant);
  set("PAELLA_CLASS", options.class_name);
  set("PAELLA_SOCKET", options.socket);
  set("PAELLA_FALLBACK", options.fallback);
  set("PAELLA_LOG", options.log);
  return changes;
}

std::string FindLibrary(const std::string& executable) {
  const std::filesystem::path folder = std::filesystem::path(executable).parent_path();
  for (const char* place : {"../lib/paella/libpaella.so", "../shim/libpaella.so"}) {
    std::error_code error;
    const auto library = std::filesystem::canonical(folder / place, error);
    if (!error) return library.string();
  }
  return "";
}

int Run(const RunOptions& options, const std::vector<std::string>& command) {
  std::error_code error;
  const std::string library = FindLibrary(std::filesystem::read_symlink("/proc/self/exe", error).string());
  if (library.empty()) {
    std::cerr << "paellactl: there is no libpaella.so beside this program (../lib/paella, or ../shim in a build)\n";
    return kExitOfOurOwn;
  }
  if (library.find_first_of(": ") != library.npos) {
    std::cerr << "paellactl: " << library << ": the loader cannot preload from a path with a space or a colon in it\n";
    return kExitOfOurOwn;
  }
  const std::string program = std::filesystem::path(command[0]).filename();
  const auto get = [](const char* name) { return std::getenv(name); };
  for (const auto& [name, value] : EnvironmentChanges(options, library, program, get)) {
    if (value ? setenv(name.c_str(), value->c_str(), 1) != 0 : unsetenv(name.c_str()) != 0) {
      std::cerr << "paellactl: " << name << ": " << std::strerror(errno) << '\n';
      return kExitOfOurOwn;
    }
  }
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  const int reason = errno;
  std::cerr << "paellactl: " << command[0] << ": " << std::strerror(reason) << '\n';
  return reason == ENOENT ? kExitNotFound : kExitCannotRun;
}

}  // namespace paella::paellactl
