#include "ipc/channel.h"

#include "ipc/futex.h"

namespace paella::ipc {

void Channel::AnnounceNews() const {
  // A read-modify-write, not a load: it and the one in ChannelWaiter::SleepOnce have an order. If ours is first, the
  // sleeper's acquires what was published before ours; if theirs is first, we see the sleeper. (A fence would do the
  // same, but ThreadSanitizer does not know fences.)
  if (header().client_sleepers.fetch_add(0, std::memory_order_acq_rel) == 0) return;
  header().news.fetch_add(1, std::memory_order_release);
  FutexWakeAll(header().news);
}

void Channel::SetStickyError(std::uint32_t result) const {
  std::uint32_t none = 0;
  header().sticky_error.compare_exchange_strong(none, result, std::memory_order_acq_rel);
  AnnounceNews();
}

}  // namespace paella::ipc
