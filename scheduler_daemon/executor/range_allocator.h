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

  // Nothing if no free range is long enough. `size_bytes` is at least 1; `alignment_bytes` a power of two, which counts
  // where it is greater than the allocator's own.
  std::optional<std::uint64_t> Allocate(std::uint64_t size_bytes, std::uint64_t alignment_bytes = 1);
  // False if not all of the range is free, or if `address` is not aligned.
  [[nodiscard]] bool AllocateAt(std::uint64_t address, std::uint64_t size_bytes);

  // `address` came from Allocate and was not freed since: anything else returns false and changes nothing.
  bool Free(std::uint64_t address);
  // Makes two of such a range, each to be freed by itself: the first has `size_bytes`, the second begins behind it.
  // False if it is not longer than that.
  bool Split(std::uint64_t address, std::uint64_t size_bytes);

  bool empty() const { return used_.empty(); }
  std::uint64_t used_bytes() const { return used_bytes_; }

 private:
  using Ranges = std::map<std::uint64_t, std::uint64_t>;  // address -> size

  // 0: too large for any range.
  std::uint64_t Rounded(std::uint64_t size_bytes) const;
  void Take(Ranges::iterator from, std::uint64_t address, std::uint64_t size);

  std::uint64_t alignment_;
  std::uint64_t used_bytes_ = 0;
  Ranges free_;
  Ranges used_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_RANGE_ALLOCATOR_H_
