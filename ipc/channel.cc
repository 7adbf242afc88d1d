#include "ipc/channel.h"

#include "ipc/futex.h"

namespace paella::ipc {

void Channel::AnnounceNews() const {
  // Pairs with ChannelWaiter::SleepOnce: what was published before this fence is seen by a sleeper that we do not see.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (header().client_sleepers.load(std::memory_order_relaxed) == 0) return;
  header().news.fetch_add(1, std::memory_order_release);
  FutexWakeAll(header().news);
}

}  // namespace paella::ipc
