// Managed memory: hints about it, which change nothing here (managed_hints.h), and what streams it is attached to.
//
// Natively most of them need a GPU that pages on demand (CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS), which this one
// does not claim to be. They are taken nevertheless: many programs never ask, and a hint that does nothing keeps its
// promise.
#include <algorithm>
#include <cstring>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/unsupported.h"

using namespace paella::shim;

namespace {

// The whole of a range is managed memory of this program.
CUresult CheckManaged(const Client& client, CUdeviceptr address, std::size_t size_bytes) {
  if (size_bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  const auto allocation = client.allocations.FindRange(address, size_bytes, MemoryUse::kRead);
  return allocation && allocation->kind == MemoryKind::kManaged ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult EnterManaged(Client*& client, CUdeviceptr address, std::size_t size_bytes) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  return CheckManaged(*client, address, size_bytes);
}

// A place to be moved to or to be preferred.
CUresult CheckLocation(const CUmemLocation& location) {
  switch (location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE: return location.id == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
    case CU_MEM_LOCATION_TYPE_HOST:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT: return CUDA_SUCCESS;
    case CU_MEM_LOCATION_TYPE_HOST_NUMA: return location.id >= 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult CheckAccessor(const CUmemLocation& location) {
  const bool can_be = location.type == CU_MEM_LOCATION_TYPE_DEVICE || location.type == CU_MEM_LOCATION_TYPE_HOST;
  return can_be ? CheckLocation(location) : CUDA_ERROR_INVALID_VALUE;
}

// From the older functions, for which the host is a device.
CUmemLocation LocationOf(CUdevice device) {
  CUmemLocation location{};
  location.type = device == CU_DEVICE_CPU ? CU_MEM_LOCATION_TYPE_HOST : CU_MEM_LOCATION_TYPE_DEVICE;
  location.id = device == CU_DEVICE_CPU ? 0 : device;
  return location;
}

CUresult CheckAdvice(CUmem_advise advice, const CUmemLocation& location) {
  switch (advice) {
    case CU_MEM_ADVISE_SET_READ_MOSTLY:
    case CU_MEM_ADVISE_UNSET_READ_MOSTLY:
    case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION: return CUDA_SUCCESS;
    case CU_MEM_ADVISE_SET_PREFERRED_LOCATION: return CheckLocation(location);
    case CU_MEM_ADVISE_SET_ACCESSED_BY:
    case CU_MEM_ADVISE_UNSET_ACCESSED_BY: return CheckAccessor(location);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

void Apply(CUmem_advise advice, const CUmemLocation& location, ManagedHints& hints) {
  const bool set = advice == CU_MEM_ADVISE_SET_ACCESSED_BY;
  switch (advice) {
    case CU_MEM_ADVISE_SET_READ_MOSTLY: hints.read_mostly = true; break;
    case CU_MEM_ADVISE_UNSET_READ_MOSTLY: hints.read_mostly = false; break;
    case CU_MEM_ADVISE_SET_PREFERRED_LOCATION: hints.preferred = location; break;
    case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION: hints.preferred = {}; break;
    case CU_MEM_ADVISE_SET_ACCESSED_BY:
    case CU_MEM_ADVISE_UNSET_ACCESSED_BY:
      (location.type == CU_MEM_LOCATION_TYPE_DEVICE ? hints.accessed_by_gpu : hints.accessed_by_host) = set;
      break;
    default: break;
  }
}

CUresult Advise(CUdeviceptr address, std::size_t size_bytes, CUmem_advise advice, const CUmemLocation& location) {
  Client* client;
  if (const CUresult result = EnterManaged(client, address, size_bytes); result != CUDA_SUCCESS) return result;
  if (const CUresult result = CheckAdvice(advice, location); result != CUDA_SUCCESS) return result;
  client->managed_hints.Set(address, size_bytes, [&](ManagedHints& hints) { Apply(advice, location, hints); });
  return CUDA_SUCCESS;
}

// A stream in which something may be enqueued that no graph can have.
CUresult CheckStream(Client& client, CUstream handle) {
  Stream* const stream = client.streams.Find(handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return stream->IsOrdinary() ? CUDA_SUCCESS : client.captures.Refuse(*stream);
}

// Nothing moves, so nothing is posted: whatever is ordered behind it is ordered behind what came before it as well.
CUresult Prefetch(CUdeviceptr address, std::size_t size_bytes, const CUmemLocation& location, unsigned flags,
                  CUstream stream) {
  Client* client;
  if (const CUresult result = EnterManaged(client, address, size_bytes); result != CUDA_SUCCESS) return result;
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = CheckLocation(location); result != CUDA_SUCCESS) return result;
  if (const CUresult result = CheckStream(*client, stream); result != CUDA_SUCCESS) return result;
  client->managed_hints.Set(address, size_bytes, [&](ManagedHints& hints) { hints.last_prefetch = location; });
  return CUDA_SUCCESS;
}

struct Batch {
  const CUdeviceptr* addresses;
  const std::size_t* sizes_bytes;
  std::size_t count;
  unsigned long long flags;
  CUstream stream;
};

CUresult EnterBatch(Client*& client, const Batch& batch) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (batch.addresses == nullptr || batch.sizes_bytes == nullptr || batch.count == 0 || batch.flags != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  for (std::size_t i = 0; i < batch.count; ++i) {
    const CUresult result = CheckManaged(*client, batch.addresses[i], batch.sizes_bytes[i]);
    if (result != CUDA_SUCCESS) return result;
  }
  const Stream* const stream = client->streams.Find(batch.stream);
  if (stream == &client->streams.legacy()) return CUDA_ERROR_INVALID_VALUE;  // not allowed there
  return CheckStream(*client, batch.stream);
}

CUresult PrefetchBatch(const Batch& batch, const CUmemLocation* locations, const std::size_t* firsts,
                       std::size_t location_count) {
  Client* client;
  if (const CUresult result = EnterBatch(client, batch); result != CUDA_SUCCESS) return result;
  if (locations == nullptr || firsts == nullptr || location_count == 0 || location_count > batch.count ||
      firsts[0] != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  for (std::size_t k = 0; k < location_count; ++k) {
    if (firsts[k] >= batch.count || (k > 0 && firsts[k] <= firsts[k - 1])) return CUDA_ERROR_INVALID_VALUE;
    if (const CUresult result = CheckLocation(locations[k]); result != CUDA_SUCCESS) return result;
  }
  std::size_t k = 0;
  for (std::size_t i = 0; i < batch.count; ++i) {
    if (k + 1 < location_count && i == firsts[k + 1]) ++k;
    client->managed_hints.Set(batch.addresses[i], batch.sizes_bytes[i],
                              [&](ManagedHints& hints) { hints.last_prefetch = locations[k]; });
  }
  return CUDA_SUCCESS;
}

// As the older attributes tell a location: only devices, and the host as one of them.
int DeviceOf(const CUmemLocation& location) {
  switch (location.type) {
    case CU_MEM_LOCATION_TYPE_INVALID: return CU_DEVICE_INVALID;
    case CU_MEM_LOCATION_TYPE_DEVICE: return location.id;
    default: return CU_DEVICE_CPU;
  }
}

CUresult GiveInt(void* data, std::size_t size_bytes, int value) {
  if (size_bytes != sizeof value) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(data, &value, sizeof value);
  return CUDA_SUCCESS;
}

CUresult GiveAccessors(void* data, std::size_t size_bytes, const ManagedHints& hints) {
  if (size_bytes == 0 || size_bytes % sizeof(int) != 0) return CUDA_ERROR_INVALID_VALUE;
  int accessors[] = {CU_DEVICE_INVALID, CU_DEVICE_INVALID};
  std::size_t count = 0;
  if (hints.accessed_by_gpu) accessors[count++] = 0;
  if (hints.accessed_by_host) accessors[count++] = CU_DEVICE_CPU;
  for (std::size_t i = 0; i < size_bytes / sizeof(int); ++i) {
    const int value = i < count ? accessors[i] : CU_DEVICE_INVALID;
    std::memcpy(static_cast<std::byte*>(data) + i * sizeof value, &value, sizeof value);
  }
  return CUDA_SUCCESS;
}

CUresult GiveAttribute(void* data, std::size_t size_bytes, CUmem_range_attribute attribute, const ManagedHints& hints) {
  if (data == nullptr) return CUDA_ERROR_INVALID_VALUE;
  switch (attribute) {
    case CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY: return GiveInt(data, size_bytes, hints.read_mostly ? 1 : 0);
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION: return GiveInt(data, size_bytes, DeviceOf(hints.preferred));
    case CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY: return GiveAccessors(data, size_bytes, hints);
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION: return GiveInt(data, size_bytes, DeviceOf(hints.last_prefetch));
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE: return GiveInt(data, size_bytes, hints.preferred.type);
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_ID: return GiveInt(data, size_bytes, hints.preferred.id);
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE:
      return GiveInt(data, size_bytes, hints.last_prefetch.type);
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_ID: return GiveInt(data, size_bytes, hints.last_prefetch.id);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace

CUresult paella_cuMemAdvise(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUdevice device) {
  return Advise(devPtr, count, advice, LocationOf(device));
}

CUresult paella_cuMemAdvise_v2(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUmemLocation location) {
  return Advise(devPtr, count, advice, location);
}

CUresult paella_cuMemPrefetchAsync(CUdeviceptr devPtr, size_t count, CUdevice dstDevice, CUstream hStream) {
  return Prefetch(devPtr, count, LocationOf(dstDevice), 0, hStream);
}

CUresult paella_cuMemPrefetchAsync_v2(CUdeviceptr devPtr, size_t count, CUmemLocation location, unsigned int flags,
                                      CUstream hStream) {
  return Prefetch(devPtr, count, location, flags, hStream);
}

CUresult paella_cuMemPrefetchBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, CUmemLocation* prefetchLocs,
                                        size_t* prefetchLocIdxs, size_t numPrefetchLocs, unsigned long long flags,
                                        CUstream hStream) {
  return PrefetchBatch({dptrs, sizes, count, flags, hStream}, prefetchLocs, prefetchLocIdxs, numPrefetchLocs);
}

// What was discarded may read as anything, also as what it was.
CUresult paella_cuMemDiscardBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, unsigned long long flags,
                                       CUstream hStream) {
  Client* client;
  return EnterBatch(client, {dptrs, sizes, count, flags, hStream});
}

CUresult paella_cuMemDiscardAndPrefetchBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count,
                                                  CUmemLocation* prefetchLocs, size_t* prefetchLocIdxs,
                                                  size_t numPrefetchLocs, unsigned long long flags, CUstream hStream) {
  return PrefetchBatch({dptrs, sizes, count, flags, hStream}, prefetchLocs, prefetchLocIdxs, numPrefetchLocs);
}

CUresult paella_cuMemRangeGetAttribute(void* data, size_t dataSize, CUmem_range_attribute attribute, CUdeviceptr devPtr,
                                       size_t count) {
  Client* client;
  if (const CUresult result = EnterManaged(client, devPtr, count); result != CUDA_SUCCESS) return result;
  return GiveAttribute(data, dataSize, attribute, client->managed_hints.Get(devPtr, count));
}

CUresult paella_cuMemRangeGetAttributes(void** data, size_t* dataSizes, CUmem_range_attribute* attributes,
                                        size_t numAttributes, CUdeviceptr devPtr, size_t count) {
  Client* client;
  if (const CUresult result = EnterManaged(client, devPtr, count); result != CUDA_SUCCESS) return result;
  if (data == nullptr || dataSizes == nullptr || attributes == nullptr || numAttributes == 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const ManagedHints hints = client->managed_hints.Get(devPtr, count);
  for (std::size_t i = 0; i < numAttributes; ++i) {
    const CUresult result = GiveAttribute(data[i], dataSizes[i], attributes[i], hints);
    if (result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

// Every stream, and the host at any time, may use managed memory here: there is nothing to be attached to.
CUresult paella_cuStreamAttachMemAsync(CUstream hStream, CUdeviceptr dptr, size_t length, unsigned int flags) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const auto allocation = client->allocations.Find(dptr);
  const bool is_whole = allocation && allocation->kind == MemoryKind::kManaged && allocation->base == dptr &&
                        (length == 0 || length == allocation->size_bytes);
  const bool flags_are_known =
      flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST || flags == CU_MEM_ATTACH_SINGLE;
  if (!is_whole || !flags_are_known) return CUDA_ERROR_INVALID_VALUE;
  const bool is_default = client->streams.Find(hStream) == &client->streams.legacy();
  if (flags == CU_MEM_ATTACH_SINGLE && is_default) return CUDA_ERROR_INVALID_VALUE;
  return CheckStream(*client, hStream);
}

// Nobody else's device can write the GPU's memory, which is what GPU_DIRECT_RDMA_SUPPORTED says: there is never
// anything to be flushed.
CUresult paella_cuFlushGPUDirectRDMAWrites(CUflushGPUDirectRDMAWritesTarget target,
                                           CUflushGPUDirectRDMAWritesScope scope) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const bool scope_is_known =
      scope == CU_FLUSH_GPU_DIRECT_RDMA_WRITES_TO_OWNER || scope == CU_FLUSH_GPU_DIRECT_RDMA_WRITES_TO_ALL_DEVICES;
  if (target != CU_FLUSH_GPU_DIRECT_RDMA_WRITES_TARGET_CURRENT_CTX || !scope_is_known) return CUDA_ERROR_INVALID_VALUE;
  const auto& attributes = client->welcome.attributes;
  constexpr std::size_t kOptions = CU_DEVICE_ATTRIBUTE_GPU_DIRECT_RDMA_FLUSH_WRITES_OPTIONS;
  const bool offers = attributes.size() > kOptions &&
                      (attributes[kOptions] & CU_FLUSH_GPU_DIRECT_RDMA_WRITES_OPTION_HOST) != 0;
  return offers ? CUDA_SUCCESS : CUDA_ERROR_NOT_SUPPORTED;
}
