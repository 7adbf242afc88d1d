#include "scheduler_daemon/executor/tenant_memory.h"

#include <iterator>
#include <utility>

#include "scheduler_daemon/executor/mapped_memory.h"

namespace paella::scheduler_daemon {
namespace {

std::uint64_t RoundUp(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

bool IsLarge(std::uint64_t size_bytes) { return size_bytes > TenantMemory::kSlabBytes / 2; }

}  // namespace

TenantMemory::TenantMemory(const Driver& driver, CUdevice device, SlabStock& slabs, std::uint64_t window_base,
                           std::uint64_t window_bytes)
    : driver_(driver),
      device_(device),
      stock_(slabs),
      window_base_(window_base),
      window_bytes_(window_bytes),
      addresses_(window_base, window_bytes, kGranularityBytes) {}

TenantMemory::~TenantMemory() {
  while (!slabs_.empty()) Unmap(slabs_.begin());
  if (reserved_) driver_.cuMemAddressFree(window_base_, window_bytes_);
}

CUresult TenantMemory::ReserveWindow() {
  CUdeviceptr address = 0;
  const CUresult result =
      driver_.cuMemAddressReserve(&address, window_bytes_, kGranularityBytes, window_base_, 0);
  if (result != CUDA_SUCCESS) return result;
  if (address != window_base_) {  // the hint was taken: clients have the window at window_base, so it is of no use
    driver_.cuMemAddressFree(address, window_bytes_);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  reserved_ = true;
  return CUDA_SUCCESS;
}

CUresult TenantMemory::MapCleared(std::uint64_t address, const Physical& physical) {
  const std::uint64_t size = physical.size_bytes;
  CUresult result = driver_.cuMemMap(address, size, 0, physical.handle, 0);
  if (result != CUDA_SUCCESS) return result;
  result = SetAccess(driver_, device_, address, size, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  if (result == CUDA_SUCCESS) result = StartClearing(driver_, address, size);
  if (result == CUDA_SUCCESS) result = FinishClearing(driver_);
  if (result != CUDA_SUCCESS) driver_.cuMemUnmap(address, size);
  return result;
}

CUresult TenantMemory::MapNewSlab(std::uint64_t size_bytes, Slabs::iterator& slab) {
  const auto address = addresses_.Allocate(size_bytes);
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  Physical physical;
  CUresult result = stock_.Take(size_bytes, physical);
  if (result == CUDA_SUCCESS) {
    result = MapCleared(*address, physical);
    if (result != CUDA_SUCCESS) stock_.Return(physical);
  }
  if (result != CUDA_SUCCESS) {
    addresses_.Free(*address);
    return result;
  }
  MappedSlab mapped{physical, RangeAllocator(*address, size_bytes, kAlignmentBytes)};
  slab = slabs_.emplace(*address, std::move(mapped)).first;
  idle_bytes_ += size_bytes;
  return CUDA_SUCCESS;
}

void TenantMemory::Unmap(Slabs::iterator slab) {
  const auto& [address, mapped] = *slab;
  driver_.cuMemUnmap(address, mapped.physical.size_bytes);
  stock_.Return(mapped.physical);
  addresses_.Free(address);
  slabs_.erase(slab);
}

std::uint64_t TenantMemory::NewSlabBytes(std::uint64_t size_bytes) const {
  if (IsLarge(size_bytes)) return RoundUp(size_bytes, kGranularityBytes);
  std::uint64_t small_bytes = 0;
  for (const auto& [address, slab] : slabs_) {
    small_bytes += slab.physical.size_bytes == kFirstSlabBytes ? kFirstSlabBytes : 0;
  }
  return small_bytes < kSlabBytes && size_bytes <= kFirstSlabBytes / 2 ? kFirstSlabBytes : kSlabBytes;
}

bool TenantMemory::MayHold(const MappedSlab& mapped, std::uint64_t size_bytes) {
  const std::uint64_t slab_bytes = mapped.physical.size_bytes;
  if (IsLarge(size_bytes)) return mapped.inside.empty() && slab_bytes == RoundUp(size_bytes, kGranularityBytes);
  return slab_bytes == kSlabBytes || slab_bytes == kFirstSlabBytes;
}

CUresult TenantMemory::Allocate(std::uint64_t size_bytes, std::uint64_t& address) {
  if (size_bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (size_bytes > window_bytes_) return CUDA_ERROR_OUT_OF_MEMORY;
  const std::lock_guard lock(mutex_);
  auto slab = slabs_.begin();
  std::optional<std::uint64_t> found;
  for (; slab != slabs_.end(); ++slab) {
    MappedSlab& mapped = slab->second;
    if (!MayHold(mapped, size_bytes)) continue;
    const bool was_idle = mapped.inside.empty();
    found = mapped.inside.Allocate(size_bytes);
    if (!found) continue;
    if (was_idle) idle_bytes_ -= mapped.physical.size_bytes;
    break;
  }
  if (!found) {
    if (const CUresult result = MapNewSlab(NewSlabBytes(size_bytes), slab); result != CUDA_SUCCESS) return result;
    found = slab->second.inside.Allocate(size_bytes);
    idle_bytes_ -= slab->second.physical.size_bytes;
  }
  used_bytes_ += RoundUp(size_bytes, kAlignmentBytes);
  address = *found;
  return CUDA_SUCCESS;
}

CUresult TenantMemory::Free(std::uint64_t address, bool may_unmap) {
  const std::lock_guard lock(mutex_);
  auto slab = slabs_.upper_bound(address);
  if (slab == slabs_.begin()) return CUDA_ERROR_INVALID_VALUE;
  --slab;
  MappedSlab& mapped = slab->second;
  const std::uint64_t before = mapped.inside.used_bytes();
  if (!mapped.inside.Free(address)) return CUDA_ERROR_INVALID_VALUE;
  used_bytes_ -= before - mapped.inside.used_bytes();
  if (!mapped.inside.empty()) return CUDA_SUCCESS;
  idle_bytes_ += mapped.physical.size_bytes;
  if (may_unmap && idle_bytes_ > kMaxIdleBytes) {
    idle_bytes_ -= mapped.physical.size_bytes;
    Unmap(slab);
  }
  return CUDA_SUCCESS;
}

CUresult TenantMemory::CreatePhysical(std::uint64_t size_bytes, Physical& physical) {
  // Without the lock: paellad may take its time, and allocations of the tenant's other clients need not wait for it.
  const CUresult result = stock_.Take(size_bytes, physical);
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  used_bytes_ += size_bytes;
  return CUDA_SUCCESS;
}

void TenantMemory::ReleasePhysical(const Physical& physical) {
  stock_.Return(physical);
  const std::lock_guard lock(mutex_);
  used_bytes_ -= physical.size_bytes;
}

std::optional<std::uint64_t> TenantMemory::ReserveAddresses(std::uint64_t size_bytes, std::uint64_t alignment_bytes,
                                                            std::uint64_t hint) {
  const std::lock_guard lock(mutex_);
  const bool is_aligned = (hint & (alignment_bytes - 1)) == 0;
  if (hint != 0 && is_aligned && addresses_.AllocateAt(hint, size_bytes)) return hint;
  return addresses_.Allocate(size_bytes, alignment_bytes);
}

void TenantMemory::FreeAddresses(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  addresses_.Free(address);
}

void TenantMemory::TrimIdle() {
  const std::lock_guard lock(mutex_);
  for (auto slab = slabs_.begin(); slab != slabs_.end();) {
    const auto next = std::next(slab);
    if (slab->second.inside.empty()) {
      idle_bytes_ -= slab->second.physical.size_bytes;
      Unmap(slab);
    }
    slab = next;
  }
}

void TenantMemory::Count(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  used_bytes_ += bytes;
}

void TenantMemory::Uncount(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  used_bytes_ -= bytes;
}

std::uint64_t TenantMemory::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_;
}

std::uint64_t TenantMemory::idle_bytes() const {
  const std::lock_guard lock(mutex_);
  return idle_bytes_;
}

}  // namespace paella::scheduler_daemon
