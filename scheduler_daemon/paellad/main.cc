// paellad, and under the name that it gives its child, the executor.
#include <fcntl.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/paellad/daemon.h"
#include "scheduler_daemon/paellad/executor_process.h"
#include "scheduler_daemon/paellad/settings.h"

namespace paella::scheduler_daemon {
namespace {

void StartLog(const char* name) {
  spdlog::set_default_logger(spdlog::stderr_color_mt(name));
  spdlog::flush_on(spdlog::level::info);
}

// What nohup asked for.
bool IsIgnored(int number) {
  struct sigaction action;
  return sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// SIGTERM, SIGINT and SIGHUP (the terminal is gone) as a descriptor, blocked otherwise; before any thread exists.
int TakeSignals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a limit of file sizes is an error of the call: a client is refused with it
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (!IsIgnored(SIGHUP)) sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, nullptr);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int DaemonMain(int argc, char** argv) {
  Settings settings;
  switch (ReadSettings(argc, argv, settings)) {
    case SettingsResult::kRun: break;
    case SettingsResult::kExit: return 0;
    case SettingsResult::kError: return 2;
  }
  std::string error;
  if (!ChooseSockets(settings, error)) {
    std::fprintf(stderr, "paellad: no folder for the sockets can be used: %s (name one with --socket)\n", error.c_str());
    return 1;
  }
  if (!PrepareStateDirectory(settings, error)) {
    std::fprintf(stderr, "paellad: what is learned cannot be kept: %s\n", error.c_str());
    return 1;
  }
  StartLog("paellad");
  spdlog::set_level(spdlog::level::from_str(settings.log_level));
  const int signals = TakeSignals();
  auto driver = Driver::Load(settings.driver, error);
  if (driver == nullptr) {
    spdlog::error("no CUDA driver: {}", error);
    return 1;
  }
  return Daemon(settings, std::move(driver)).Run(signals);
}

}  // namespace
}  // namespace paella::scheduler_daemon

// A file that was opened under one of their numbers would get the log, or the text of kernels, which the executor catches
// at standard output.
void OpenStandardFds() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (fcntl(fd, F_GETFD) < 0) open("/dev/null", O_RDWR);  // gets the lowest number that is free, which is this one
  }
}

int main(int argc, char** argv) {
  using namespace paella::scheduler_daemon;
  OpenStandardFds();
  if (argc > 0 && std::string_view(argv[0]) == kExecutorName) {
    StartLog("executor");
    return ExecutorMain(argc, argv);
  }
  return DaemonMain(argc, argv);
}
