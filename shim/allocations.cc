#include "shim/allocations.h"

#include <iterator>
#include <mutex>

#include "shim/memory_pools.h"

namespace paella::shim {
namespace {

template <typename Map>
auto HolderOf(Map& by_base, std::uint64_t address) {
  auto after = by_base.upper_bound(address);
  if (after == by_base.begin()) return by_base.end();
  --after;
  return address - after->second.base < after->second.size_bytes ? after : by_base.end();
}

struct Found {
  std::uint64_t version = 0;
  Allocation allocation;
};

// What this thread found last, by bits of the address: large buffers, whose bases differ there, have a place each.
constexpr std::size_t kPlaces = 4;
constexpr int kPlaceShift = 21;
thread_local constinit Found found_last[kPlaces];

std::atomic<std::uint64_t> last_version{0};

}  // namespace

void Allocations::Changed() {
  // Pairs with Find. Whoever knows of the change, because this thread told, sees the new version.
  version_.store(last_version.fetch_add(1, std::memory_order_relaxed) + 1, std::memory_order_release);
}

void Allocations::Add(Allocation allocation) {
  const std::lock_guard lock(mutex_);
  allocation.id = next_id_++;
  by_base_[allocation.base] = allocation;
  Changed();
}

std::optional<Allocation> Allocations::Remove(std::uint64_t base) {
  const std::lock_guard lock(mutex_);
  const auto found = by_base_.find(base);
  if (found == by_base_.end()) return std::nullopt;
  const Allocation allocation = found->second;
  by_base_.erase(found);
  Changed();
  if (allocation.pool != nullptr) allocation.pool->Give(allocation.size_bytes);
  return allocation;
}

std::optional<Allocation> Allocations::FindStart(std::uint64_t base) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_base_.find(base);
  return found == by_base_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Allocation> Allocations::Find(std::uint64_t address) const {
  const Allocation* const found = Peek(address);
  return found != nullptr ? std::optional(*found) : std::nullopt;
}

const Allocation* Allocations::Peek(std::uint64_t address) const {
  const Found& last = found_last[(address >> kPlaceShift) % kPlaces];
  const bool holds = address - last.allocation.base < last.allocation.size_bytes;
  if (holds && last.version == version_.load(std::memory_order_acquire)) return &last.allocation;  // pairs with Changed
  return PeekInList(address);
}

const Allocation* Allocations::PeekInList(std::uint64_t address) const {
  const std::shared_lock lock(mutex_);
  const auto found = HolderOf(by_base_, address);
  if (found == by_base_.end()) return nullptr;
  Found& place = found_last[(address >> kPlaceShift) % kPlaces];
  place = {version_.load(std::memory_order_relaxed), found->second};
  return &place.allocation;
}

std::optional<Allocation> Allocations::FindRange(std::uint64_t address, std::uint64_t size_bytes, MemoryUse use) const {
  const auto found = Find(address);
  if (!found || !found->Allows(use)) return std::nullopt;
  const std::uint64_t held = found->size_bytes - (address - found->base);
  if (size_bytes <= held) return found;
  if (found->kind != MemoryKind::kMapped || !MappingsGoOn(address + held, size_bytes - held, use)) return std::nullopt;
  return found;
}

bool Allocations::MappingsGoOn(std::uint64_t address, std::uint64_t size_bytes, MemoryUse use) const {
  const std::shared_lock lock(mutex_);
  for (auto next = by_base_.find(address); next != by_base_.end() && next->first == address; ++next) {
    const Allocation& mapping = next->second;
    if (mapping.kind != MemoryKind::kMapped || !mapping.Allows(use)) return false;
    if (size_bytes <= mapping.size_bytes) return true;
    address += mapping.size_bytes;
    size_bytes -= mapping.size_bytes;
  }
  return false;
}

Allocations::ByBase::const_iterator Allocations::EndOfMappings(ByBase::const_iterator base,
                                                               std::uint64_t size_bytes) const {
  if (base == by_base_.end()) return base;
  const std::uint64_t start = base->first;
  std::uint64_t filled = 0;
  for (auto next = base; next != by_base_.end() && next->first == start + filled; ++next) {
    if (next->second.kind != MemoryKind::kMapped) break;
    filled += next->second.size_bytes;
    if (filled == size_bytes) return std::next(next);
    if (filled > size_bytes) break;
  }
  return base;
}

bool Allocations::AreMappings(std::uint64_t base, std::uint64_t size_bytes) const {
  const std::shared_lock lock(mutex_);
  const auto first = by_base_.find(base);
  return EndOfMappings(first, size_bytes) != first;
}

std::vector<Allocation> Allocations::RemoveMappings(std::uint64_t base, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  std::vector<Allocation> removed;
  const auto first = by_base_.find(base);
  const auto end = EndOfMappings(first, size_bytes);
  for (auto mapping = first; mapping != end; ++mapping) removed.push_back(mapping->second);
  by_base_.erase(first, end);
  if (!removed.empty()) Changed();
  return removed;
}

std::vector<Allocation> Allocations::SetRights(std::uint64_t base, std::uint64_t size_bytes, bool readable,
                                               bool writable) {
  const std::lock_guard lock(mutex_);
  std::vector<Allocation> before;
  const auto first = by_base_.find(base);
  const auto end = EndOfMappings(first, size_bytes);
  for (auto mapping = first; mapping != end; ++mapping) {
    before.push_back(mapping->second);
    mapping->second.readable = readable;
    mapping->second.writable = writable;
  }
  if (!before.empty()) Changed();
  return before;
}

bool Allocations::SetSyncMemops(std::uint64_t address, bool value) {
  const std::lock_guard lock(mutex_);
  const auto found = HolderOf(by_base_, address);
  if (found == by_base_.end()) return false;
  found->second.sync_memops = value;
  Changed();
  return true;
}

std::vector<Allocation> Allocations::All() const {
  const std::shared_lock lock(mutex_);
  std::vector<Allocation> all;
  for (const auto& [base, allocation] : by_base_) all.push_back(allocation);
  return all;
}

}  // namespace paella::shim
