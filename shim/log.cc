#include "shim/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace paella::shim {
namespace {

constexpr int kUnopened = -2;
constexpr int kOff = -1;
std::atomic<int> log_fd{kUnopened};

int OpenLog() {
  const char* setting = std::getenv("PAELLA_LOG");
  if (setting == nullptr || *setting == '\0') return kOff;
  if (std::strcmp(setting, "stderr") == 0) return STDERR_FILENO;
  const int fd = open(setting, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) TellUser("PAELLA_LOG: %s: %s", setting, std::strerror(errno));
  return fd < 0 ? kOff : fd;
}

int LogFd() {
  int fd = log_fd.load(std::memory_order_relaxed);
  if (fd != kUnopened) return fd;
  const int opened = OpenLog();
  if (log_fd.compare_exchange_strong(fd, opened, std::memory_order_relaxed)) return opened;
  if (opened > STDERR_FILENO) close(opened);
  return fd;
}

void WriteLine(int fd, const char* format, std::va_list arguments) {
  char line[1024];
  int size = std::snprintf(line, sizeof line, "paella: ");
  size += std::vsnprintf(line + size, sizeof line - size - 1, format, arguments);
  if (size > static_cast<int>(sizeof line) - 2) size = sizeof line - 2;
  line[size++] = '\n';
  if (write(fd, line, size) < 0) return;  // nowhere to report that
}

}  // namespace

bool LogIsOn() noexcept { return LogFd() >= 0; }

void Log(const char* format, ...) noexcept {
  const int fd = LogFd();
  if (fd < 0) return;
  std::va_list arguments;
  va_start(arguments, format);
  WriteLine(fd, format, arguments);
  va_end(arguments);
}

void TellUser(const char* format, ...) noexcept {
  std::va_list arguments;
  va_start(arguments, format);
  WriteLine(STDERR_FILENO, format, arguments);
  va_end(arguments);
}

}  // namespace paella::shim
