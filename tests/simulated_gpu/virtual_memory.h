// The driver's virtual memory management: physical memory, reserved addresses, and mappings of one at the other.
//
//   physical memory   a memory file (memfd), so that its descriptor, sent to another process, imports the same bytes
//   reservation       addresses that nothing else of the process may take
//   mapping           part of a reservation; kernels reach it after SetAccess
//
// Any thread; owns the files and the mappings.
#ifndef PAELLA_TESTS_SIMULATED_GPU_VIRTUAL_MEMORY_H_
#define PAELLA_TESTS_SIMULATED_GPU_VIRTUAL_MEMORY_H_

#include <cuda.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

namespace paella::simulated_gpu {

inline constexpr std::size_t kPhysicalGranularity = 2 << 20;

class VirtualMemory {
 public:
  using Handle = CUmemGenericAllocationHandle;

  static VirtualMemory& Get();

  // `handle_types`: which the memory can be exported as, for the one who asks later.
  // `device`: kHost for host memory.
  static constexpr int kHost = -1;
  CUresult Create(std::size_t bytes, int device, unsigned handle_types, Handle& handle);
  CUresult Retain(std::uintptr_t mapped_address, Handle& handle);
  CUresult Release(Handle handle);
  CUresult Properties(Handle handle, int& device, unsigned& handle_types);
  CUresult Export(Handle handle, int& descriptor);
  CUresult Import(int descriptor, Handle& handle);

  // `hint` is taken if nothing of the process lies there; otherwise any address serves.
  CUresult Reserve(std::size_t bytes, std::size_t alignment, std::uintptr_t hint, std::uintptr_t& address);
  CUresult Unreserve(std::uintptr_t address, std::size_t bytes);

  CUresult Map(std::uintptr_t address, std::size_t bytes, std::size_t offset, Handle handle);
  // Both take one or several whole mappings that lie side by side.
  CUresult Unmap(std::uintptr_t address, std::size_t bytes);
  // For kernels of `device`, which must be where the memory is: devices are no peers of each other.
  CUresult SetAccess(std::uintptr_t address, std::size_t bytes, int device, bool readable, bool writable);
  // Of the memory mapped there; false if there is none.
  bool DeviceAt(std::uintptr_t address, int& device);

  // Of the reservation, for cuMemGetAddressRange; false if the address is in none.
  bool MappingAt(std::uintptr_t address, std::uintptr_t& start, std::size_t& bytes);

 private:
  struct Physical;
  struct Mapping {
    std::size_t bytes;
    Handle handle;
    std::shared_ptr<Physical> physical;
  };
  struct Referenced {
    std::shared_ptr<Physical> physical;
    int count = 1;
  };
  using Mappings = std::map<std::uintptr_t, Mapping>;

  bool ReserveAt(std::uintptr_t hint, std::size_t bytes);
  // The first mapping if whole mappings fill the span exactly, else end().
  Mappings::iterator Exactly(std::uintptr_t address, std::size_t bytes);

  std::mutex mutex_;
  std::map<Handle, Referenced> handles_;
  std::map<std::uintptr_t, std::size_t> reservations_;
  Mappings mappings_;
  Handle next_handle_ = 0x1000;
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_VIRTUAL_MEMORY_H_
