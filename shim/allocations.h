// The memory that this client has from the daemon: what answers a program's questions about a pointer, and checks the
// arguments of copies before they are posted. Any thread. Owns no memory.
//
// Programs ask about few pointers often and allocate rarely. So each thread keeps what it found last, with the version of
// the list that it found it in, and asks without a lock or a search as long as the list has not changed.
#ifndef PAELLA_SHIM_ALLOCATIONS_H_
#define PAELLA_SHIM_ALLOCATIONS_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <shared_mutex>
#include <vector>

namespace paella::shim {

struct Context;

enum class MemoryKind { kDevice, kHost, kManaged, kGlobal };

struct Allocation {
  std::uint64_t base = 0;
  std::uint64_t size_bytes = 0;
  MemoryKind kind = MemoryKind::kDevice;
  unsigned host_flags = 0;  // CU_MEMHOSTALLOC_*
  bool from_pool = false;
  bool sync_memops = false;
  const Context* context = nullptr;  // with which it goes; null for globals, which go with their library
  std::uint64_t id = 0;  // CU_POINTER_ATTRIBUTE_BUFFER_ID: never the same twice

  bool IsHost() const { return kind == MemoryKind::kHost || kind == MemoryKind::kManaged; }
};

class Allocations {
 public:
  void Add(Allocation allocation);
  // The allocation that starts at `base`, gone from here; nothing if there is none.
  std::optional<Allocation> Remove(std::uint64_t base);
  std::optional<Allocation> FindStart(std::uint64_t base) const;
  std::optional<Allocation> Find(std::uint64_t address) const;
  // The allocation that holds all of a range; an empty range lies in the allocation of its address.
  std::optional<Allocation> FindRange(std::uint64_t address, std::uint64_t size_bytes) const;
  bool SetSyncMemops(std::uint64_t address, bool value);
  std::vector<Allocation> All() const;

 private:
  std::optional<Allocation> FindInList(std::uint64_t address) const;
  void Changed();  // under mutex_

  mutable std::shared_mutex mutex_;
  std::atomic<std::uint64_t> version_{0};  // never the same twice, in any list of the process; 0 is of an empty list
  std::map<std::uint64_t, Allocation> by_base_;
  std::uint64_t next_id_ = 1;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_ALLOCATIONS_H_
