// Allocating and freeing.
#include "driver_api.h"
#include "shim/allocate.h"
#include "shim/client.h"
#include "shim/graph_work.h"
#include "shim/tear_down.h"

using namespace paella::shim;
namespace ipc = paella::ipc;

namespace {

constexpr std::size_t kPitchAlignmentBytes = 512;  // the driver's on every GPU since Pascal

CUresult AllocateDevice(Client& client, CUdeviceptr* address, std::size_t size_bytes, MemoryPool* pool = nullptr) {
  Allocation allocation;
  allocation.size_bytes = size_bytes;
  allocation.pool = pool;
  allocation.context = current_context;
  const CUresult result = MakeAllocation(client.submission, client.allocations, allocation);
  if (result == CUDA_SUCCESS) *address = allocation.base;
  return result;
}

CUresult AllocateOutOfOrder(Client& client, CUdeviceptr* address, std::size_t size_bytes) {
  if (const CUresult result = client.captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  return AllocateDevice(client, address, size_bytes);
}

// Stream-ordered allocation is what a thread may do beside another's capture.
CUresult AllocateFrom(Client& client, MemoryPool& pool, CUdeviceptr* address, std::size_t size_bytes) {
  if (!pool.Take(size_bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  const CUresult result = AllocateDevice(client, address, size_bytes, &pool);
  if (result != CUDA_SUCCESS) pool.Give(size_bytes);
  return result;
}

CUresult AllocateHost(Client& client, std::uint64_t& address, std::size_t size_bytes, MemoryKind kind, unsigned flags) {
  if (const CUresult result = client.captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  Allocation allocation;
  allocation.size_bytes = size_bytes;
  allocation.kind = kind;
  allocation.host_flags = flags;
  allocation.context = current_context;
  const CUresult result = MakeAllocation(client.submission, client.allocations, allocation);
  if (result == CUDA_SUCCESS) address = allocation.base;
  return result;
}

CUresult AllocateHostFor(void** pp, std::size_t size_bytes, unsigned flags) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  constexpr unsigned kKnown =
      CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
  if (pp == nullptr || (flags & ~kKnown) != 0) return CUDA_ERROR_INVALID_VALUE;
  if (size_bytes == 0) {
    *pp = nullptr;
    return CUDA_SUCCESS;
  }
  std::uint64_t address = 0;
  const CUresult result = AllocateHost(*client, address, size_bytes, MemoryKind::kHost, flags);
  if (result == CUDA_SUCCESS) *pp = reinterpret_cast<void*>(address);
  return result;
}

// Freed memory may still be in use by what was posted, so everything is waited for first, as natively.
CUresult Free(Client& client, const Allocation& allocation) {
  if (const CUresult result = client.captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  if (const CUresult result = client.streams.SynchronizeAll(client.wait_style()); result != CUDA_SUCCESS) return result;
  return GiveBack(client, allocation);
}

CUresult CaptureAllocation(Client& client, Stream& stream, CUdeviceptr* dptr, std::size_t size_bytes) {
  AllocWork work;
  if (const CUresult result = ReadAllocWork(client, GraphMemoryOfSize(size_bytes), work); result != CUDA_SUCCESS) {
    return result;
  }
  const CUdeviceptr address = work.memory->address();
  const CUresult result = client.captures.Add(stream, std::move(work));
  if (result == CUDA_SUCCESS) *dptr = address;
  return result;
}

// `pool` null: what the program gave for one is none.
CUresult AllocateInOrder(Client& client, CUdeviceptr* dptr, std::size_t size_bytes, MemoryPool* pool, CUstream stream) {
  Stream* const in = client.streams.Find(stream);
  if (in == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (dptr == nullptr || pool == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (size_bytes == 0) {
    *dptr = 0;
    return CUDA_SUCCESS;
  }
  if (!in->IsOrdinary()) return CaptureAllocation(client, *in, dptr, size_bytes);
  return AllocateFrom(client, *pool, dptr, size_bytes);
}

}  // namespace

CUresult paella_cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (dptr == nullptr || bytesize == 0) return CUDA_ERROR_INVALID_VALUE;
  return AllocateOutOfOrder(*client, dptr, bytesize);
}

CUresult paella_cuMemAllocPitch_v2(CUdeviceptr* dptr, size_t* pPitch, size_t WidthInBytes, size_t Height,
                                   unsigned int ElementSizeBytes) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const bool element_is_valid = ElementSizeBytes == 4 || ElementSizeBytes == 8 || ElementSizeBytes == 16;
  if (dptr == nullptr || pPitch == nullptr || WidthInBytes == 0 || Height == 0 || !element_is_valid) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  std::size_t pitch, total;
  if (__builtin_add_overflow(WidthInBytes, kPitchAlignmentBytes - 1, &pitch)) return CUDA_ERROR_INVALID_VALUE;
  pitch &= ~(kPitchAlignmentBytes - 1);
  if (__builtin_mul_overflow(pitch, Height, &total)) return CUDA_ERROR_INVALID_VALUE;
  const CUresult result = AllocateOutOfOrder(*client, dptr, total);
  if (result == CUDA_SUCCESS) *pPitch = pitch;
  return result;
}

// Right, not migrating: pinned memory that both sides address.
CUresult paella_cuMemAllocManaged(CUdeviceptr* dptr, size_t bytesize, unsigned int flags) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const bool flags_are_valid = flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST;
  if (dptr == nullptr || bytesize == 0 || !flags_are_valid) return CUDA_ERROR_INVALID_VALUE;
  std::uint64_t address = 0;
  const CUresult result = AllocateHost(*client, address, bytesize, MemoryKind::kManaged, 0);
  if (result == CUDA_SUCCESS) *dptr = address;
  return result;
}

CUresult paella_cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  return AllocateInOrder(*client, dptr, bytesize, &client->memory_pools.current(), hStream);
}

CUresult paella_cuMemAllocFromPoolAsync(CUdeviceptr* dptr, size_t bytesize, CUmemoryPool pool, CUstream hStream) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  return AllocateInOrder(*client, dptr, bytesize, client->memory_pools.Find(pool), hStream);
}

CUresult paella_cuMemFree_v2(CUdeviceptr dptr) {
  Client* client;
  if (dptr == 0) return Enter(client);  // nothing to free, wherever the thread is
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  const auto allocation = client->allocations.FindStart(dptr);
  const bool is_freed_so =
      allocation && (allocation->kind == MemoryKind::kDevice || allocation->kind == MemoryKind::kManaged);
  if (!is_freed_so) return CUDA_ERROR_INVALID_VALUE;
  if (client->graph_memories.IsGraphs(dptr)) {
    if (!client->graph_memories.Free(dptr)) return CUDA_ERROR_INVALID_VALUE;
    return client->streams.SynchronizeAll(client->wait_style());
  }
  return Free(*client, *allocation);
}

CUresult paella_cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  Stream* const stream = client->streams.Find(hStream);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (dptr == 0) return CUDA_SUCCESS;
  const bool is_graphs = client->graph_memories.IsGraphs(dptr);
  if (!stream->IsOrdinary()) {
    return is_graphs ? client->captures.Add(*stream, FreeWork{dptr}) : CUDA_ERROR_INVALID_VALUE;
  }
  if (is_graphs) {
    if (!client->graph_memories.Free(dptr)) return CUDA_ERROR_INVALID_VALUE;
    client->graph_memories.UsedUntil(dptr, stream->number, client->submission.Posted(stream->number));
    return CUDA_SUCCESS;
  }
  const auto allocation = client->allocations.FindStart(dptr);
  if (!allocation || allocation->kind != MemoryKind::kDevice) return CUDA_ERROR_INVALID_VALUE;
  if (!client->allocations.Remove(dptr)) return CUDA_ERROR_INVALID_VALUE;
  ipc::FreeInOrder message;
  message.stream = stream->number;
  message.address = dptr;
  return client->submission.PostCommand(message);
}

CUresult paella_cuMemAllocHost_v2(void** pp, size_t bytesize) { return AllocateHostFor(pp, bytesize, 0); }

CUresult paella_cuMemHostAlloc(void** pp, size_t bytesize, unsigned int Flags) {
  return AllocateHostFor(pp, bytesize, Flags);
}

CUresult paella_cuMemFreeHost(void* p) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (p == nullptr) return CUDA_SUCCESS;
  const auto allocation = client->allocations.FindStart(reinterpret_cast<std::uintptr_t>(p));
  if (!allocation || allocation->kind != MemoryKind::kHost || allocation->registered) return CUDA_ERROR_INVALID_VALUE;
  return Free(*client, *allocation);
}

CUresult paella_cuMemGetInfo_v2(size_t* free, size_t* total) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  ipc::MemoryInfo message;
  ipc::MemoryInfoReply reply;
  if (const CUresult result = client->submission.Call(message, reply); result != CUDA_SUCCESS) return result;
  if (free != nullptr) *free = reply.free_bytes;
  if (total != nullptr) *total = reply.total_bytes;
  return CUDA_SUCCESS;
}
