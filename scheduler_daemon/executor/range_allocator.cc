#include "scheduler_daemon/executor/range_allocator.h"

#include <algorithm>
#include <iterator>

namespace paella::scheduler_daemon {

RangeAllocator::RangeAllocator(std::uint64_t base, std::uint64_t size_bytes, std::uint64_t alignment_bytes)
    : alignment_(alignment_bytes) {
  free_.emplace(base, size_bytes);
}

std::uint64_t RangeAllocator::Rounded(std::uint64_t size_bytes) const {
  const std::uint64_t size = (size_bytes + alignment_ - 1) & ~(alignment_ - 1);
  return size < size_bytes ? 0 : size;
}

void RangeAllocator::Take(Ranges::iterator from, std::uint64_t address, std::uint64_t size) {
  const auto [start, available] = *from;
  free_.erase(from);
  const std::uint64_t before = address - start;
  if (before > 0) free_.emplace(start, before);
  if (available > before + size) free_.emplace(address + size, available - before - size);
  used_.emplace(address, size);
  used_bytes_ += size;
}

std::optional<std::uint64_t> RangeAllocator::Allocate(std::uint64_t size_bytes, std::uint64_t alignment_bytes) {
  const std::uint64_t size = Rounded(size_bytes);
  if (size == 0) return std::nullopt;
  const std::uint64_t mask = std::max(alignment_bytes, alignment_) - 1;
  auto best = free_.end();
  for (auto range = free_.begin(); range != free_.end(); ++range) {
    const std::uint64_t before = -range->first & mask;
    if (before > range->second || range->second - before < size) continue;
    if (best == free_.end() || range->second < best->second) best = range;
  }
  if (best == free_.end()) return std::nullopt;
  const std::uint64_t address = best->first + (-best->first & mask);
  Take(best, address, size);
  return address;
}

bool RangeAllocator::AllocateAt(std::uint64_t address, std::uint64_t size_bytes) {
  const std::uint64_t size = Rounded(size_bytes);
  if (size == 0 || address % alignment_ != 0) return false;
  auto range = free_.upper_bound(address);
  if (range == free_.begin()) return false;
  --range;
  const std::uint64_t before = address - range->first;
  if (before > range->second || range->second - before < size) return false;
  Take(range, address, size);
  return true;
}

bool RangeAllocator::Split(std::uint64_t address, std::uint64_t size_bytes) {
  const auto range = used_.find(address);
  const std::uint64_t size = Rounded(size_bytes);
  if (range == used_.end() || size == 0 || size >= range->second) return false;
  used_.emplace(address + size, range->second - size);
  range->second = size;
  return true;
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
