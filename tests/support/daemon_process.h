// paellad over the simulated GPU, with sockets in a folder of its own, and the programs that a test runs against it.
#ifndef PAELLA_TESTS_SUPPORT_DAEMON_PROCESS_H_
#define PAELLA_TESTS_SUPPORT_DAEMON_PROCESS_H_

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child_process.h"

namespace paella::test {

// A folder that goes with the object.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct ControlAnswer {
  bool failed;
  std::string text;
};

struct DaemonOptions {
  std::vector<std::string> arguments = {};  // behind those that name driver and socket
  Environment environment = {};
  std::string socket = "";  // empty: in a folder of its own
  std::string driver = "";  // empty: the simulated GPU
};

class DaemonProcess {
 public:
  explicit DaemonProcess(const DaemonOptions& options = {});

  bool WaitUntilServing();
  // Asks until `holds` is true of the status document; false when patience ends.
  bool WaitForStatus(const std::function<bool(const nlohmann::json&)>& holds) const;
  nlohmann::json Status() const;  // null if it does not answer
  ControlAnswer Ask(const std::string& verb, const std::string& argument = "") const;

  // SIGTERM. The exit status, or nothing if it does not end.
  std::optional<int> Stop();

  pid_t executor_pid() const;
  const std::string& socket() const { return socket_; }
  std::string log() const { return process_->errors(); }
  bool WaitForLog(const std::string& text) { return process_->WaitForOutput(text); }
  ChildProcess& process() { return *process_; }

 private:
  ScratchFolder folder_;
  std::string socket_;
  std::unique_ptr<ChildProcess> process_;
};

// The entry of a tenant in a status document, or null.
nlohmann::json TenantIn(const nlohmann::json& status, const std::string& tenant);

// What a program needs in its environment to be a client of the daemon at `socket`.
Environment ClientEnvironment(const std::string& socket, const std::string& tenant);
// To run on the simulated GPU itself.
Environment NativeEnvironment();

}  // namespace paella::test

#endif  // PAELLA_TESTS_SUPPORT_DAEMON_PROCESS_H_
