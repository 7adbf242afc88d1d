// Which addresses of this process the simulated GPU may touch, and the gate that keeps them from vanishing meanwhile.
//
// A device address is a host address, so that the interpreter reads it directly once it was found in a range here.
// Readers (a worker for one slice of a block, a copy) hold the gate shared; whoever adds or removes ranges holds it
// alone, and waits at most for the slices under way. Writers go first, or busy workers would starve them.
// Every thread may call; the map owns the table, not the memory.
#ifndef PAELLA_TESTS_SIMULATED_GPU_MEMORY_MAP_H_
#define PAELLA_TESTS_SIMULATED_GPU_MEMORY_MAP_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>

namespace paella::simulated_gpu {

enum class RangeKind : std::uint8_t { kDevice, kMapped, kManaged, kHostPinned, kHostRegistered, kModule, kInternal };

struct Range {
  std::uintptr_t start = 0;
  std::uintptr_t end = 0;  // one past the last byte
  RangeKind kind = RangeKind::kDevice;
  bool readable = true;
  bool writable = true;
  std::uint64_t id = 0;   // never reused: CU_POINTER_ATTRIBUTE_BUFFER_ID
  void* context = nullptr;  // the CUcontext it was made in, if any
};

class MemoryMap {
 public:
  static MemoryMap& Get();

  class SharedHold {
   public:
    explicit SharedHold(MemoryMap& map);
    ~SharedHold();
    SharedHold(const SharedHold&) = delete;
    SharedHold& operator=(const SharedHold&) = delete;

   private:
    MemoryMap& map_;
  };

  class ExclusiveHold {
   public:
    explicit ExclusiveHold(MemoryMap& map);
    ~ExclusiveHold();
    ExclusiveHold(const ExclusiveHold&) = delete;
    ExclusiveHold& operator=(const ExclusiveHold&) = delete;

   private:
    MemoryMap& map_;
  };

  // Takes the gate alone. False if [start, start + bytes) overlaps a range.
  bool Add(std::uintptr_t start, std::size_t bytes, RangeKind kind, void* context, bool readable = true,
           bool writable = true);
  // Takes the gate alone. False if no range starts there.
  bool Remove(std::uintptr_t start);
  bool SetAccess(std::uintptr_t start, bool readable, bool writable);

  // For callers that hold the gate, shared or alone. Null if the address is in no range.
  const Range* Find(std::uintptr_t address) const;
  // The same, gate taken inside, a copy of the range. False if there is none.
  bool Lookup(std::uintptr_t address, Range& range);
  // Whether every byte of the span is in readable (writable) ranges; neighbours may join.
  bool Covers(std::uintptr_t address, std::size_t bytes, bool write) const;

 private:
  friend class SharedHold;
  friend class ExclusiveHold;

  std::mutex mutex_;
  std::condition_variable gate_;
  int readers_ = 0;          // guarded by mutex_
  int waiting_writers_ = 0;  // guarded by mutex_
  bool writing_ = false;     // guarded by mutex_
  std::uint64_t next_id_ = 1;                // guarded by the gate
  std::map<std::uintptr_t, Range> ranges_;   // guarded by the gate, by start
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_MEMORY_MAP_H_
