#include "shim/allocations.h"

#include <mutex>

namespace paella::shim {
namespace {

template <typename Map>
auto HolderOf(Map& by_base, std::uint64_t address) {
  auto after = by_base.upper_bound(address);
  if (after == by_base.begin()) return by_base.end();
  --after;
  return address - after->second.base < after->second.size_bytes ? after : by_base.end();
}

}  // namespace

void Allocations::Add(Allocation allocation) {
  const std::lock_guard lock(mutex_);
  allocation.id = next_id_++;
  by_base_[allocation.base] = allocation;
}

std::optional<Allocation> Allocations::Remove(std::uint64_t base) {
  const std::lock_guard lock(mutex_);
  const auto found = by_base_.find(base);
  if (found == by_base_.end()) return std::nullopt;
  const Allocation allocation = found->second;
  by_base_.erase(found);
  return allocation;
}

std::optional<Allocation> Allocations::FindStart(std::uint64_t base) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_base_.find(base);
  return found == by_base_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Allocation> Allocations::Find(std::uint64_t address) const {
  const std::shared_lock lock(mutex_);
  const auto found = HolderOf(by_base_, address);
  return found == by_base_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<Allocation> Allocations::FindRange(std::uint64_t address, std::uint64_t size_bytes) const {
  const auto found = Find(address);
  if (!found || size_bytes > found->size_bytes - (address - found->base)) return std::nullopt;
  return found;
}

bool Allocations::SetSyncMemops(std::uint64_t address, bool value) {
  const std::lock_guard lock(mutex_);
  const auto found = HolderOf(by_base_, address);
  if (found == by_base_.end()) return false;
  found->second.sync_memops = value;
  return true;
}

std::vector<Allocation> Allocations::All() const {
  const std::shared_lock lock(mutex_);
  std::vector<Allocation> all;
  for (const auto& [base, allocation] : by_base_) all.push_back(allocation);
  return all;
}

}  // namespace paella::shim
