// `paellactl run`: starts a program as a client of Paella. Sets what the shim and the program's libraries read from the
// environment, preloads the shim, and becomes the program.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLACTL_RUN_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLACTL_RUN_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace paella::paellactl {

// Empty and negative: not said, so the environment's own stays.
struct RunOptions {
  std::string tenant;
  std::string class_name;
  std::string socket;
  std::string fallback;
  std::string log;
  int gpu = -1;
};

// As env(1) has them.
inline constexpr int kExitOfOurOwn = 125;
inline constexpr int kExitCannotRun = 126;
inline constexpr int kExitNotFound = 127;

// What to set (or, where there is nothing, to unset) in the environment of `program`. `get` reads the present one.
using Changes = std::map<std::string, std::optional<std::string>>;
Changes EnvironmentChanges(const RunOptions& options, const std::string& library, const std::string& program,
                           const std::function<const char*(const char*)>& get);

// libpaella.so of the installation or build folder that `executable` (an absolute path) lies in. "" if there is none.
std::string FindLibrary(const std::string& executable);

// Returns only if that fails, with an exit status, after it said on standard error why. `command` is not empty.
int Run(const RunOptions& options, const std::vector<std::string>& command);

}  // namespace paella::paellactl

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLACTL_RUN_H_
