// Virtual memory: physical memory by handle, reserved addresses, and mappings of one into the other. None of these
// functions needs a context: NCCL calls them on threads without one.
//
// Handles are the daemon's numbers, which it checks. What the program may do with an address is remembered here
// (`allocations`), so that pointers and copies are checked without asking.
#include <bit>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/unsupported.h"

using namespace paella::shim;
namespace ipc = paella::ipc;

namespace {

constexpr std::uint64_t kGranule = ipc::kPhysicalGranularityBytes;

bool IsGranules(std::uint64_t bytes) { return bytes != 0 && bytes % kGranule == 0; }

CUresult CheckLocation(const CUmemLocation& location) {
  switch (location.type) {
    case CU_MEM_LOCATION_TYPE_DEVICE: return location.id == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
    case CU_MEM_LOCATION_TYPE_HOST:
    case CU_MEM_LOCATION_TYPE_HOST_NUMA: return UnsupportedForm("virtual memory of the host");
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

// What compresses is a wish, which this GPU's owner does not fulfil: CUDA lets a program see that in the properties.
CUresult CheckProperties(const CUmemAllocationProp* properties) {
  if (properties == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (properties->type != CU_MEM_ALLOCATION_TYPE_PINNED) {
    const bool is_managed = static_cast<int>(properties->type) == CU_MEM_ALLOCATION_TYPE_MANAGED;
    return is_managed ? UnsupportedForm("managed memory of cuMemCreate") : CUDA_ERROR_INVALID_VALUE;
  }
  if (const CUresult result = CheckLocation(properties->location); result != CUDA_SUCCESS) return result;
  const auto types = static_cast<unsigned>(properties->requestedHandleTypes);
  // A descriptor may be asked for, since PyTorch and NCCL do so without using it; exporting it is refused.
  if ((types & ~unsigned{CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR}) != 0) {
    return UnsupportedForm("a handle type of cuMemCreate");
  }
  if (properties->allocFlags.gpuDirectRDMACapable != 0 || properties->allocFlags.usage != 0) {
    return UnsupportedForm("a usage of cuMemCreate");
  }
  return CUDA_SUCCESS;
}

// The access of this client's one GPU after all descriptions; a later one of the same location wins.
CUresult ReadAccess(const CUmemAccessDesc* descriptions, std::size_t count, CUmemAccess_flags& access) {
  if (descriptions == nullptr || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (std::size_t i = 0; i < count; ++i) {
    if (const CUresult result = CheckLocation(descriptions[i].location); result != CUDA_SUCCESS) return result;
    access = descriptions[i].flags;
    if (access != CU_MEM_ACCESS_FLAGS_PROT_NONE && access != CU_MEM_ACCESS_FLAGS_PROT_READ &&
        access != CU_MEM_ACCESS_FLAGS_PROT_READWRITE) {
      return CUDA_ERROR_INVALID_VALUE;
    }
  }
  return CUDA_SUCCESS;
}

// Waits for what was posted with the rights that go now, then makes the call.
template <typename Message>
CUresult CallAfterAllWork(Client& client, const Message& message) {
  if (const CUresult result = client.streams.SynchronizeAll(client.wait_style()); result != CUDA_SUCCESS) return result;
  typename ipc::ReplyOf<Message>::Type reply;
  return client.submission.Call(message, reply);
}

}  // namespace

CUresult paella_cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* prop,
                                              CUmemAllocationGranularity_flags option) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  const bool option_is_known =
      option == CU_MEM_ALLOC_GRANULARITY_MINIMUM || option == CU_MEM_ALLOC_GRANULARITY_RECOMMENDED;
  if (granularity == nullptr || !option_is_known) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = CheckProperties(prop); result != CUDA_SUCCESS) return result;
  *granularity = kGranule;
  return CUDA_SUCCESS;
}

CUresult paella_cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop,
                            unsigned long long flags) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (handle == nullptr || flags != 0 || !IsGranules(size)) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = CheckProperties(prop); result != CUDA_SUCCESS) return result;
  ipc::PhysicalCreate message;
  message.size_bytes = size;
  message.handle_types = static_cast<std::uint32_t>(prop->requestedHandleTypes);
  ipc::PhysicalCreateReply reply;
  const CUresult result = client->submission.Call(message, reply);
  if (result == CUDA_SUCCESS) *handle = reply.physical;
  return result;
}

CUresult paella_cuMemRelease(CUmemGenericAllocationHandle handle) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  ipc::PhysicalRelease message;
  message.physical = handle;
  ipc::PhysicalReleaseReply reply;
  return client->submission.Call(message, reply);
}

CUresult paella_cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, void* addr) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  ipc::PhysicalRetain message;
  message.address = reinterpret_cast<std::uintptr_t>(addr);
  ipc::PhysicalRetainReply reply;
  const CUresult result = client->submission.Call(message, reply);
  if (result == CUDA_SUCCESS) *handle = reply.physical;
  return result;
}

CUresult paella_cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* prop, CUmemGenericAllocationHandle handle) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (prop == nullptr) return CUDA_ERROR_INVALID_VALUE;
  ipc::PhysicalProperties message;
  message.physical = handle;
  ipc::PhysicalPropertiesReply reply;
  if (const CUresult result = client->submission.Call(message, reply); result != CUDA_SUCCESS) return result;
  *prop = {};
  prop->type = CU_MEM_ALLOCATION_TYPE_PINNED;
  prop->requestedHandleTypes = static_cast<CUmemAllocationHandleType>(reply.handle_types);
  prop->location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  return CUDA_SUCCESS;
}

