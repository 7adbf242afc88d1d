#include "scheduler_daemon/executor/owned_ranges.h"

#include <algorithm>

namespace paella::scheduler_daemon {

bool OwnedRanges::Add(std::uint64_t address, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  return ranges_.emplace(address, Range{size_bytes, false, true}).second;
}

void OwnedRanges::SetMapping(std::uint64_t address, std::uint64_t size_bytes, bool writable) {
  const std::lock_guard lock(mutex_);
  ranges_.insert_or_assign(address, Range{size_bytes, true, writable});
  if (!writable) lost_.fetch_add(1, std::memory_order_release);
}

bool OwnedRanges::Remove(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  lost_.fetch_add(1, std::memory_order_release);
  return ranges_.erase(address) == 1;
}

void OwnedRanges::BeginRetiring(std::uint64_t address, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  retiring_.emplace(address, size_bytes);
  lost_.fetch_add(1, std::memory_order_release);
}

void OwnedRanges::EndRetiring(std::uint64_t address, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  const auto [first, last] = retiring_.equal_range(address);
  const auto found = std::find_if(first, last, [&](const auto& entry) { return entry.second == size_bytes; });
  if (found != last) retiring_.erase(found);
}

std::size_t OwnedRanges::retiring() const {
  const std::lock_guard lock(mutex_);
  return retiring_.size();
}

bool OwnedRanges::IsRetiring(std::uint64_t address, std::uint64_t size_bytes) const {
  return std::ranges::any_of(retiring_, [&](const auto& entry) {
    // Without sums, which could wrap: what a client says of its sizes may be anything.
    return entry.first < address ? address - entry.first < entry.second : entry.first - address < size_bytes;
  });
}

bool OwnedRanges::Allow(std::uint64_t address, std::uint64_t size_bytes, RangeUse use) const {
  const std::lock_guard lock(mutex_);
  auto range = ranges_.upper_bound(address);
  if (range == ranges_.begin()) return false;
  --range;
  const std::uint64_t offset = address - range->first;
  if (offset > range->second.size_bytes) return false;
  std::uint64_t held = range->second.size_bytes - offset;  // of the span, by the ranges seen so far
  for (;;) {
    const auto& [start, last] = *range;
    if (use == RangeUse::kWrite && !last.writable) return false;
    if (!retiring_.empty() && IsRetiring(start, last.size_bytes)) return false;
    if (held >= size_bytes) return true;
    const std::uint64_t end = start + last.size_bytes;
    ++range;
    if (!last.is_mapping || range == ranges_.end() || range->first != end || !range->second.is_mapping) return false;
    held += range->second.size_bytes;
  }
}

}  // namespace paella::scheduler_daemon
