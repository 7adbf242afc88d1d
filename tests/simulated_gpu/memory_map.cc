#include "tests/simulated_gpu/memory_map.h"

#include <iterator>

namespace paella::simulated_gpu {

MemoryMap& MemoryMap::Get() {
  static MemoryMap* const map = new MemoryMap;  // never destroyed: workers may outlive static destructors
  return *map;
}

MemoryMap::SharedHold::SharedHold(MemoryMap& map) : map_(map) {
  std::unique_lock lock(map_.mutex_);
  map_.gate_.wait(lock, [this] { return !map_.writing_ && map_.waiting_writers_ == 0; });
  ++map_.readers_;
}

MemoryMap::SharedHold::~SharedHold() {
  const std::lock_guard lock(map_.mutex_);
  if (--map_.readers_ == 0 && map_.waiting_writers_ > 0) map_.gate_.notify_all();
}

MemoryMap::ExclusiveHold::ExclusiveHold(MemoryMap& map) : map_(map) {
  std::unique_lock lock(map_.mutex_);
  ++map_.waiting_writers_;
  map_.gate_.wait(lock, [this] { return !map_.writing_ && map_.readers_ == 0; });
  --map_.waiting_writers_;
  map_.writing_ = true;
}

MemoryMap::ExclusiveHold::~ExclusiveHold() {
  const std::lock_guard lock(map_.mutex_);
  map_.writing_ = false;
  map_.gate_.notify_all();
}

bool MemoryMap::Add(std::uintptr_t start, std::size_t bytes, RangeKind kind, void* context, bool readable,
                    bool writable) {
  const ExclusiveHold hold(*this);
  const auto after = ranges_.lower_bound(start);
  if (bytes == 0 || (after != ranges_.end() && after->first < start + bytes)) return false;
  if (after != ranges_.begin() && std::prev(after)->second.end > start) return false;
  ranges_[start] = {start, start + bytes, kind, readable, writable, next_id_++, context};
  return true;
}

bool MemoryMap::Remove(std::uintptr_t start) {
  const ExclusiveHold hold(*this);
  return ranges_.erase(start) == 1;
}

bool MemoryMap::SetAccess(std::uintptr_t start, bool readable, bool writable) {
  const ExclusiveHold hold(*this);
  const auto it = ranges_.find(start);
  if (it == ranges_.end()) return false;
  it->second.readable = readable;
  it->second.writable = writable;
  return true;
}

const Range* MemoryMap::Find(std::uintptr_t address) const {
  auto it = ranges_.upper_bound(address);
  if (it == ranges_.begin()) return nullptr;
  --it;
  return address < it->second.end ? &it->second : nullptr;
}

bool MemoryMap::Lookup(std::uintptr_t address, Range& range) {
  const SharedHold hold(*this);
  const Range* found = Find(address);
  if (found == nullptr) return false;
  range = *found;
  return true;
}

bool MemoryMap::Covers(std::uintptr_t address, std::size_t bytes, bool write) const {
  const std::uintptr_t end = address + bytes;
  if (end < address) return false;
  while (address < end) {
    const Range* range = Find(address);
    if (range == nullptr || !(write ? range->writable : range->readable)) return false;
    address = range->end;
  }
  return true;
}

}  // namespace paella::simulated_gpu
