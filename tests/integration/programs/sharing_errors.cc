#include "tests/integration/programs/sharing_errors.h"

#include <cstring>

#include "tests/integration/programs/sharing_peer.h"

namespace paella::integration {
namespace {

using examples::Check;

void Tell(const char* what, CUresult result) {
  const char* name = nullptr;
  if (cuGetErrorName(result, &name) != CUDA_SUCCESS) name = "an unknown error";
  Say(std::string(what) + ": " + name);
}

void OfMemory() {
  CUdeviceptr memory = 0, from_pool = 0, opened = 0;
  void* pinned = nullptr;
  Check(cuMemAlloc(&memory, 4096), "cuMemAlloc");
  Check(cuMemAllocAsync(&from_pool, 4096, nullptr), "cuMemAllocAsync");
  Check(cuMemAllocHost(&pinned, 4096), "cuMemAllocHost");
  CUipcMemHandle handle{}, other{};
  constexpr unsigned kFlags = CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS;
  Tell("handle of memory", cuIpcGetMemHandle(&handle, memory));
  Tell("handle of an address inside", cuIpcGetMemHandle(&other, memory + 512));
  Tell("handle of memory of a pool", cuIpcGetMemHandle(&other, from_pool));
  Tell("handle of pinned memory", cuIpcGetMemHandle(&other, reinterpret_cast<CUdeviceptr>(pinned)));
  Tell("handle of nothing", cuIpcGetMemHandle(&other, 0));
  Tell("handle to nowhere", cuIpcGetMemHandle(nullptr, memory));
  Tell("open in the process that shares", cuIpcOpenMemHandle(&opened, handle, kFlags));
  Tell("open without the flag", cuIpcOpenMemHandle(&opened, handle, 0));
  Tell("open with an unknown flag", cuIpcOpenMemHandle(&opened, handle, 2));
  Tell("open to nowhere", cuIpcOpenMemHandle(nullptr, handle, kFlags));
  Tell("open zeros", cuIpcOpenMemHandle(&opened, CUipcMemHandle{}, kFlags));
  Tell("close what was allocated here", cuIpcCloseMemHandle(memory));
  Tell("close nothing", cuIpcCloseMemHandle(0));
  Check(cuMemFreeHost(pinned), "cuMemFreeHost");
  Check(cuMemFreeAsync(from_pool, nullptr), "cuMemFreeAsync");
  Check(cuMemFree(memory), "cuMemFree");
}

void OfEvents(CUcontext context) {
  CUevent shared = nullptr, ordinary = nullptr, other = nullptr;
  Tell("an interprocess event with timing", cuEventCreate(&other, CU_EVENT_INTERPROCESS));
  Check(cuEventCreate(&shared, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  Check(cuEventCreate(&ordinary, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  CUipcEventHandle handle{}, none{};
  Tell("handle of an event", cuIpcGetEventHandle(&handle, shared));
  Tell("handle of an ordinary event", cuIpcGetEventHandle(&none, ordinary));
  Tell("handle of an event to nowhere", cuIpcGetEventHandle(nullptr, shared));
  Tell("open an event in the process that shares", cuIpcOpenEventHandle(&other, handle));
  Tell("open an event of zeros", cuIpcOpenEventHandle(&other, CUipcEventHandle{}));
  Tell("open an event to nowhere", cuIpcOpenEventHandle(nullptr, handle));
  Tell("query a shared event before its record", cuEventQuery(shared));
  Tell("record all of a context", cuCtxRecordEvent(context, ordinary));
  Tell("wait in all of a context", cuCtxWaitEvent(context, ordinary));
  Tell("record no context", cuCtxRecordEvent(nullptr, ordinary));
  Tell("wait in a context for no event", cuCtxWaitEvent(context, nullptr));
  Check(cuEventDestroy(shared), "cuEventDestroy");
  Check(cuEventDestroy(ordinary), "cuEventDestroy");
}

void OfValues(const Stream& stream) {
  const examples::DeviceBuffer memory(64);
  const CUdeviceptr word = memory.address();
  static unsigned pageable = 0;
  Check(cuMemsetD8(word, 0, 64), "cuMemsetD8");
  Tell("wait at an odd address", cuStreamWaitValue32(stream, word + 2, 0, CU_STREAM_WAIT_VALUE_EQ));
  Tell("wait at half an address", cuStreamWaitValue64(stream, word + 4, 0, CU_STREAM_WAIT_VALUE_EQ));
  Tell("wait for an unknown condition", cuStreamWaitValue32(stream, word, 0, 4));
  Tell("wait nowhere", cuStreamWaitValue32(stream, 0, 0, CU_STREAM_WAIT_VALUE_EQ));
  Tell("wait for pageable memory", cuStreamWaitValue32(stream, reinterpret_cast<CUdeviceptr>(&pageable), 0, 0));
  Tell("write with an unknown flag", cuStreamWriteValue32(stream, word, 0, 8));
  Tell("write without a barrier", cuStreamWriteValue32(stream, word, 0, CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER));
  CUstreamBatchMemOpParams batch[1]{};
  batch[0].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
  batch[0].writeValue.address = word;
  Tell("a batch", cuStreamBatchMemOp(stream, 1, batch, 0));
  Tell("a batch of nothing", cuStreamBatchMemOp(stream, 0, batch, 0));
  Tell("a batch with flags", cuStreamBatchMemOp(stream, 1, batch, 1));
  batch[0].operation = static_cast<CUstreamBatchMemOpType>(77);
  Tell("a batch of an unknown operation", cuStreamBatchMemOp(stream, 1, batch, 0));
  stream.Synchronize();
}

void OfAttributes(const Stream& stream) {
  CUstreamAttrValue value{};
  const auto set = [&](CUstreamAttrID attribute) { return cuStreamSetAttribute(stream, attribute, &value); };
  Tell("policy of waiting 0", set(CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY));
  value.priority = 1000;
  Tell("priority 1000", set(CU_LAUNCH_ATTRIBUTE_PRIORITY));
  value.priority = -1000;
  Tell("priority -1000", set(CU_LAUNCH_ATTRIBUTE_PRIORITY));
  Tell("an attribute of launches", set(CU_LAUNCH_ATTRIBUTE_COOPERATIVE));
  Tell("ask for an attribute of launches", cuStreamGetAttribute(stream, CU_LAUNCH_ATTRIBUTE_COOPERATIVE, &value));
  value.accessPolicyWindow = {nullptr, 0, 0.5f, CU_ACCESS_PROPERTY_PERSISTING, CU_ACCESS_PROPERTY_PERSISTING};
  Tell("a window whose misses persist", set(CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW));
  value.accessPolicyWindow = {nullptr, 0, 1.5f, CU_ACCESS_PROPERTY_PERSISTING, CU_ACCESS_PROPERTY_STREAMING};
  Tell("a window with a ratio of 1.5", set(CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW));
  value.memSyncDomainMap = {200, 201};
  Tell("domains 200 and 201", set(CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP));
}

void OfBatches(const Stream& stream) {
  const examples::DeviceBuffer memory(64);
  CUdeviceptr to = memory.address(), from = memory.address() + 32;
  std::size_t size = 16, first = 0;
  CUmemcpyAttributes attributes{};
  const auto copy = [&](std::size_t count, std::size_t attribute_count, CUstream in) {
    return cuMemcpyBatchAsync(&to, &from, &size, count, &attributes, &first, attribute_count, in);
  };
  Tell("a batch of copies without an order", copy(1, 1, stream));
  attributes.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  Tell("a batch of copies", copy(1, 1, stream));
  Tell("a batch of copies in the default stream", copy(1, 1, nullptr));
  Tell("a batch of no copies", copy(0, 1, stream));
  Tell("a batch of copies without attributes", copy(1, 0, stream));
  size = 0;
  Tell("a batch of an empty copy", copy(1, 1, stream));
  size = 16;
  first = 1;
  Tell("a batch of copies whose attributes start late", copy(1, 1, stream));
  stream.Synchronize();
}

}  // namespace

int SharingErrors() {
  const examples::Gpu gpu(integration_sharing_kernels);
  const Stream stream(CU_STREAM_NON_BLOCKING);
  CUcontext context = nullptr;
  Check(cuCtxGetCurrent(&context), "cuCtxGetCurrent");
  OfMemory();
  OfEvents(context);
  OfValues(stream);
  OfAttributes(stream);
  OfBatches(stream);
  const CUatomicOperation operation = CU_ATOMIC_OPERATION_INTEGER_ADD;
  unsigned capability = 0;
  Tell("atomics with the same device", cuDeviceGetP2PAtomicCapabilities(&capability, &operation, 1, 0, 0));
  Tell("atomics with the host", cuDeviceGetHostAtomicCapabilities(&capability, &operation, 1, 0));
  Say("integer addition with the host: " + std::to_string(capability));
  return 0;
}

}  // namespace paella::integration
