// Allocation of device, host and managed memory, memory pools, and questions about pointers.
#include <cstring>

#include "tests/simulated_gpu/allocations.h"
#include "tests/simulated_gpu/api/common.h"
#include "tests/simulated_gpu/virtual_memory.h"

namespace paella::simulated_gpu {
namespace {

// A pool gives out plain allocations; it has only its limit of handles to remember.
struct Pool {
  std::atomic<std::uint64_t> release_threshold{0};
};

CUmemoryPool DefaultPool() {
  static const CUmemoryPool pool = reinterpret_cast<CUmemoryPool>(Handles<Pool>::Get().Add(std::make_shared<Pool>()));
  return pool;
}

CUresult Allocate(std::size_t bytes, RangeKind kind, std::uintptr_t& address) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  return Allocations::Get().Allocate(bytes, kind, context, address);
}

CUresult AllocateDevice(CUdeviceptr* pointer, std::size_t bytes, RangeKind kind) {
  if (pointer == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::uintptr_t address = 0;
  PAELLA_RETURN_IF_ERROR(Allocate(bytes, kind, address));
  *pointer = address;
  return CUDA_SUCCESS;
}

CUresult AllocateHost(void** pointer, std::size_t bytes) {
  if (pointer == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::uintptr_t address = 0;
  PAELLA_RETURN_IF_ERROR(Allocate(bytes, RangeKind::kHostPinned, address));
  *pointer = reinterpret_cast<void*>(address);
  return CUDA_SUCCESS;
}

// Freeing waits for the work that may use it.
CUresult Free(std::uintptr_t address) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  if (address == 0) return CUDA_SUCCESS;
  Engine::Get().WaitForContext(context);
  return Allocations::Get().Free(address);
}

bool IsHost(RangeKind kind) { return kind == RangeKind::kHostPinned || kind == RangeKind::kHostRegistered; }

template <typename T>
CUresult Answer(void* data, T value) {
  std::memcpy(data, &value, sizeof value);
  return CUDA_SUCCESS;
}

CUresult PointerAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr pointer) {
  Range range;
  if (!MemoryMap::Get().Lookup(pointer, range)) return CUDA_ERROR_INVALID_VALUE;
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: return Answer(data, range.context);
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      return Answer(data, IsHost(range.kind) ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE);
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: return Answer(data, pointer);
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      if (!IsHost(range.kind) && range.kind != RangeKind::kManaged) return CUDA_ERROR_INVALID_VALUE;
      return Answer(data, Pointer(pointer));
    case CU_POINTER_ATTRIBUTE_BUFFER_ID: return Answer(data, range.id);
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: return Answer(data, range.kind == RangeKind::kManaged);
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return Answer(data, 0);
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: return Answer(data, CUdeviceptr{range.start});
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: return Answer(data, std::size_t{range.end - range.start});
    case CU_POINTER_ATTRIBUTE_MAPPED: return Answer(data, true);
    default: return CUDA_ERROR_NOT_SUPPORTED;
  }
}

std::size_t AttributeBytes(CUpointer_attribute attribute) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return 4;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: case CU_POINTER_ATTRIBUTE_MAPPED: return 1;
    default: return 8;
  }
}

CUresult UsePool(CUmemoryPool handle, std::shared_ptr<Pool>& pool) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  pool = Handles<Pool>::Get().Find(handle);
  return pool == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

}  // namespace
}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuMemAlloc(CUdeviceptr* dptr, size_t bytesize) { return AllocateDevice(dptr, bytesize, RangeKind::kDevice); }
CUresult cuMemFree(CUdeviceptr dptr) { return Free(dptr); }

CUresult cuMemAllocPitch(CUdeviceptr* dptr, size_t* pPitch, size_t WidthInBytes, size_t Height, unsigned int) {
  if (pPitch == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pPitch = (WidthInBytes + 511) / 512 * 512;
  return cuMemAlloc(dptr, *pPitch * Height);
}

CUresult cuMemAllocManaged(CUdeviceptr* dptr, size_t bytesize, unsigned int) {
  return AllocateDevice(dptr, bytesize, RangeKind::kManaged);
}

CUresult cuMemAllocHost(void** pp, size_t bytesize) { return AllocateHost(pp, bytesize); }
CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int) { return AllocateHost(pp, bytesize); }
CUresult cuMemFreeHost(void* p) { return Free(reinterpret_cast<std::uintptr_t>(p)); }

