#include "scheduler_daemon/paellad/slab_pool.h"

namespace paella::scheduler_daemon {

CUresult SlabPool::Make(std::uint64_t tag, std::uint64_t size_bytes, ipc::Fd& memory) {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = device_;
  if (slabs_.contains(tag)) return CUDA_ERROR_INVALID_VALUE;
  CUmemGenericAllocationHandle slab = 0;
  CUresult result = driver_.cuMemCreate(&slab, size_bytes, &properties, 0);
  if (result != CUDA_SUCCESS) return result;
  int fd = -1;
  result = driver_.cuMemExportToShareableHandle(&fd, slab, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0);
  if (result != CUDA_SUCCESS) {
    driver_.cuMemRelease(slab);
    return result;
  }
  memory.Reset(fd);
  slabs_.emplace(tag, slab);
  return CUDA_SUCCESS;
}

void SlabPool::Release(std::uint64_t tag) {
  const auto slab = slabs_.find(tag);
  if (slab == slabs_.end()) return;
  driver_.cuMemRelease(slab->second);
  slabs_.erase(slab);
}

void SlabPool::ReleaseAll() {
  for (const auto& [tag, slab] : slabs_) driver_.cuMemRelease(slab);
  slabs_.clear();
}

}  // namespace paella::scheduler_daemon
