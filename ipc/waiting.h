// Adaptive waiting for something in a channel: spins for a short, bounded time and then sleeps on the channel's futex.
//
// Used by the client's threads. Every sleep is cut into slices after which the caller's `alive` is asked, so that no
// wait outlives the daemon by more than kSliceOfSleep.
#ifndef PAELLA_IPC_WAITING_H_
#define PAELLA_IPC_WAITING_H_

#include <chrono>
#include <cstdint>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "ipc/channel.h"
#include "ipc/futex.h"

namespace paella::ipc {

inline constexpr std::chrono::milliseconds kSliceOfSleep{100};

inline void CpuRelax() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

// On a machine with few cores whoever spins takes the core from the one that it waits for.
inline bool HasCoresToSpare() {
  constexpr unsigned kFew = 4;
  static const bool answer = std::thread::hardware_concurrency() > kFew;
  return answer;
}

// How long a wait may spin before it sleeps: the context's scheduling flags in numbers.
enum class WaitStyle { kSpin, kYield, kBlock, kAuto };

// kAuto: the driver spins without end where it may; a sleep and its wake-up would cost tens of microseconds.
inline std::chrono::nanoseconds SpinTime(WaitStyle style) {
  switch (style) {
    case WaitStyle::kBlock: return std::chrono::microseconds(2);
    case WaitStyle::kAuto: return std::chrono::microseconds(HasCoresToSpare() ? 5000 : 200);
    case WaitStyle::kSpin:
    case WaitStyle::kYield: break;
  }
  return std::chrono::milliseconds(50);
}

class ChannelWaiter {
 public:
  explicit ChannelWaiter(Channel channel) : channel_(channel) {}

  // Waits until `done()`; false if the channel's sticky error was set or `alive()` turned false first.
  template <typename Done, typename Alive>
  bool Wait(WaitStyle style, Done done, Alive alive) const {
    const auto spin_until = std::chrono::steady_clock::now() + SpinTime(style);
    for (std::uint32_t turn = 1;; ++turn) {
      if (done()) return true;
      if (channel_.header().sticky_error.load(std::memory_order_acquire) != 0) return false;
      CpuRelax();
      constexpr std::uint32_t kTurnsPerClockRead = 64;
      if (turn % kTurnsPerClockRead == 0 && std::chrono::steady_clock::now() > spin_until) break;
    }
    while (!done()) {
      if (channel_.header().sticky_error.load(std::memory_order_acquire) != 0 || !alive()) return false;
      SleepOnce(done);
    }
    return true;
  }

 private:
  template <typename Done>
  void SleepOnce(Done done) const {
    ChannelHeader& header = channel_.header();
    const std::uint32_t news = header.news.load(std::memory_order_acquire);
    header.client_sleepers.fetch_add(1, std::memory_order_acq_rel);  // pairs with Channel::AnnounceNews
    if (!done() && header.sticky_error.load(std::memory_order_acquire) == 0) FutexWait(header.news, news, kSliceOfSleep);
    header.client_sleepers.fetch_sub(1, std::memory_order_relaxed);
  }

  Channel channel_;
};

}  // namespace paella::ipc

#endif  // PAELLA_IPC_WAITING_H_