CUresult cuMemHostRegister(void* p, size_t bytesize, unsigned int) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  return Allocations::Get().RegisterHost(reinterpret_cast<std::uintptr_t>(p), bytesize, context);
}

CUresult cuMemHostUnregister(void* p) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  return Allocations::Get().UnregisterHost(reinterpret_cast<std::uintptr_t>(p));
}

CUresult cuMemHostGetDevicePointer(CUdeviceptr* pdptr, void* p, unsigned int) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(pdptr);
  Range range;
  if (!MemoryMap::Get().Lookup(reinterpret_cast<std::uintptr_t>(p), range)) return CUDA_ERROR_INVALID_VALUE;
  *pdptr = reinterpret_cast<std::uintptr_t>(p);
  return CUDA_SUCCESS;
}

CUresult cuMemGetInfo(size_t* free, size_t* total) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(free);
  PAELLA_RETURN_IF_NULL(total);
  *free = Budget::Of(context->device).free_bytes();
  *total = Budget::Of(context->device).total_bytes();
  return CUDA_SUCCESS;
}

CUresult cuMemGetAddressRange(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  Range range;
  if (!MemoryMap::Get().Lookup(dptr, range)) return CUDA_ERROR_NOT_FOUND;
  if (pbase != nullptr) *pbase = range.start;
  if (psize != nullptr) *psize = range.end - range.start;
  return CUDA_SUCCESS;
}

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  return data == nullptr ? CUDA_ERROR_INVALID_VALUE : PointerAttribute(data, attribute, ptr);
}

// An unknown pointer is no error here: every attribute is zero.
CUresult cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute* attributes, void** data, CUdeviceptr ptr) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(attributes);
  PAELLA_RETURN_IF_NULL(data);
  for (unsigned i = 0; i < numAttributes; ++i) {
    if (PointerAttribute(data[i], attributes[i], ptr) != CUDA_SUCCESS) std::memset(data[i], 0, AttributeBytes(attributes[i]));
  }
  return CUDA_SUCCESS;
}

CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  return cuMemAllocFromPoolAsync(dptr, bytesize, DefaultPool(), hStream);
}

// The address is good at once, which is before any work of the stream could use it.
CUresult cuMemAllocFromPoolAsync(CUdeviceptr* dptr, size_t bytesize, CUmemoryPool handle, CUstream hStream) {
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Pool> pool;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  PAELLA_RETURN_IF_ERROR(UsePool(handle, pool));
  return AllocateDevice(dptr, bytesize, RangeKind::kDevice);
}

CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  Range range;
  if (!MemoryMap::Get().Lookup(dptr, range) || range.start != dptr || range.kind != RangeKind::kDevice) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  auto operation = std::make_shared<Operation>();
  operation->work = [dptr] {
    Allocations::Get().Free(dptr);
    return CUDA_SUCCESS;
  };
  return Submit(stream, operation, false);
}

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool_out, CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  PAELLA_RETURN_IF_NULL(pool_out);
  *pool_out = DefaultPool();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice dev) { return cuDeviceGetDefaultMemPool(pool, dev); }

CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* poolProps) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (pool == nullptr || poolProps == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pool = reinterpret_cast<CUmemoryPool>(Handles<Pool>::Get().Add(std::make_shared<Pool>()));
  return CUDA_SUCCESS;
}

CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  if (pool == DefaultPool()) return CUDA_ERROR_INVALID_VALUE;
  return Handles<Pool>::Get().Remove(pool) == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult cuMemPoolTrimTo(CUmemoryPool handle, size_t) {
  std::shared_ptr<Pool> pool;
  return UsePool(handle, pool);
}

CUresult cuMemPoolSetAttribute(CUmemoryPool handle, CUmemPool_attribute attr, void* value) {
  std::shared_ptr<Pool> pool;
  PAELLA_RETURN_IF_ERROR(UsePool(handle, pool));
  if (attr == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) {
    std::uint64_t threshold;
    std::memcpy(&threshold, value, sizeof threshold);
    pool->release_threshold = threshold;
  }
  return CUDA_SUCCESS;
}

CUresult cuMemPoolGetAttribute(CUmemoryPool handle, CUmemPool_attribute attr, void* value) {
  std::shared_ptr<Pool> pool;
  PAELLA_RETURN_IF_ERROR(UsePool(handle, pool));
  PAELLA_RETURN_IF_NULL(value);
  switch (attr) {
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: return Answer(value, pool->release_threshold.load());
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: return Answer(value, 1);
    default: return Answer(value, std::uint64_t{0});
  }
}
