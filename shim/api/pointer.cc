// Questions about pointers, answered from the local list of allocations.
#include <cstring>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/unsupported.h"

using namespace paella::shim;

namespace {

constexpr int kNoDevice = -2;  // the ordinal of an unknown pointer, as the driver gives it

template <typename T>
void Give(void* out, T value) {
  std::memcpy(out, &value, sizeof value);
}

int AccessFlags(const Allocation& allocation) {
  if (!allocation.readable) return CU_POINTER_ATTRIBUTE_ACCESS_FLAG_NONE;
  return allocation.writable ? CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READWRITE : CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READ;
}

// A mapping belongs to no context; globals to the primary one, as far as anyone asks.
CUcontext ContextOf(Client& client, const Allocation& allocation) {
  if (allocation.kind == MemoryKind::kMapped) return nullptr;
  return allocation.context != nullptr ? allocation.context->handle : client.contexts.primary().handle;
}

// What a pointer may be moved in: the whole reservation of a mapping, whose own bounds are the MAPPING_ attributes'.
Reservation RangeOf(const Client& client, const Allocation& allocation) {
  if (allocation.kind == MemoryKind::kMapped) {
    if (const auto reservation = client.reservations.Find(allocation.base)) return *reservation;
  }
  return {allocation.base, allocation.size_bytes};
}

CUresult GiveAttribute(Client& client, void* data, CUpointer_attribute attribute, const Allocation& allocation) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      Give(data, ContextOf(client, allocation));
      break;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
      Give<unsigned>(data, allocation.kind == MemoryKind::kHost ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE);
      break;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS: Give<unsigned>(data, allocation.sync_memops); break;
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID:
    case CU_POINTER_ATTRIBUTE_BUFFER_ID: Give<unsigned long long>(data, allocation.id); break;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: Give<unsigned>(data, allocation.kind == MemoryKind::kManaged); break;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: Give<int>(data, 0); break;
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE: Give<int>(data, allocation.IsShareable()); break;
    case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE: Give<int>(data, 0); break;
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR: Give<std::uint64_t>(data, allocation.base); break;
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE: Give<std::size_t>(data, allocation.size_bytes); break;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: Give<std::uint64_t>(data, RangeOf(client, allocation).base); break;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: Give<std::size_t>(data, RangeOf(client, allocation).size_bytes); break;
    case CU_POINTER_ATTRIBUTE_MAPPED: Give<int>(data, 1); break;
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES: Give<std::uint64_t>(data, 0); break;
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE: Give<int>(data, 0); break;
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS: Give<int>(data, AccessFlags(allocation)); break;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
      Give<CUmemoryPool>(data, allocation.pool != nullptr ? allocation.pool->handle() : nullptr);
      break;
    default: return UnsupportedForm("an attribute of cuPointerGetAttribute");
  }
  return CUDA_SUCCESS;
}

CUresult GiveAttributeOf(Client& client, void* data, CUpointer_attribute attribute, CUdeviceptr ptr,
                         const Allocation& allocation) {
  if (attribute == CU_POINTER_ATTRIBUTE_DEVICE_POINTER) {
    Give<CUdeviceptr>(data, ptr);
    return CUDA_SUCCESS;
  }
  if (attribute == CU_POINTER_ATTRIBUTE_HOST_POINTER) {
    if (!allocation.IsHost()) return CUDA_ERROR_INVALID_VALUE;
    Give<CUdeviceptr>(data, ptr);
    return CUDA_SUCCESS;
  }
  return GiveAttribute(client, data, attribute, allocation);
}

bool IsKnown(CUpointer_attribute attribute) {
  return attribute >= CU_POINTER_ATTRIBUTE_CONTEXT && attribute <= CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE;
}

// cuPointerGetAttributes of a pointer that nobody knows succeeds with nothing said, unlike the singular form.
void GiveNothing(void* data, CUpointer_attribute attribute) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: Give<int>(data, kNoDevice); break;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE:
    case CU_POINTER_ATTRIBUTE_MAPPED:
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE:
    case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE:
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS: Give<unsigned>(data, 0); break;
    default: Give<std::uint64_t>(data, 0);
  }
}

}  // namespace

CUresult paella_cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (data == nullptr || !IsKnown(attribute)) return CUDA_ERROR_INVALID_VALUE;
  const Allocation* const allocation = client->allocations.Peek(ptr);
  if (allocation == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return GiveAttributeOf(*client, data, attribute, ptr, *allocation);
}

CUresult paella_cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute* attributes, void** data,
                                       CUdeviceptr ptr) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (attributes == nullptr || data == nullptr || numAttributes == 0) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < numAttributes; ++i) {
    if (data[i] == nullptr || !IsKnown(attributes[i])) return CUDA_ERROR_INVALID_VALUE;
  }
  const auto allocation = client->allocations.Find(ptr);
  for (unsigned i = 0; i < numAttributes; ++i) {
    // One that does not apply to this pointer is answered with nothing too: only the singular form fails.
    if (!allocation || GiveAttributeOf(*client, data[i], attributes[i], ptr, *allocation) != CUDA_SUCCESS) {
      GiveNothing(data[i], attributes[i]);
    }
  }
  return CUDA_SUCCESS;
}

CUresult paella_cuPointerSetAttribute(const void* value, CUpointer_attribute attribute, CUdeviceptr ptr) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (value == nullptr || attribute != CU_POINTER_ATTRIBUTE_SYNC_MEMOPS) return CUDA_ERROR_INVALID_VALUE;
  // Every synchronous form here is at least as synchronous as this asks for.
  unsigned wanted = 0;
  std::memcpy(&wanted, value, sizeof wanted);
  return client->allocations.SetSyncMemops(ptr, wanted != 0) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult paella_cuMemGetAddressRange_v2(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const auto allocation = client->allocations.Find(dptr);
  if (!allocation) return CUDA_ERROR_NOT_FOUND;
  if (pbase != nullptr) *pbase = allocation->base;
  if (psize != nullptr) *psize = allocation->size_bytes;
  return CUDA_SUCCESS;
}

CUresult paella_cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int Flags) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  const auto allocation = client->allocations.Find(address);
  if (pdptr == nullptr || Flags != 0 || !allocation || !allocation->IsHost()) return CUDA_ERROR_INVALID_VALUE;
  *pdptr = address;
  return CUDA_SUCCESS;
}

CUresult paella_cuMemHostGetFlags(unsigned int* pFlags, void* p) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const auto allocation = client->allocations.Find(reinterpret_cast<std::uintptr_t>(p));
  const bool is_pinned = allocation && allocation->kind == MemoryKind::kHost;
  if (pFlags == nullptr || !is_pinned) return CUDA_ERROR_INVALID_VALUE;
  *pFlags = allocation->host_flags | CU_MEMHOSTALLOC_DEVICEMAP;  // always so with unified addressing
  return CUDA_SUCCESS;
}
