// The memory of the simulated GPU: what was allocated, by whom, and how much is left.
//
// Device memory is anonymous memory of this process; an unmapped page follows each allocation, so that adjacent ones do
// not touch. Any thread; owns the mappings it makes.
#ifndef PAELLA_TESTS_SIMULATED_GPU_ALLOCATIONS_H_
#define PAELLA_TESTS_SIMULATED_GPU_ALLOCATIONS_H_

#include <cuda.h>

#include <cstdint>
#include <map>
#include <mutex>

#include "tests/simulated_gpu/memory_map.h"

namespace paella::simulated_gpu {

struct Context;

// Of one device's own memory.
class Budget {
 public:
  static Budget& Of(int device);
  bool Take(std::size_t bytes);  // false if there is not so much left
  void Return(std::size_t bytes);
  std::size_t free_bytes();
  std::size_t total_bytes() const { return total_; }

 private:
  explicit Budget(std::size_t total) : total_(total) {}
  const std::size_t total_;
  std::mutex mutex_;
  std::size_t used_ = 0;
};

class Allocations {
 public:
  static Allocations& Get();

  // Memory of the context's device.
  CUresult Allocate(std::size_t bytes, RangeKind kind, Context* context, std::uintptr_t& address);
  // INVALID_VALUE if `address` is not one that Allocate gave out for such a kind.
  CUresult Free(std::uintptr_t address);
  CUresult RegisterHost(std::uintptr_t address, std::size_t bytes, Context* context);
  CUresult UnregisterHost(std::uintptr_t address);
  void FreeAllOf(Context* context);

 private:
  struct Allocation {
    std::size_t bytes;
    RangeKind kind;
    Context* context;  // only to tell them apart: it may be gone
    int device;
  };
  static void Release(std::uintptr_t address, const Allocation& allocation);

  std::mutex mutex_;
  std::map<std::uintptr_t, Allocation> allocations_;
};

// Whether the kind counts against the GPU's own memory.
inline bool IsOnDevice(RangeKind kind) { return kind == RangeKind::kDevice || kind == RangeKind::kModule; }

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_ALLOCATIONS_H_
