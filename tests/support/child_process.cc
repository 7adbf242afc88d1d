#include "tests/support/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace paella::test {
namespace {

struct Pipe {
  ipc::Fd reader, writer;

  Pipe() {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    reader.Reset(fds[0]);
    writer.Reset(fds[1]);
  }
};

std::vector<std::string> EnvironmentWith(Environment changes) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!changes.contains(text.substr(0, text.find('=')))) entries.push_back(text);
  }
  for (const auto& [name, value] : changes) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> Pointers(std::vector<std::string>& words) {
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return pointers;
}

// False at the end of the file.
bool AppendFrom(int fd, std::string& text) {
  char piece[4096];
  const ssize_t size = read(fd, piece, sizeof piece);
  if (size <= 0) return false;
  text.append(piece, static_cast<std::size_t>(size));
  return true;
}

}  // namespace

EndOfProcess::EndOfProcess(pid_t pid)
    : pid_fd_(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))), was_there_(pid_fd_.valid()) {}

bool EndOfProcess::Await(std::chrono::milliseconds timeout) const {
  if (!was_there_) return true;
  pollfd end{pid_fd_.get(), POLLIN, 0};
  return poll(&end, 1, static_cast<int>(timeout.count())) == 1;
}

ChildProcess::ChildProcess(const std::vector<std::string>& words, const Environment& changes)
    : stop_(eventfd(0, EFD_CLOEXEC)) {
  Pipe input, output, errors;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.reader.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.writer.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors.writer.get(), STDERR_FILENO);
  std::vector<std::string> arguments = words;
  std::vector<std::string> entries = EnvironmentWith(changes);
  const int error =
      posix_spawn(&pid_, words[0].c_str(), &actions, nullptr, Pointers(arguments).data(), Pointers(entries).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("cannot start " + words[0]);
  input_ = std::move(input.writer);
  output_ = std::move(output.reader);
  errors_ = std::move(errors.reader);
  collector_ = std::thread([this] { Collect(); });
}

ChildProcess::~ChildProcess() {
  if (!status_) {
    Signal(SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(stop_.get(), &one, sizeof one);
  collector_.join();
}

void ChildProcess::Collect() {
  std::array<pollfd, 3> fds{{{output_.get(), POLLIN, 0}, {errors_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (poll(fds.data(), fds.size(), -1) < 0) continue;
    const std::lock_guard lock(mutex_);
    if (fds[0].revents != 0 && !AppendFrom(fds[0].fd, output_text_)) fds[0].fd = -1;
    if (fds[1].revents != 0 && !AppendFrom(fds[1].fd, errors_text_)) fds[1].fd = -1;
    news_.notify_all();
    if (fds[2].revents != 0) break;
  }
  const std::lock_guard lock(mutex_);
  at_end_ = true;
  news_.notify_all();
}

std::optional<int> ChildProcess::Wait(std::chrono::milliseconds timeout) {
  if (status_) return status_;
  if (!EndOfProcess(pid_).Await(timeout)) return std::nullopt;
  int status = 0;
  waitpid(pid_, &status, 0);
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  // What it wrote last may still be in the pipes; a child of its own may hold them open.
  std::unique_lock lock(mutex_);
  constexpr std::chrono::seconds kForTheRest{5};
  news_.wait_for(lock, kForTheRest, [this] { return at_end_; });
  return status_;
}

bool ChildProcess::WaitForOutput(const std::string& text, std::chrono::milliseconds timeout) {
  const auto told = [&] {
    return output_text_.find(text) != std::string::npos || errors_text_.find(text) != std::string::npos;
  };
  std::unique_lock lock(mutex_);
  news_.wait_for(lock, timeout, [&] { return told() || at_end_; });
  return told();
}

void ChildProcess::Signal(int signal) const { kill(pid_, signal); }

void ChildProcess::WriteInput(const std::string& text) const {
  [[maybe_unused]] const auto written = write(input_.get(), text.data(), text.size());
}

std::string ChildProcess::output() const {
  const std::lock_guard lock(mutex_);
  return output_text_;
}

std::string ChildProcess::errors() const {
  const std::lock_guard lock(mutex_);
  return errors_text_;
}

}  // namespace paella::test
