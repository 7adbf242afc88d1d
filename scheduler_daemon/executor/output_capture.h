// What the driver writes into the executor's standard output and standard error: the text of kernels. The driver writes
// in the process that has the context; here it is caught, so that it can be given to the client whose kernel it was.
//
// The executor's own log is not among it: it goes where standard error went before (Executor::Run).
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_OUTPUT_CAPTURE_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_OUTPUT_CAPTURE_H_

#include <sys/types.h>

#include <cstddef>
#include <mutex>
#include <string>
#include <thread>

#include "ipc/shared_memory.h"

namespace paella::scheduler_daemon {

// Standard output, where printf's text comes. Into memory and not into a pipe, so that no writer ever waits.
class PrintfCapture {
 public:
  // What may lie there between two calls of Take; what is written beyond is lost. Some times printf's own buffer of 1
  // MiB, since numbers grow when they become text.
  static constexpr std::size_t kCapacityBytes = 16 << 20;

  // False, with the reason in errno: standard output stays what it is.
  bool Start();
  // What was written since the last call. One thread at a time.
  std::string Take();

 private:
  ipc::Fd memory_;
  off_t taken_ = 0;  // up to there
};

// Standard error, where the text of assertions comes. It goes on to where it went before, and the lines of assertions
// are kept. One thread; it ends with the process.
class AssertionCapture {
 public:
  static constexpr std::size_t kCapacityBytes = 48 << 10;  // of lines that are kept, the first ones

  bool Start();
  // Standard error as it was before Start, for the process's own log.
  int original_fd() const { return original_.get(); }
  // The lines of assertions among all that was written until now.
  std::string Take();

 private:
  void Forward();
  bool ReadSome(std::string& text);  // under mutex_

  ipc::Fd original_, pipe_;
  std::mutex mutex_;
  std::string line_;   // guarded by mutex_: the beginning of one whose end was not read yet
  std::string lines_;  // guarded by mutex_
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_OUTPUT_CAPTURE_H_
