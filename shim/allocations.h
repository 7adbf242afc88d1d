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
class MemoryPool;

// kMapped: one cuMemMap of physical memory that the program has a handle of. kOpened: another process's.
enum class MemoryKind { kDevice, kHost, kManaged, kGlobal, kMapped, kOpened };

enum class MemoryUse { kRead, kWrite };

struct Allocation {
  std::uint64_t base = 0;
  std::uint64_t size_bytes = 0;
  MemoryKind kind = MemoryKind::kDevice;
  unsigned host_flags = 0;  // CU_MEMHOSTALLOC_*
  bool registered = false;  // cuMemHostRegister
  MemoryPool* pool = nullptr;  // that it is taken from; it is given back there when the allocation is removed
  bool sync_memops = false;
  bool readable = true, writable = true;  // by the GPU; a mapping starts without these rights
  const Context* context = nullptr;  // with which it goes; null for globals, which go with their library, and mappings
  std::uint64_t id = 0;  // CU_POINTER_ATTRIBUTE_BUFFER_ID: never the same twice

  bool Allows(MemoryUse use) const { return use == MemoryUse::kWrite ? writable : readable; }
  bool IsShareable() const { return kind == MemoryKind::kDevice && pool == nullptr; }  // by cuIpcGetMemHandle
  bool IsHost() const { return kind == MemoryKind::kHost || kind == MemoryKind::kManaged; }
};

class Allocations {
 public:
  void Add(Allocation allocation);
  // The allocation that starts at `base`, gone from here; nothing if there is none.
  std::optional<Allocation> Remove(std::uint64_t base);
  std::optional<Allocation> FindStart(std::uint64_t base) const;
  std::optional<Allocation> Find(std::uint64_t address) const;
  // The same without a copy, or null: good until this thread asks for another one.
  const Allocation* Peek(std::uint64_t address) const;
  // The allocation that holds all of a range and may be used so; an empty range lies in the allocation of its address.
  // Of mappings that lie side by side, which are one buffer to the program, the first one.
  std::optional<Allocation> FindRange(std::uint64_t address, std::uint64_t size_bytes, MemoryUse use) const;

  // Of mappings: one or several whole ones that fill a range exactly. Empty, and nothing is changed, if none do.
  std::vector<Allocation> RemoveMappings(std::uint64_t base, std::uint64_t size_bytes);
  // Returns them as they were before.
  std::vector<Allocation> SetRights(std::uint64_t base, std::uint64_t size_bytes, bool readable, bool writable);
  bool AreMappings(std::uint64_t base, std::uint64_t size_bytes) const;

  bool SetSyncMemops(std::uint64_t address, bool value);
  std::vector<Allocation> All() const;

 private:
  using ByBase = std::map<std::uint64_t, Allocation>;

  const Allocation* PeekInList(std::uint64_t address) const;
  bool MappingsGoOn(std::uint64_t address, std::uint64_t size_bytes, MemoryUse use) const;
  // The end of the mappings that fill the range from the one at `base` on; `base` itself if they do not. Under mutex_.
  ByBase::const_iterator EndOfMappings(ByBase::const_iterator base, std::uint64_t size_bytes) const;
  void Changed();  // under mutex_

  mutable std::shared_mutex mutex_;
  std::atomic<std::uint64_t> version_{0};  // never the same twice, in any list of the process; 0 is of an empty list
  ByBase by_base_;
  std::uint64_t next_id_ = 1;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_ALLOCATIONS_H_
