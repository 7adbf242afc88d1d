#include "tests/simulated_gpu/allocations.h"

#include <sys/mman.h>

#include <memory>
#include <vector>

#include "tests/simulated_gpu/objects.h"
#include "tests/simulated_gpu/settings.h"

namespace paella::simulated_gpu {
namespace {

constexpr std::size_t kPageBytes = 4096;

std::size_t WholePages(std::size_t bytes) { return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes; }

}  // namespace

Budget& Budget::Of(int device) {
  static const auto* const budgets = [] {
    auto* const made = new std::vector<std::unique_ptr<Budget>>;
    for (int i = 0; i < static_cast<int>(kMaxDevices); ++i) {
      made->push_back(std::unique_ptr<Budget>(new Budget(Settings::Get().memory_bytes(i))));
    }
    return made;
  }();
  return *(*budgets)[static_cast<std::size_t>(device)];
}

bool Budget::Take(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes > total_ - used_) return false;
  used_ += bytes;
  return true;
}

void Budget::Return(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
}

std::size_t Budget::free_bytes() {
  const std::lock_guard lock(mutex_);
  return total_ - used_;
}

Allocations& Allocations::Get() {
  static Allocations* const allocations = new Allocations;
  return *allocations;
}

CUresult Allocations::Allocate(std::size_t bytes, RangeKind kind, Context* context, std::uintptr_t& address) {
  if (bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (IsOnDevice(kind) && !Budget::Of(context->device).Take(bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  const std::size_t mapped = WholePages(bytes) + kPageBytes;
  void* const memory = mapped < bytes ? MAP_FAILED
                                      : mmap(nullptr, mapped, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) {
    if (IsOnDevice(kind)) Budget::Of(context->device).Return(bytes);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  mprotect(static_cast<char*>(memory) + WholePages(bytes), kPageBytes, PROT_NONE);
  address = reinterpret_cast<std::uintptr_t>(memory);
  const std::lock_guard lock(mutex_);
  MemoryMap::Get().Add(address, bytes, kind, context);
  allocations_[address] = {bytes, kind, context, context->device};
  return CUDA_SUCCESS;
}

void Allocations::Release(std::uintptr_t address, const Allocation& allocation) {
  MemoryMap::Get().Remove(address);
  if (allocation.kind == RangeKind::kHostRegistered) return;
  munmap(reinterpret_cast<void*>(address), WholePages(allocation.bytes) + kPageBytes);
  if (IsOnDevice(allocation.kind)) Budget::Of(allocation.device).Return(allocation.bytes);
}

CUresult Allocations::Free(std::uintptr_t address) {
  const std::lock_guard lock(mutex_);
  const auto it = allocations_.find(address);
  if (it == allocations_.end() || it->second.kind == RangeKind::kHostRegistered) return CUDA_ERROR_INVALID_VALUE;
  Release(address, it->second);
  allocations_.erase(it);
  return CUDA_SUCCESS;
}

CUresult Allocations::RegisterHost(std::uintptr_t address, std::size_t bytes, Context* context) {
  if (address == 0 || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(mutex_);
  if (!MemoryMap::Get().Add(address, bytes, RangeKind::kHostRegistered, context)) {
    return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  }
  allocations_[address] = {bytes, RangeKind::kHostRegistered, context, context->device};
  return CUDA_SUCCESS;
}

CUresult Allocations::UnregisterHost(std::uintptr_t address) {
  const std::lock_guard lock(mutex_);
  const auto it = allocations_.find(address);
  if (it == allocations_.end() || it->second.kind != RangeKind::kHostRegistered) {
    return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  }
  Release(address, it->second);
  allocations_.erase(it);
  return CUDA_SUCCESS;
}

void Allocations::FreeAllOf(Context* context) {
  const std::lock_guard lock(mutex_);
  std::erase_if(allocations_, [&](const auto& entry) {
    if (entry.second.context != context) return false;
    Release(entry.first, entry.second);
    return true;
  });
}

}  // namespace paella::simulated_gpu
