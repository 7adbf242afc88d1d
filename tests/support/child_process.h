// A program that a test starts: its output is kept as it comes, every wait has a bound, and none outlives the test.
#ifndef PAELLA_TESTS_SUPPORT_CHILD_PROCESS_H_
#define PAELLA_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ipc/shared_memory.h"

namespace paella::test {

// Generous: with sanitizers, on a machine with other work, everything takes many times longer.
inline constexpr std::chrono::seconds kPatience{60};

using Environment = std::map<std::string, std::string>;

// Becomes ready when the process ends, child or not, reaped or not.
class EndOfProcess {
 public:
  explicit EndOfProcess(pid_t pid);
  bool Await(std::chrono::milliseconds timeout = kPatience) const;

 private:
  ipc::Fd pid_fd_;
  bool was_there_;
};

class ChildProcess {
 public:
  // Starts `words[0]` with our environment and `changes` to it. Its standard input is a pipe of ours.
  ChildProcess(const std::vector<std::string>& words, const Environment& changes);
  ~ChildProcess();  // kills it, if it still runs
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }

  // Its exit status, 128 + the signal that ended it, or nothing if it runs on.
  std::optional<int> Wait(std::chrono::milliseconds timeout = kPatience);
  bool WaitForOutput(const std::string& text, std::chrono::milliseconds timeout = kPatience);
  void Signal(int signal) const;
  void WriteInput(const std::string& text) const;

  std::string output() const;  // standard output so far
  std::string errors() const;  // standard error so far

 private:
  void Collect();

  ipc::Fd input_, output_, errors_, stop_;
  pid_t pid_ = -1;
  std::optional<int> status_;

  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::string output_text_, errors_text_;  // guarded by mutex_
  bool at_end_ = false;                    // the same
  std::thread collector_;
};

}  // namespace paella::test

#endif  // PAELLA_TESTS_SUPPORT_CHILD_PROCESS_H_