CUresult paella_cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr addr,
                                    unsigned long long flags) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  const bool is_pages = size != 0 && size % ipc::kPageBytes == 0 && addr % ipc::kPageBytes == 0;
  if (ptr == nullptr || flags != 0 || !is_pages || (alignment != 0 && !std::has_single_bit(alignment))) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  ipc::AddressReserve message;
  message.size_bytes = size;
  message.alignment_bytes = alignment;
  message.hint = addr;
  ipc::AddressReserveReply reply;
  if (const CUresult result = client->submission.Call(message, reply); result != CUDA_SUCCESS) return result;
  client->reservations.Add({reply.address, size});
  *ptr = reply.address;
  return CUDA_SUCCESS;
}

CUresult paella_cuMemAddressFree(CUdeviceptr ptr, size_t size) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  const auto reservation = client->reservations.Find(ptr);
  if (!reservation || reservation->base != ptr || reservation->size_bytes != size) return CUDA_ERROR_INVALID_VALUE;
  // Forgotten first: as soon as the daemon has it back, another thread may reserve the same addresses.
  client->reservations.Remove(ptr);
  ipc::AddressFree message;
  message.address = ptr;
  message.size_bytes = size;
  ipc::AddressFreeReply reply;
  const CUresult result = client->submission.Call(message, reply);
  if (result != CUDA_SUCCESS) client->reservations.Add(*reservation);
  return result;
}

CUresult paella_cuMemMap(CUdeviceptr ptr, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                         unsigned long long flags) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (flags != 0 || ptr % kGranule != 0 || !IsGranules(size) || offset % kGranule != 0) return CUDA_ERROR_INVALID_VALUE;
  if (offset != 0) return CUDA_ERROR_NOT_SUPPORTED;  // the driver's answer too
  ipc::AddressMap message;
  message.address = ptr;
  message.size_bytes = size;
  message.offset_bytes = offset;
  message.physical = handle;
  ipc::AddressMapReply reply;
  if (const CUresult result = client->submission.Call(message, reply); result != CUDA_SUCCESS) return result;
  Allocation mapping;
  mapping.base = ptr;
  mapping.size_bytes = size;
  mapping.kind = MemoryKind::kMapped;
  mapping.readable = mapping.writable = false;
  client->allocations.Add(mapping);
  return CUDA_SUCCESS;
}

// Forgotten first, so that no copy is posted any more which the call would have to wait for as well. A thread that uses
// what another one unmaps gets an error or a fault, as natively.
CUresult paella_cuMemUnmap(CUdeviceptr ptr, size_t size) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  const auto removed = client->allocations.RemoveMappings(ptr, size);
  if (removed.empty()) return CUDA_ERROR_INVALID_VALUE;
  ipc::AddressUnmap message;
  message.address = ptr;
  message.size_bytes = size;
  const CUresult result = CallAfterAllWork(*client, message);
  if (result == CUDA_SUCCESS) return result;
  for (const Allocation& mapping : removed) client->allocations.Add(mapping);
  return result;
}

CUresult paella_cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc* desc, size_t count) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  CUmemAccess_flags access = CU_MEM_ACCESS_FLAGS_PROT_NONE;
  if (const CUresult result = ReadAccess(desc, count, access); result != CUDA_SUCCESS) return result;
  if (!client->allocations.AreMappings(ptr, size)) return CUDA_ERROR_INVALID_VALUE;
  ipc::AddressSetAccess message;
  message.address = ptr;
  message.size_bytes = size;
  message.access = access;
  const bool readable = access != CU_MEM_ACCESS_FLAGS_PROT_NONE;
  const bool writable = access == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  if (writable) {  // takes nothing away, and must not wait: buffers grow while kernels run in them
    ipc::AddressSetAccessReply reply;
    const CUresult result = client->submission.Call(message, reply);
    if (result == CUDA_SUCCESS) client->allocations.SetRights(ptr, size, readable, writable);
    return result;
  }
  const auto before = client->allocations.SetRights(ptr, size, false, false);
  const CUresult result = CallAfterAllWork(*client, message);
  if (result == CUDA_SUCCESS) {
    client->allocations.SetRights(ptr, size, readable, writable);
    return result;
  }
  for (const Allocation& mapping : before) {
    client->allocations.SetRights(mapping.base, mapping.size_bytes, mapping.readable, mapping.writable);
  }
  return result;
}

CUresult paella_cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location, CUdeviceptr ptr) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (flags == nullptr || location == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (location->type == CU_MEM_LOCATION_TYPE_DEVICE && location->id != 0) return CUDA_ERROR_INVALID_DEVICE;
  const auto mapping = client->allocations.Find(ptr);
  if (!mapping || mapping->kind != MemoryKind::kMapped) return CUDA_ERROR_INVALID_VALUE;
  const bool is_gpu = location->type == CU_MEM_LOCATION_TYPE_DEVICE;
  if (!is_gpu || !mapping->readable) {
    *flags = CU_MEM_ACCESS_FLAGS_PROT_NONE;
  } else {
    *flags = mapping->writable ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_READ;
  }
  return CUDA_SUCCESS;
}
