#include "scheduler_daemon/executor/tenant_memory.h"

#include <iterator>

namespace paella::scheduler_daemon {
namespace {

std::uint64_t RoundUp(std::uint64_t value, std::uint64_t unit) { return (value + unit - 1) / unit * unit; }

}  // namespace

TenantMemory::TenantMemory(const Driver& driver, SlabSource& source, std::uint64_t window_base,
                           std::uint64_t window_bytes)
    : driver_(driver),
      source_(source),
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

CUresult TenantMemory::Map(std::uint64_t address, std::uint64_t size_bytes, CUmemGenericAllocationHandle handle) {
  CUresult result = driver_.cuMemMap(address, size_bytes, 0, handle, 0);
  if (result != CUDA_SUCCESS) return result;
  CUmemAccessDesc access{};
  access.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  result = driver_.cuMemSetAccess(address, size_bytes, &access, 1);
  // Cleared in order before any use: the stream is the executor's own and is waited for.
  if (result == CUDA_SUCCESS) result = driver_.cuMemsetD8Async(address, 0, size_bytes, CU_STREAM_PER_THREAD);
  if (result == CUDA_SUCCESS) result = driver_.cuStreamSynchronize(CU_STREAM_PER_THREAD);
  if (result != CUDA_SUCCESS) driver_.cuMemUnmap(address, size_bytes);
  return result;
}

CUresult TenantMemory::MapNewSlab(std::uint64_t size_bytes, Slabs::iterator& slab) {
  const auto address = addresses_.Allocate(size_bytes);
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  CUresult result = CUDA_SUCCESS;
  CUmemGenericAllocationHandle handle = 0;
  auto physical = source_.Take(size_bytes, result);
  if (physical) {
    void* fd = reinterpret_cast<void*>(static_cast<std::intptr_t>(physical->memory.get()));
    result = driver_.cuMemImportFromShareableHandle(&handle, fd, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
    if (result == CUDA_SUCCESS) {
      result = Map(*address, size_bytes, handle);
      if (result != CUDA_SUCCESS) driver_.cuMemRelease(handle);
    }
    if (result != CUDA_SUCCESS) source_.Return(physical->tag);
  }
  if (result != CUDA_SUCCESS) {
    addresses_.Free(*address);
    return result;
  }
  MappedSlab mapped{physical->tag, size_bytes, handle, RangeAllocator(*address, size_bytes, kAlignmentBytes)};
  slab = slabs_.emplace(*address, std::move(mapped)).first;
  idle_bytes_ += size_bytes;
  return CUDA_SUCCESS;
}

void TenantMemory::Unmap(Slabs::iterator slab) {
  const auto& [address, mapped] = *slab;
  driver_.cuMemUnmap(address, mapped.size_bytes);
  driver_.cuMemRelease(mapped.handle);
  source_.Return(mapped.tag);
  addresses_.Free(address);
  slabs_.erase(slab);
}

CUresult TenantMemory::Allocate(std::uint64_t size_bytes, std::uint64_t& address) {
  if (size_bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  if (size_bytes > window_bytes_) return CUDA_ERROR_OUT_OF_MEMORY;
  const bool own_slab = size_bytes > kSlabBytes / 2;
  const std::uint64_t slab_bytes = own_slab ? RoundUp(size_bytes, kGranularityBytes) : kSlabBytes;
  const std::lock_guard lock(mutex_);
  auto slab = slabs_.begin();
  std::optional<std::uint64_t> found;
  for (; slab != slabs_.end(); ++slab) {
    MappedSlab& mapped = slab->second;
    if (mapped.size_bytes != slab_bytes || (own_slab && !mapped.inside.empty())) continue;
    const bool was_idle = mapped.inside.empty();
    found = mapped.inside.Allocate(size_bytes);
    if (!found) continue;
    if (was_idle) idle_bytes_ -= mapped.size_bytes;
    break;
  }
  if (!found) {
    if (const CUresult result = MapNewSlab(slab_bytes, slab); result != CUDA_SUCCESS) return result;
    found = slab->second.inside.Allocate(size_bytes);
    idle_bytes_ -= slab_bytes;
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
  idle_bytes_ += mapped.size_bytes;
  if (may_unmap && idle_bytes_ > kMaxIdleBytes) {
    idle_bytes_ -= mapped.size_bytes;
    Unmap(slab);
  }
  return CUDA_SUCCESS;
}

void TenantMemory::TrimIdle() {
  const std::lock_guard lock(mutex_);
  for (auto slab = slabs_.begin(); slab != slabs_.end();) {
    const auto next = std::next(slab);
    if (slab->second.inside.empty()) {
      idle_bytes_ -= slab->second.size_bytes;
      Unmap(slab);
    }
    slab = next;
  }
}

std::uint64_t TenantMemory::used_bytes() const {
  const std::lock_guard lock(mutex_);
  return used_bytes_;
}

}  // namespace paella::scheduler_daemon
