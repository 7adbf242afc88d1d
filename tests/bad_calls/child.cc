#include "tests/bad_calls/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>

namespace paella::bad_calls {
namespace {

using Clock = std::chrono::steady_clock;

// False when the time is up first.
bool WaitReadable(int descriptor, Clock::time_point deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{descriptor, POLLIN, 0};
    const int ready = poll(&entry, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) std::abort();
  }
}

[[noreturn]] void Execute(const std::vector<std::string>& rows, int output) {
  std::string run = "--run";
  std::vector<char*> arguments = {program_invocation_name, run.data()};
  std::vector<std::string> names = rows;
  for (std::string& name : names) arguments.push_back(name.data());
  arguments.push_back(nullptr);
  dup2(output, STDOUT_FILENO);
  execv("/proc/self/exe", arguments.data());
  _exit(127);
}

}  // namespace

Child::Child(const std::vector<std::string>& rows) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) std::abort();
  pid_ = fork();
  if (pid_ < 0) std::abort();
  if (pid_ == 0) Execute(rows, ends[1]);
  close(ends[1]);
  output_ = ends[0];
}

Child::~Child() {
  close(output_);
  if (pid_ > 0) End(/*kill=*/true, 0);
}

Child::Read Child::ReadLine(std::string& line, int timeout_ms) {
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    if (const std::size_t end = buffer_.find('\n'); end != std::string::npos) {
      line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return Read::kLine;
    }
    if (!WaitReadable(output_, deadline)) return Read::kTimeUp;
    char chunk[4096];
    const ssize_t got = read(output_, chunk, sizeof(chunk));
    if (got <= 0) return Read::kEnd;
    buffer_.append(chunk, static_cast<std::size_t>(got));
  }
}

bool Child::End(bool kill_it, int timeout_ms) {
  // A descriptor of the process becomes readable at its end; without one (an old kernel) there is no bounded wait.
  const int process = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  const Clock::time_point deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  if (kill_it || process < 0 || !WaitReadable(process, deadline)) kill(pid_, SIGKILL);
  if (process >= 0) close(process);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace paella::bad_calls
