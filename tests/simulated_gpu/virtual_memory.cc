#include "tests/simulated_gpu/virtual_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>

#include "tests/simulated_gpu/allocations.h"
#include "tests/simulated_gpu/memory_map.h"
#include "tests/simulated_gpu/settings.h"

namespace paella::simulated_gpu {
namespace {

// The system call itself: ThreadSanitizer's mmap refuses hints outside of what it watches, such as clients' windows.
void* MapPages(std::uintptr_t address, std::size_t bytes, int protection, int flags, int descriptor, std::size_t offset) {
  return reinterpret_cast<void*>(syscall(SYS_mmap, address, bytes, protection, flags, descriptor, offset));
}

bool IsWhole(std::size_t bytes) { return bytes != 0 && bytes % kPhysicalGranularity == 0; }

// False: no host memory for it.
bool FillNew(int descriptor, std::size_t bytes) {
  const std::uint32_t byte = Settings::Get().new_memory_byte;
  if (byte == 0) return true;  // as a new file is
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (memory == MAP_FAILED) return false;
  std::memset(memory, static_cast<int>(byte), bytes);
  munmap(memory, bytes);
  return true;
}

// A memory's device travels in its file's name: an importer knows nothing else of it.
const std::string kFilePrefix = "simulated_gpu_";

int DeviceOfFile(int descriptor) {
  char target[64] = {};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  const auto length = readlink(link.c_str(), target, sizeof target - 1);
  const std::string prefix = "/memfd:" + kFilePrefix;
  if (length < 0 || std::strncmp(target, prefix.c_str(), prefix.size()) != 0) return 0;
  return std::atoi(target + prefix.size());
}

constexpr int kReserve = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

// ThreadSanitizer fences off addresses that it does not watch, among them where daemons put windows. It uses nothing in
// there, so such a fence may be replaced.
bool IsFencedOff([[maybe_unused]] std::uintptr_t start, [[maybe_unused]] std::size_t bytes) {
#if defined(__SANITIZE_THREAD__)
  constexpr std::uintptr_t kFenceStart = 0x2000'0000'0000, kFenceEnd = 0x3000'0000'0000;
  return start >= kFenceStart && start < kFenceEnd && bytes <= kFenceEnd - start;
#else
  return false;
#endif
}

}  // namespace

struct VirtualMemory::Physical {
  Physical(int file, std::size_t size, int where, unsigned types, bool from_budget)
      : descriptor(file), bytes(size), device(where), handle_types(types), budgeted(from_budget) {}
  ~Physical() {
    close(descriptor);
    if (budgeted) Budget::Of(device).Return(bytes);
  }
  const int descriptor;
  const std::size_t bytes;
  const int device;  // kHost: of none
  const unsigned handle_types;
  const bool budgeted;  // the process that created it counts it
};

VirtualMemory& VirtualMemory::Get() {
  static VirtualMemory* const memory = new VirtualMemory;
  return *memory;
}

CUresult VirtualMemory::Create(std::size_t bytes, int device, unsigned handle_types, Handle& handle) {
  if (!IsWhole(bytes)) return CUDA_ERROR_INVALID_VALUE;
  const bool on_device = device != kHost;
  if (on_device && !Budget::Of(device).Take(bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  const int descriptor = memfd_create((kFilePrefix + std::to_string(device)).c_str(), MFD_CLOEXEC);
  if (descriptor < 0) {
    if (on_device) Budget::Of(device).Return(bytes);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  auto physical = std::make_shared<Physical>(descriptor, bytes, device, handle_types, on_device);
  if (ftruncate(descriptor, static_cast<off_t>(bytes)) != 0 || !FillNew(descriptor, bytes)) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  const std::lock_guard lock(mutex_);
  handle = next_handle_++;
  handles_[handle] = {std::move(physical)};
  return CUDA_SUCCESS;
}

CUresult VirtualMemory::Retain(std::uintptr_t mapped_address, Handle& handle) {
  const std::lock_guard lock(mutex_);
  auto it = mappings_.upper_bound(mapped_address);
  if (it == mappings_.begin()) return CUDA_ERROR_INVALID_VALUE;
  --it;
  if (mapped_address >= it->first + it->second.bytes) return CUDA_ERROR_INVALID_VALUE;
  handle = it->second.handle;
  const auto [entry, fresh] = handles_.try_emplace(handle, Referenced{it->second.physical});
  if (!fresh) ++entry->second.count;
  return CUDA_SUCCESS;
}

CUresult VirtualMemory::Release(Handle handle) {
  const std::lock_guard lock(mutex_);
  const auto it = handles_.find(handle);
  if (it == handles_.end()) return CUDA_ERROR_INVALID_VALUE;
  if (--it->second.count == 0) handles_.erase(it);
  return CUDA_SUCCESS;
}

CUresult VirtualMemory::Properties(Handle handle, int& device, unsigned& handle_types) {
  const std::lock_guard lock(mutex_);
  const auto it = handles_.find(handle);
  if (it == handles_.end()) return CUDA_ERROR_INVALID_VALUE;
  device = it->second.physical->device;
  handle_types = it->second.physical->handle_types;
  return CUDA_SUCCESS;
}

CUresult VirtualMemory::Export(Handle handle, int& descriptor) {
  const std::lock_guard lock(mutex_);
  const auto it = handles_.find(handle);
  if (it == handles_.end()) return CUDA_ERROR_INVALID_VALUE;
  descriptor = fcntl(it->second.physical->descriptor, F_DUPFD_CLOEXEC, 0);
  return descriptor < 0 ? CUDA_ERROR_OPERATING_SYSTEM : CUDA_SUCCESS;
}

CUresult VirtualMemory::Import(int descriptor, Handle& handle) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !IsWhole(static_cast<std::size_t>(status.st_size))) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  // The caller keeps its descriptor, as with the real driver.
  const int own = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
  if (own < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  auto physical = std::make_shared<Physical>(own, static_cast<std::size_t>(status.st_size),
                                             DeviceOfFile(own), CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, false);
  const std::lock_guard lock(mutex_);
  handle = next_handle_++;
  handles_[handle] = {std::move(physical)};
  return CUDA_SUCCESS;
}

bool VirtualMemory::ReserveAt(std::uintptr_t hint, std::size_t bytes) {
  const auto after = reservations_.lower_bound(hint);
  if (after != reservations_.end() && after->first < hint + bytes) return false;
  if (after != reservations_.begin() && std::prev(after)->first + std::prev(after)->second > hint) return false;
  const int fixed = IsFencedOff(hint, bytes) ? MAP_FIXED : MAP_FIXED_NOREPLACE;
  void* const there = MapPages(hint, bytes, PROT_NONE, kReserve | fixed, -1, 0);
  if (there == reinterpret_cast<void*>(hint)) return true;
  if (there != MAP_FAILED) munmap(there, bytes);  // a kernel that does not know the flag
  return false;
}

CUresult VirtualMemory::Reserve(std::size_t bytes, std::size_t alignment, std::uintptr_t hint, std::uintptr_t& address) {
  alignment = std::max(alignment, kPhysicalGranularity);
  if (!IsWhole(bytes) || (alignment & (alignment - 1)) != 0) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(mutex_);
  if (hint != 0 && hint % alignment == 0 && ReserveAt(hint, bytes)) {
    address = hint;
    reservations_[address] = bytes;
    return CUDA_SUCCESS;
  }
  void* const memory = mmap(nullptr, bytes + alignment, PROT_NONE, kReserve, -1, 0);
  if (memory == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  const auto start = reinterpret_cast<std::uintptr_t>(memory);
  address = (start + alignment - 1) & ~(alignment - 1);
  if (address > start) munmap(memory, address - start);
  if (alignment > address - start) munmap(reinterpret_cast<void*>(address + bytes), alignment - (address - start));
  reservations_[address] = bytes;
  return CUDA_SUCCESS;
}

CUresult VirtualMemory::Unreserve(std::uintptr_t address, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto it = reservations_.find(address);
  if (it == reservations_.end() || it->second != bytes) return CUDA_ERROR_INVALID_VALUE;
  const auto mapping = mappings_.lower_bound(address);
  if (mapping != mappings_.end() && mapping->first < address + bytes) return CUDA_ERROR_INVALID_VALUE;
  syscall(SYS_munmap, address, bytes);
  reservations_.erase(it);
  return CUDA_SUCCESS;
}

CUresult VirtualMemory::Map(std::uintptr_t address, std::size_t bytes, std::size_t offset, Handle handle) {
  const std::lock_guard lock(mutex_);
  const auto it = handles_.find(handle);
  if (it == handles_.end() || !IsWhole(bytes) || address % kPhysicalGranularity != 0) return CUDA_ERROR_INVALID_VALUE;
  const std::shared_ptr<Physical>& physical = it->second.physical;
  if (offset % kPhysicalGranularity != 0 || offset > physical->bytes || bytes > physical->bytes - offset) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  auto reservation = reservations_.upper_bound(address);
  if (reservation == reservations_.begin()) return CUDA_ERROR_INVALID_VALUE;
  --reservation;
  if (address + bytes > reservation->first + reservation->second) return CUDA_ERROR_INVALID_VALUE;
  // Nobody may reach it before SetAccess. The map refuses what overlaps another mapping.
  if (!MemoryMap::Get().Add(address, bytes, RangeKind::kMapped, nullptr, false, false)) return CUDA_ERROR_INVALID_VALUE;
  void* const memory = MapPages(address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, physical->descriptor, offset);
  if (memory == MAP_FAILED) {
    MemoryMap::Get().Remove(address);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  mappings_[address] = {bytes, handle, physical};
  return CUDA_SUCCESS;
}

VirtualMemory::Mappings::iterator VirtualMemory::Exactly(std::uintptr_t address, std::size_t bytes) {
  const auto first = mappings_.find(address);
  std::uintptr_t at = address;
  for (auto it = first; it != mappings_.end() && it->first == at; ++it) {
    at += it->second.bytes;
    if (at >= address + bytes) break;
  }
  return bytes != 0 && at == address + bytes ? first : mappings_.end();
}

CUresult VirtualMemory::Unmap(std::uintptr_t address, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  auto it = Exactly(address, bytes);
  if (it == mappings_.end()) return CUDA_ERROR_INVALID_VALUE;
  while (it != mappings_.end() && it->first < address + bytes) {
    MemoryMap::Get().Remove(it->first);  // no kernel is in it any more
    it = mappings_.erase(it);
  }
  MapPages(address, bytes, PROT_NONE, kReserve | MAP_FIXED, -1, 0);
  return CUDA_SUCCESS;
}

CUresult VirtualMemory::SetAccess(std::uintptr_t address, std::size_t bytes, int device, bool readable, bool writable) {
  const std::lock_guard lock(mutex_);
  auto it = Exactly(address, bytes);
  if (it == mappings_.end()) return CUDA_ERROR_INVALID_VALUE;
  for (auto other = it; other != mappings_.end() && other->first < address + bytes; ++other) {
    const int where = other->second.physical->device;
    if (where != kHost && where != device) return CUDA_ERROR_INVALID_DEVICE;
  }
  for (; it != mappings_.end() && it->first < address + bytes; ++it) {
    MemoryMap::Get().SetAccess(it->first, readable, writable);
  }
  return CUDA_SUCCESS;
}

bool VirtualMemory::DeviceAt(std::uintptr_t address, int& device) {
  const std::lock_guard lock(mutex_);
  auto it = mappings_.upper_bound(address);
  if (it == mappings_.begin()) return false;
  --it;
  device = it->second.physical->device;
  return address < it->first + it->second.bytes;
}

bool VirtualMemory::MappingAt(std::uintptr_t address, std::uintptr_t& start, std::size_t& bytes) {
  const std::lock_guard lock(mutex_);
  auto it = mappings_.upper_bound(address);
  if (it == mappings_.begin()) return false;
  --it;
  if (address >= it->first + it->second.bytes) return false;
  start = it->first;
  bytes = it->second.bytes;
  return true;
}

}  // namespace paella::simulated_gpu
