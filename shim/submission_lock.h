// The lock that makes the order of a client's threads the order of its commands. It is held for tens of nanoseconds, so
// a waiter spins before it sleeps, and taking it free is one atomic operation.
#ifndef PAELLA_SHIM_SUBMISSION_LOCK_H_
#define PAELLA_SHIM_SUBMISSION_LOCK_H_

#include <atomic>
#include <cstdint>

#include "ipc/futex.h"
#include "ipc/waiting.h"

namespace paella::shim {

class SubmissionLock {
 public:
  void lock() {
    std::uint32_t seen = kFree;
    if (state_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire)) return;  // pairs with unlock
    LockSlowly();
  }

  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kHeldWithSleepers) ipc::FutexWakeAll(state_);
  }

 private:
  static constexpr std::uint32_t kFree = 0, kHeld = 1, kHeldWithSleepers = 2;
  static constexpr int kSpins = 200;

  void LockSlowly() {
    for (int i = 0; i < kSpins; ++i) {
      std::uint32_t seen = kFree;
      if (state_.load(std::memory_order_relaxed) == kFree &&
          state_.compare_exchange_strong(seen, kHeld, std::memory_order_acquire)) {
        return;
      }
      ipc::CpuRelax();
    }
    // The bound is only a safety net: unlock() wakes.
    while (state_.exchange(kHeldWithSleepers, std::memory_order_acquire) != kFree) {
      ipc::FutexWait(state_, kHeldWithSleepers, ipc::kSliceOfSleep);
    }
  }

  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_SUBMISSION_LOCK_H_
