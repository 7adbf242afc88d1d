#include "tests/support/daemon_process.h"

#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "scheduler_daemon/paellactl/control_client.h"

namespace paella::test {

ScratchFolder::ScratchFolder() {
  std::string name = std::filesystem::temp_directory_path() / "paella-test-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
  path_ = name;
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

DaemonProcess::DaemonProcess(const DaemonOptions& options)
    : socket_(options.socket.empty() ? folder_.path() + "/gpu.sock" : options.socket) {
  const std::string driver = options.driver.empty() ? PAELLA_TEST_DRIVER : options.driver;
  std::vector<std::string> words{PAELLA_TEST_DAEMON, "--driver", driver, "--socket", socket_};
  words.insert(words.end(), options.arguments.begin(), options.arguments.end());
  process_ = std::make_unique<ChildProcess>(words, options.environment);
}

bool DaemonProcess::WaitUntilServing() { return process_->WaitForOutput("serving "); }

ControlAnswer DaemonProcess::Ask(const std::string& verb, const std::string& argument) const {
  const auto answer = paellactl::Ask({socket_ + ".control"}, verb, argument, kPatience);
  return {answer.failed, answer.text};
}

nlohmann::json DaemonProcess::Status() const {
  const ControlAnswer answer = Ask("status");
  return answer.failed ? nlohmann::json() : nlohmann::json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
}

bool DaemonProcess::WaitForStatus(const std::function<bool(const nlohmann::json&)>& holds) const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const nlohmann::json status = Status();
    if (status.is_object() && holds(status)) return true;
    constexpr std::chrono::milliseconds kBetweenQuestions{5};
    std::this_thread::sleep_for(kBetweenQuestions);
  }
  return false;
}

pid_t DaemonProcess::executor_pid() const {
  const nlohmann::json status = Status();
  const bool known = status.is_object() && status["daemon"]["executor_pid"].is_number();
  return known ? status["daemon"]["executor_pid"].get<pid_t>() : -1;
}

std::optional<int> DaemonProcess::Stop() {
  process_->Signal(SIGTERM);
  return process_->Wait();
}

nlohmann::json TenantIn(const nlohmann::json& status, const std::string& tenant) {
  for (const auto& entry : status["tenants"]) {
    if (entry["tenant"] == tenant) return entry;
  }
  return nullptr;
}

Environment ClientEnvironment(const std::string& socket, const std::string& tenant) {
  std::string preload = PAELLA_TEST_SHIM;
  // A sanitizer's runtime wants to be first.
  if (*PAELLA_TEST_SANITIZER_RUNTIME != '\0') preload = PAELLA_TEST_SANITIZER_RUNTIME ":" + preload;
  return {{"LD_PRELOAD", preload},
          {"PAELLA_SOCKET", socket},
          {"PAELLA_TENANT", tenant},
          {"PAELLA_REAL_DRIVER", "/nonexistent"},  // this machine's may be of another version than the simulated one
          {"CUDA_VISIBLE_DEVICES", "0"}};
}

Environment NativeEnvironment() { return {{"LD_LIBRARY_PATH", PAELLA_TEST_DRIVER_FOLDER}}; }

}  // namespace paella::test
