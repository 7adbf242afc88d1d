#include "scheduler_daemon/executor/output_capture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio_ext.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <string_view>
#include <utility>

// A sanitizer's report comes just before the process ends: not by way of a thread that may end first.
extern "C" [[gnu::weak]] void __sanitizer_set_report_fd(void* fd);

namespace paella::scheduler_daemon {
namespace {

void WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

// As the driver writes them: "file:line: function: block: [0,0,0], thread: [0,0,0] Assertion `x` failed."
bool IsOfAssertion(std::string_view line) {
  const std::size_t block = line.find(": block: [");
  return block != std::string_view::npos && line.find("Assertion `", block) != std::string_view::npos;
}

int pipe_at_abort = -1;
int original_at_abort = -1;
std::atomic<bool> is_forwarding{false};  // something was read, perhaps, that was not written yet

// What the C library said of the reason lies in the pipe, and nobody may get to read it any more.
void OnAbort(int) {
  constexpr timespec kStep{0, 1'000'000};
  for (int i = 0; i < 100 && is_forwarding; ++i) nanosleep(&kStep, nullptr);
  char buffer[4096];
  for (ssize_t got; (got = read(pipe_at_abort, buffer, sizeof buffer)) > 0;) {
    if (write(original_at_abort, buffer, static_cast<std::size_t>(got)) < 0) break;
  }
  signal(SIGABRT, SIG_DFL);
}

}  // namespace

bool PrintfCapture::Start() {
  memory_ = ipc::Fd(memfd_create("kernel-text", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!memory_.valid() || ftruncate(memory_.get(), kCapacityBytes) != 0) return false;
  if (fcntl(memory_.get(), F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) != 0) return false;
  std::fflush(stdout);
  return dup2(memory_.get(), STDOUT_FILENO) == STDOUT_FILENO;
}

// The driver may write meanwhile, for kernels of the same client, when another thread launches something. So the place
// to write at goes back to the beginning only now and then, and not if it has just moved.
std::string PrintfCapture::Take() {
  const bool fits = std::fflush(stdout) == 0;  // the driver may use the C library's buffer
  if (!fits) {  // what is left there must not come out as the next client's
    __fpurge(stdout);
    std::clearerr(stdout);
  }
  const off_t end = lseek(memory_.get(), 0, SEEK_CUR);
  if (end <= taken_) return {};
  std::string text(static_cast<std::size_t>(end - taken_), '\0');
  const ssize_t got = pread(memory_.get(), text.data(), text.size(), taken_);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  constexpr int kGiveBack = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
  [[maybe_unused]] const int kept = fallocate(memory_.get(), kGiveBack, taken_, end - taken_);  // no harm if so
  taken_ = end;
  if (end > static_cast<off_t>(kCapacityBytes / 2) && lseek(memory_.get(), 0, SEEK_CUR) == end) {
    lseek(memory_.get(), 0, SEEK_SET);
    taken_ = 0;
  }
  return text;
}

bool AssertionCapture::Start() {
  int ends[2];
  original_ = ipc::Fd(fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
  if (!original_.valid() || pipe2(ends, O_CLOEXEC) != 0) return false;
  pipe_ = ipc::Fd(ends[0]);
  const ipc::Fd writer(ends[1]);
  fcntl(pipe_.get(), F_SETFL, O_NONBLOCK);
  if (dup2(writer.get(), STDERR_FILENO) != STDERR_FILENO) return false;
  if (__sanitizer_set_report_fd != nullptr) {
    __sanitizer_set_report_fd(reinterpret_cast<void*>(static_cast<std::intptr_t>(original_.get())));
  }
  pipe_at_abort = pipe_.get();
  original_at_abort = original_.get();
  signal(SIGABRT, OnAbort);
  std::thread([this] { Forward(); }).detach();
  return true;
}

bool AssertionCapture::ReadSome(std::string& text) {
  char buffer[4096];
  const ssize_t got = read(pipe_.get(), buffer, sizeof buffer);
  if (got <= 0) return false;
  text.assign(buffer, static_cast<std::size_t>(got));
  line_ += text;
  for (std::size_t end; (end = line_.find('\n')) != std::string::npos; line_.erase(0, end + 1)) {
    const std::string_view line = std::string_view(line_).substr(0, end + 1);
    if (IsOfAssertion(line) && lines_.size() + line.size() <= kCapacityBytes) lines_ += line;
  }
  if (line_.size() > kCapacityBytes) line_.clear();
  return true;
}

void AssertionCapture::Forward() {
  for (;;) {
    pollfd readable{pipe_.get(), POLLIN, 0};
    poll(&readable, 1, -1);
    is_forwarding = true;
    std::string text;
    {
      const std::lock_guard lock(mutex_);
      ReadSome(text);
    }
    WriteAll(original_.get(), text);  // may take its time: nobody waits for it with the lock
    is_forwarding = false;
  }
}

std::string AssertionCapture::Take() {
  const std::lock_guard lock(mutex_);
  for (std::string text; ReadSome(text);) WriteAll(original_.get(), text);
  return std::exchange(lines_, {});
}

}  // namespace paella::scheduler_daemon
