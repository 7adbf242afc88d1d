// Pools of stream-ordered memory, as the program sees them: names for what it allocates, with a limit and an account.
// The memory comes from the daemon and goes back to it, whichever pool it is of, so a pool never has any that is idle.
//
// Any thread. A pool is never freed, since allocations may outlive its destruction; when it is empty it serves again.
#ifndef PAELLA_SHIM_MEMORY_POOLS_H_
#define PAELLA_SHIM_MEMORY_POOLS_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "shim/cuda_api.h"
#include "shim/handle_map.h"

namespace paella::shim {

class MemoryPool {
 public:
  CUmemoryPool handle() { return reinterpret_cast<CUmemoryPool>(this); }

  // False: more than the pool may have.
  bool Take(std::uint64_t size_bytes);
  void Give(std::uint64_t size_bytes) { used_bytes_.fetch_sub(size_bytes, std::memory_order_relaxed); }

  std::uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  void Restart(std::uint64_t most_bytes);  // as a new pool; 0: no limit

  // What the program sets and asks. The marks are the greatest use since they were set back.
  std::atomic<std::uint64_t> release_threshold_bytes{0};
  std::atomic<std::uint64_t> used_mark_bytes{0}, reserved_mark_bytes{0};
  std::atomic<bool> follows_events{true}, is_opportunistic{true}, adds_dependencies{true};

 private:
  std::atomic<std::uint64_t> used_bytes_{0};
  std::uint64_t most_bytes_ = 0;
};

class MemoryPools {
 public:
  MemoryPools();

  MemoryPool& default_pool() { return default_; }
  MemoryPool& current() { return *current_.load(std::memory_order_acquire); }
  MemoryPool* Find(CUmemoryPool handle) const { return by_handle_.Find(handle); }
  MemoryPool& Create(std::uint64_t most_bytes);
  // False: it is the default one, or none.
  bool Destroy(CUmemoryPool handle);
  // False: it is none.
  bool SetCurrent(CUmemoryPool handle);

 private:
  MemoryPool default_;
  std::atomic<MemoryPool*> current_{&default_};
  HandleMap<MemoryPool> by_handle_;
  std::mutex mutex_;
  std::vector<MemoryPool*> destroyed_;  // under mutex_
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_MEMORY_POOLS_H_
