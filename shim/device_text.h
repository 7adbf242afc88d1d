// Text that this program's kernels write: fetched from the daemon, and written to the program's own streams.
//
// The driver writes what was printed when a thread waits for the GPU, and so does this: in each waiting call, before it
// returns, if a kernel that may print was launched since the last time. To others that costs a look at two counters.
//
// Any thread. It is written by the C library's stdout, so that it comes behind what the program has printed before.
#ifndef PAELLA_SHIM_DEVICE_TEXT_H_
#define PAELLA_SHIM_DEVICE_TEXT_H_

#include <atomic>
#include <cstdint>
#include <mutex>

#include "ipc/channel.h"

namespace paella::shim {

class Submission;

class DeviceText {
 public:
  // A command that may print was posted.
  void Expect(std::uint32_t stream, std::uint64_t sequence) noexcept;

  // Writes what was printed by commands that are done.
  void Bring(Submission& submission) noexcept {
    if (expected_.load(std::memory_order_acquire) != brought_.load(std::memory_order_acquire)) [[unlikely]] {
      BringNow(submission);
    }
  }

 private:
  void BringNow(Submission& submission) noexcept;
  bool AllAreDone(const Submission& submission) const;

  std::atomic<std::uint64_t> expected_{0};  // commands, ever
  std::atomic<std::uint64_t> brought_{0};   // so many of them were done when text was fetched last
  std::atomic<std::uint64_t> latest_[ipc::kMaxStreams] = {};  // of each stream, the latest such command
  std::mutex mutex_;  // held while text is fetched and written: who comes second waits for it
};

// Writes what the executor left of this client's text before the error that stays: once, whoever asks first.
void WriteLastWords(const ipc::LastWords& words) noexcept;

}  // namespace paella::shim

#endif  // PAELLA_SHIM_DEVICE_TEXT_H_
