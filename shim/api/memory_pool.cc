// Memory pools: made, destroyed, asked and told.
#include <cstring>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/unsupported.h"

using namespace paella::shim;

namespace {

CUresult EnterPool(CUmemoryPool handle, MemoryPool*& pool) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  pool = client->memory_pools.Find(handle);
  return pool != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// There are pools of the GPU's memory only.
CUresult CheckKind(CUmemAllocationType type, const CUmemLocation& location) {
  if (static_cast<int>(type) == CU_MEM_ALLOCATION_TYPE_MANAGED) return UnsupportedForm("a pool of managed memory");
  if (type != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
  switch (location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE: return location.id == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
    case CU_MEM_LOCATION_TYPE_HOST:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA: return UnsupportedForm("a pool of host memory");
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult CheckProperties(const CUmemPoolProps* properties) {
  if (properties == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUresult result = CheckKind(properties->allocType, properties->location);
  if (result != CUDA_SUCCESS) return result;
  if (properties->handleTypes != CU_MEM_HANDLE_TYPE_NONE) return UnsupportedForm("a pool that can be exported");
  if (properties->usage != 0) return UnsupportedForm("a usage of cuMemPoolCreate");
  return properties->win32SecurityAttributes == nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult EnterDevice(Client*& client, CUdevice device) {
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  return device == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

CUresult EnterLocation(Client*& client, const CUmemLocation* location, CUmemAllocationType type) {
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  return location == nullptr ? CUDA_ERROR_INVALID_VALUE : CheckKind(type, *location);
}

CUresult GivePool(CUmemoryPool* out, MemoryPool& pool) {
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *out = pool.handle();
  return CUDA_SUCCESS;
}

CUresult SetCurrent(Client& client, CUmemoryPool pool) {
  return client.memory_pools.SetCurrent(pool) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

template <typename T>
CUresult Give(void* out, T value) {
  std::memcpy(out, &value, sizeof value);
  return CUDA_SUCCESS;
}

template <typename T>
T Taken(const void* in) {
  T value;
  std::memcpy(&value, in, sizeof value);
  return value;
}

CUresult SetBack(std::atomic<std::uint64_t>& mark, const void* value, std::uint64_t used_bytes) {
  if (Taken<std::uint64_t>(value) != 0) return CUDA_ERROR_INVALID_VALUE;  // a mark can only be set back
  mark.store(used_bytes, std::memory_order_relaxed);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult paella_cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* poolProps) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (pool == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = CheckProperties(poolProps); result != CUDA_SUCCESS) return result;
  return GivePool(pool, client->memory_pools.Create(poolProps->maxSize));
}

CUresult paella_cuMemPoolDestroy(CUmemoryPool pool) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  return client->memory_pools.Destroy(pool) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult paella_cuDeviceGetDefaultMemPool(CUmemoryPool* pool_out, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  return GivePool(pool_out, client->memory_pools.default_pool());
}

CUresult paella_cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  return GivePool(pool, client->memory_pools.current());
}

CUresult paella_cuDeviceSetMemPool(CUdevice dev, CUmemoryPool pool) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  return SetCurrent(*client, pool);
}

CUresult paella_cuMemGetDefaultMemPool(CUmemoryPool* pool_out, CUmemLocation* location, CUmemAllocationType type) {
  Client* client;
  if (const CUresult result = EnterLocation(client, location, type); result != CUDA_SUCCESS) return result;
  return GivePool(pool_out, client->memory_pools.default_pool());
}

CUresult paella_cuMemGetMemPool(CUmemoryPool* pool, CUmemLocation* location, CUmemAllocationType type) {
  Client* client;
  if (const CUresult result = EnterLocation(client, location, type); result != CUDA_SUCCESS) return result;
  return GivePool(pool, client->memory_pools.current());
}

CUresult paella_cuMemSetMemPool(CUmemLocation* location, CUmemAllocationType type, CUmemoryPool pool) {
  Client* client;
  if (const CUresult result = EnterLocation(client, location, type); result != CUDA_SUCCESS) return result;
  return SetCurrent(*client, pool);
}

CUresult paella_cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value) {
  MemoryPool* own;
  if (const CUresult result = EnterPool(pool, own); result != CUDA_SUCCESS) return result;
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  switch (attr) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES: return Give<int>(value, own->follows_events);
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC: return Give<int>(value, own->is_opportunistic);
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: return Give<int>(value, own->adds_dependencies);
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: return Give<std::uint64_t>(value, own->release_threshold_bytes);
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: return Give<std::uint64_t>(value, own->used_bytes());
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: return Give<std::uint64_t>(value, own->reserved_mark_bytes);
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: return Give<std::uint64_t>(value, own->used_mark_bytes);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

// All but the marks steer how a pool reuses memory that it keeps, and none is kept here.
CUresult paella_cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value) {
  MemoryPool* own;
  if (const CUresult result = EnterPool(pool, own); result != CUDA_SUCCESS) return result;
  if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
  switch (attr) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES: own->follows_events = Taken<int>(value) != 0; break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC: own->is_opportunistic = Taken<int>(value) != 0; break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: own->adds_dependencies = Taken<int>(value) != 0; break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: own->release_threshold_bytes = Taken<std::uint64_t>(value); break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: return SetBack(own->reserved_mark_bytes, value, own->used_bytes());
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: return SetBack(own->used_mark_bytes, value, own->used_bytes());
    default: return CUDA_ERROR_INVALID_VALUE;  // unknown, or only to be read
  }
  return CUDA_SUCCESS;
}

CUresult paella_cuMemPoolGetAccess(CUmemAccess_flags* flags, CUmemoryPool memPool, CUmemLocation* location) {
  MemoryPool* own;
  if (const CUresult result = EnterPool(memPool, own); result != CUDA_SUCCESS) return result;
  if (flags == nullptr || location == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const bool is_device = location->type == CU_MEM_LOCATION_TYPE_DEVICE;
  if (is_device && location->id != 0) return CUDA_ERROR_INVALID_VALUE;
  *flags = is_device ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return CUDA_SUCCESS;
}

CUresult paella_cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc* map, size_t count) {
  MemoryPool* own;
  if (const CUresult result = EnterPool(pool, own); result != CUDA_SUCCESS) return result;
  if (map == nullptr && count != 0) return CUDA_ERROR_INVALID_VALUE;
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_own = map[i].location.type == CU_MEM_LOCATION_TYPE_DEVICE && map[i].location.id == 0;
    // There is no other device, and its own keeps all rights.
    if (!is_own || map[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE) return CUDA_ERROR_INVALID_DEVICE;
  }
  return CUDA_SUCCESS;
}

CUresult paella_cuMemPoolTrimTo(CUmemoryPool pool, size_t) {
  MemoryPool* own;
  return EnterPool(pool, own);  // what is free already went back to the daemon
}
