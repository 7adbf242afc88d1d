#include "shim/memory_pools.h"

#include <algorithm>

namespace paella::shim {
namespace {

void Raise(std::atomic<std::uint64_t>& mark, std::uint64_t value) {
  std::uint64_t seen = mark.load(std::memory_order_relaxed);
  while (seen < value && !mark.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

}  // namespace

bool MemoryPool::Take(std::uint64_t size_bytes) {
  std::uint64_t used = used_bytes_.load(std::memory_order_relaxed);
  std::uint64_t after;
  do {
    if (__builtin_add_overflow(used, size_bytes, &after) || (most_bytes_ != 0 && after > most_bytes_)) return false;
  } while (!used_bytes_.compare_exchange_weak(used, after, std::memory_order_relaxed));
  Raise(used_mark_bytes, after);
  Raise(reserved_mark_bytes, after);
  return true;
}

void MemoryPool::Restart(std::uint64_t most_bytes) {
  release_threshold_bytes = used_mark_bytes = reserved_mark_bytes = 0;
  follows_events = is_opportunistic = adds_dependencies = true;
  most_bytes_ = most_bytes;
}

MemoryPools::MemoryPools() { by_handle_.Insert(default_.handle(), &default_); }

MemoryPool& MemoryPools::Create(std::uint64_t most_bytes) {
  const std::lock_guard lock(mutex_);
  const auto spare = std::ranges::find_if(destroyed_, [](const MemoryPool* pool) { return pool->used_bytes() == 0; });
  MemoryPool* pool = nullptr;
  if (spare != destroyed_.end()) {
    pool = *spare;
    destroyed_.erase(spare);
  } else {
    pool = new MemoryPool;
  }
  pool->Restart(most_bytes);
  by_handle_.Insert(pool->handle(), pool);
  return *pool;
}

bool MemoryPools::Destroy(CUmemoryPool handle) {
  if (handle == default_.handle()) return false;
  const std::lock_guard lock(mutex_);
  MemoryPool* pool = by_handle_.Erase(handle);
  if (pool == nullptr) return false;
  MemoryPool* expected = pool;
  current_.compare_exchange_strong(expected, &default_, std::memory_order_acq_rel);
  destroyed_.push_back(pool);
  return true;
}

bool MemoryPools::SetCurrent(CUmemoryPool handle) {
  const std::lock_guard lock(mutex_);
  MemoryPool* const pool = by_handle_.Find(handle);
  if (pool == nullptr) return false;
  current_.store(pool, std::memory_order_release);
  return true;
}

}  // namespace paella::shim
