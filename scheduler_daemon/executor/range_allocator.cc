#include "scheduler_daemon/executor/range_allocator.h"

#include <iterator>

namespace paella::scheduler_daemon {

RangeAllocator::RangeAllocator(std::uint64_t base, std::uint64_t size_bytes, std::uint64_t alignment_bytes)
    : alignment_(alignment_bytes) {
  free_.emplace(base, size_bytes);
}

std::optional<std::uint64_t> RangeAllocator::Allocate(std::uint64_t size_bytes) {
  const std::uint64_t size = (size_bytes + alignment_ - 1) & ~(alignment_ - 1);
  if (size < size_bytes || size == 0) return std::nullopt;  // overflow
  auto best = free_.end();
  for (auto range = free_.begin(); range != free_.end(); ++range) {
    if (range->second >= size && (best == free_.end() || range->second < best->second)) best = range;
  }
  if (best == free_.end()) return std::nullopt;
  const auto [address, available] = *best;
  free_.erase(best);
  if (available > size) free_.emplace(address + size, available - size);
  used_.emplace(address, size);
  used_bytes_ += size;
  return address;
}

bool RangeAllocator::Free(std::uint64_t address) {
  const auto range = used_.find(address);
  if (range == used_.end()) return false;
  std::uint64_t size = range->second;
  used_.erase(range);
  used_bytes_ -= size;
  auto next = free_.lower_bound(address);
  if (next != free_.end() && next->first == address + size) {
    size += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second == address) {
      previous->second += size;
      return true;
    }
  }
  free_.emplace(address, size);
  return true;
}

}  // namespace paella::scheduler_daemon
