// The virtual memory management functions. They need no context, as with the real driver.
#include "tests/simulated_gpu/virtual_memory.h"

#include "tests/simulated_gpu/api/common.h"
#include "tests/simulated_gpu/memory_map.h"

using namespace paella::simulated_gpu;

CUresult cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* prop,
                                       CUmemAllocationGranularity_flags) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (granularity == nullptr || prop == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *granularity = kPhysicalGranularity;
  return CUDA_SUCCESS;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop,
                     unsigned long long flags) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (handle == nullptr || prop == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (prop->type != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  const bool on_device = prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE;
  if (on_device) PAELLA_RETURN_IF_ERROR(UseDevice(prop->location.id));
  const int device = on_device ? prop->location.id : VirtualMemory::kHost;
  return VirtualMemory::Get().Create(size, device, prop->requestedHandleTypes, *handle);
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  return VirtualMemory::Get().Release(handle);
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* addr) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return VirtualMemory::Get().Retain(reinterpret_cast<std::uintptr_t>(addr), *handle);
}

CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* prop, CUmemGenericAllocationHandle handle) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  int device = 0;
  unsigned handle_types = 0;
  if (prop == nullptr) return CUDA_ERROR_INVALID_VALUE;
  PAELLA_RETURN_IF_ERROR(VirtualMemory::Get().Properties(handle, device, handle_types));
  *prop = {};
  prop->type = CU_MEM_ALLOCATION_TYPE_PINNED;
  const bool on_host = device == VirtualMemory::kHost;
  prop->location = {on_host ? CU_MEM_LOCATION_TYPE_HOST : CU_MEM_LOCATION_TYPE_DEVICE, {on_host ? 0 : device}};
  prop->requestedHandleTypes = static_cast<CUmemAllocationHandleType>(handle_types);
  return CUDA_SUCCESS;
}

CUresult cuMemExportToShareableHandle(void* shareableHandle, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType handleType, unsigned long long) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (shareableHandle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (handleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  return VirtualMemory::Get().Export(handle, *static_cast<int*>(shareableHandle));
}

CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* osHandle,
                                        CUmemAllocationHandleType shHandleType) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (shHandleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  return VirtualMemory::Get().Import(static_cast<int>(reinterpret_cast<std::intptr_t>(osHandle)), *handle);
}

CUresult cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr addr, unsigned long long) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (ptr == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::uintptr_t address = 0;
  PAELLA_RETURN_IF_ERROR(VirtualMemory::Get().Reserve(size, alignment, addr, address));
  *ptr = address;
  return CUDA_SUCCESS;
}

CUresult cuMemAddressFree(CUdeviceptr ptr, size_t size) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  return VirtualMemory::Get().Unreserve(ptr, size);
}

CUresult cuMemMap(CUdeviceptr ptr, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  return VirtualMemory::Get().Map(ptr, size, offset, handle);
}

CUresult cuMemUnmap(CUdeviceptr ptr, size_t size) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  return VirtualMemory::Get().Unmap(ptr, size);
}

CUresult cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc* desc, size_t count) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (desc == nullptr || count == 0) return CUDA_ERROR_INVALID_VALUE;
  const CUmemLocation& location = desc[0].location;
  if (location.type == CU_MEM_LOCATION_TYPE_DEVICE) PAELLA_RETURN_IF_ERROR(UseDevice(location.id));
  const CUmemAccess_flags flags = desc[0].flags;
  return VirtualMemory::Get().SetAccess(ptr, size, location.id, flags != CU_MEM_ACCESS_FLAGS_PROT_NONE,
                                        flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
}

CUresult cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location, CUdeviceptr ptr) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (flags == nullptr || location == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Range range;
  if (!MemoryMap::Get().Lookup(ptr, range) || range.kind != RangeKind::kMapped) return CUDA_ERROR_INVALID_VALUE;
  int device = 0;
  if (!VirtualMemory::Get().DeviceAt(ptr, device)) return CUDA_ERROR_INVALID_VALUE;
  const bool here = location->type == CU_MEM_LOCATION_TYPE_DEVICE && (device == VirtualMemory::kHost || location->id == device);
  const auto rights = range.writable ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_READ;
  *flags = here && range.readable ? rights : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return CUDA_SUCCESS;
}
