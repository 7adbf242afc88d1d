#include "scheduler_daemon/paellad/executor_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>
#include <vector>

#include "scheduler_daemon/executor/executor.h"

namespace paella::scheduler_daemon {
namespace {

// Between fork and exec: only calls that are safe after a fork.
[[noreturn]] void BecomeExecutor(int fd, pid_t parent, char* const* arguments) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  fcntl(fd, F_SETFD, 0);
  execv("/proc/self/exe", arguments);
  _exit(127);
}

template <typename Number>
bool ParseNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

std::string KnowledgeFile(const Settings& settings) {
  if (settings.state_directory.empty()) return "";
  return settings.state_directory + "/gpu" + std::to_string(settings.device) + ".knowledge";
}

}  // namespace

std::optional<ExecutorProcess> StartExecutor(const Settings& settings, const std::string& policy, std::string& error) {
  auto [ours, theirs] = ipc::ControlSocket::Pair();
  if (!ours.valid()) {
    error = std::strerror(errno);
    return std::nullopt;
  }
  std::vector<std::string> words{kExecutorName,  std::to_string(theirs.get()), settings.driver,
                                 std::to_string(settings.device), policy, settings.log_level,
                                 std::to_string(settings.ready_memory_bytes), KnowledgeFile(settings),
                                 std::to_string(settings.stream_priorities)};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const pid_t self = getpid();
  const pid_t pid = fork();
  if (pid == 0) BecomeExecutor(theirs.get(), self, arguments.data());
  if (pid < 0) {
    error = std::strerror(errno);
    return std::nullopt;
  }
  return ExecutorProcess{pid, ipc::ControlSocket(std::move(ours))};
}

int ExecutorMain(int argc, char** argv) {
  constexpr int kArguments = 9;
  int fd = -1;
  int stream_priorities = 1;
  ExecutorSettings settings;
  if (argc != kArguments || !ParseNumber(argv[1], fd) || !ParseNumber(argv[3], settings.device) ||
      !ParseNumber(argv[6], settings.ready_memory_bytes) || !ParseNumber(argv[8], stream_priorities)) {
    spdlog::error("{} is started by paellad, not by hand", kExecutorName);
    return kExecutorNoGpu;
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_NAME, kExecutorName);
  signal(SIGINT, SIG_IGN);  // Ctrl-C reaches the whole group; paellad decides
  signal(SIGTERM, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  settings.driver = argv[2];
  settings.policy = argv[4];
  settings.knowledge_file = argv[7];
  settings.stream_priorities = stream_priorities != 0;
  spdlog::set_level(spdlog::level::from_str(argv[5]));
  return RunExecutor(settings, ipc::ControlSocket(ipc::Fd(fd)));
}

}  // namespace paella::scheduler_daemon
