// Hands out ranges of one span of addresses: best fit, neighbours joined when they come back.
//
// Used for the addresses of a tenant's window, for the inside of a slab, and for a client's arena. Not thread-safe.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_RANGE_ALLOCATOR_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_RANGE_ALLOCATOR_H_

#include <cstdint>
#include <map>
#include <optional>

namespace paella::scheduler_daemon {

class RangeAllocator {
 public:
  // `alignment_bytes` is a power of two; base and size are multiples of it, and so is everything that is handed out.
  RangeAllocator(std::uint64_t base, std::uint64_t size_bytes, std::uint64_t alignment_bytes);

  // Nothing if no free range is long enough. `size_bytes` is at least 1.
  std::optional<std::uint64_t> Allocate(std::uint64_t size_bytes);

  // `address` came from Allocate and was not freed since: anything else returns false and changes nothing.
  bool Free(std::uint64_t address);

  bool empty() const { return used_.empty(); }
  std::uint64_t used_bytes() const { return used_bytes_; }

 private:
  std::uint64_t alignment_;
  std::uint64_t used_bytes_ = 0;
  std::map<std::uint64_t, std::uint64_t> free_;  // address -> size
  std::map<std::uint64_t, std::uint64_t> used_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_RANGE_ALLOCATOR_H_
