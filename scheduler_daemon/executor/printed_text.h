// What kernels have printed, on its way from the driver to the clients.
//
//   driver's buffer ─ flush ─▶ standard output ─▶ PrintfCapture ─▶ ClientText of who has the turn ─ TextTake ─▶ client
//
// The driver writes what is in its buffer when a thread waits for the GPU. The executor's threads never do, so it is
// made to here: on a thread of this object's, or on the worker of the client that asks.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_PRINTED_TEXT_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_PRINTED_TEXT_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/output_capture.h"
#include "scheduler_daemon/executor/worker.h"

namespace paella::scheduler_daemon {

// Text that one client has not fetched yet. Any thread.
class ClientText {
 public:
  // For one that never fetches any: the oldest goes first, as in the driver's own buffer.
  static constexpr std::size_t kCapacityBytes = PrintfCapture::kCapacityBytes;

  void Append(std::string_view text);
  // Up to `most` bytes; what is taken is gone.
  std::string Take(std::size_t most);
  bool empty() const;

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

class PrintedText {
 public:
  PrintedText(const Driver& driver, CUcontext context)
      : driver_(driver), worker_([this, context] { driver_.cuCtxSetCurrent(context); }) {}

  // From now on standard output is ours. Once, with the context current.
  CUresult Start();

  // Brings what was printed until now to who has the turn, and gives it to `next` (null: to nobody). Returns at once;
  // `done` is called when that has happened. Any thread.
  void PassTo(std::shared_ptr<ClientText> next, std::function<void()> done);
  // Brings what was printed until now to `text`, if it has the turn. Waits; so not on the dispatching thread.
  void BringTo(const ClientText& text);
  // The same for whoever has it, of what the driver has written by itself: for when the context is lost.
  void BringWhatIsWritten();

 private:
  void Flush();  // under mutex_
  void Bring();  // under mutex_

  const Driver& driver_;
  PrintfCapture capture_;
  std::timed_mutex mutex_;             // held while the driver flushes
  std::shared_ptr<ClientText> owner_;  // guarded by mutex_
  CUstream stream_ = nullptr;
  unsigned* word_ = nullptr;           // pinned, for stream_ to write to
  Worker worker_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_PRINTED_TEXT_H_
