// Writes of values in stream order, and waits for values.
#include <span>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/unsupported.h"

using namespace paella::shim;
namespace ipc = paella::ipc;

namespace {

constexpr unsigned kMostInBatch = 256;

struct ValueOperation {
  enum class Kind { kWrite, kWait, kNothing } kind = Kind::kNothing;
  CUdeviceptr address = 0;
  std::uint64_t value = 0;
  std::uint32_t size_bytes = 4;
  unsigned flags = 0;
};

CUresult Check(const Client& client, const ValueOperation& operation) {
  if (operation.kind == ValueOperation::Kind::kNothing) return CUDA_SUCCESS;
  const bool writes = operation.kind == ValueOperation::Kind::kWrite;
  if (!writes && (operation.flags & CU_STREAM_WAIT_VALUE_FLUSH) != 0) {
    return UnsupportedForm("a wait for a value with CU_STREAM_WAIT_VALUE_FLUSH");
  }
  constexpr unsigned kMostWriteFlags = CU_STREAM_WRITE_VALUE_DEFAULT;  // in the second version of these functions
  constexpr unsigned kMostWaitFlags = CU_STREAM_WAIT_VALUE_NOR;
  if (operation.flags > (writes ? kMostWriteFlags : kMostWaitFlags)) return CUDA_ERROR_INVALID_VALUE;
  if (operation.address % operation.size_bytes != 0) return CUDA_ERROR_INVALID_VALUE;
  const MemoryUse use = writes ? MemoryUse::kWrite : MemoryUse::kRead;
  const bool is_ours = client.allocations.FindRange(operation.address, operation.size_bytes, use).has_value();
  return is_ours ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult Post(Client& client, const Stream& stream, const ValueOperation& operation) {
  if (operation.kind == ValueOperation::Kind::kNothing) return CUDA_SUCCESS;
  if (operation.kind == ValueOperation::Kind::kWrite) {
    ipc::WriteValue message;
    message.stream = stream.number;
    message.address = operation.address;
    message.value = operation.value;
    message.size_bytes = operation.size_bytes;
    return client.submission.PostCommand(message);
  }
  ipc::WaitValue message;
  message.stream = stream.number;
  message.address = operation.address;
  message.value = operation.value;
  message.size_bytes = operation.size_bytes;
  message.condition = operation.flags;
  return client.submission.PostCommand(message);
}

// All are checked before the first is posted.
CUresult Do(CUstream handle, std::span<const ValueOperation> operations) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  Stream* const stream = client->streams.Find(handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  for (const ValueOperation& operation : operations) {
    if (const CUresult result = Check(*client, operation); result != CUDA_SUCCESS) return result;
  }
  if (!stream->IsOrdinary()) return UnsupportedForm("a write of or wait for a value during a capture");
  for (const ValueOperation& operation : operations) {
    if (const CUresult result = Post(*client, *stream, operation); result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

// The first version let the barrier before a write be left out; there always is one here.
unsigned WithoutBarrierFlag(unsigned flags) { return flags & ~unsigned{CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER}; }

CUresult DoOne(CUstream handle, const ValueOperation& operation) { return Do(handle, {&operation, 1}); }

CUresult Read(const CUstreamBatchMemOpParams& parameters, ValueOperation& operation) {
  using Kind = ValueOperation::Kind;
  const auto& wait = parameters.waitValue;
  const auto& write = parameters.writeValue;
  switch (parameters.operation) {
    case CU_STREAM_MEM_OP_WAIT_VALUE_32: operation = {Kind::kWait, wait.address, wait.value, 4, wait.flags}; break;
    case CU_STREAM_MEM_OP_WAIT_VALUE_64: operation = {Kind::kWait, wait.address, wait.value64, 8, wait.flags}; break;
    case CU_STREAM_MEM_OP_WRITE_VALUE_32:
      operation = {Kind::kWrite, write.address, write.value, 4, write.flags};
      break;
    case CU_STREAM_MEM_OP_WRITE_VALUE_64:
      operation = {Kind::kWrite, write.address, write.value64, 8, write.flags};
      break;
    case CU_STREAM_MEM_OP_BARRIER:  // the operations of a stream are in order anyway, and each is seen by the next
      if (parameters.memoryBarrier.flags > CU_STREAM_MEMORY_BARRIER_TYPE_GPU) return CUDA_ERROR_INVALID_VALUE;
      break;
    case CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES:
      return UnsupportedForm("cuStreamBatchMemOp with CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES");
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

enum class Version { kFirst, kSecond };

CUresult DoBatch(CUstream handle, unsigned count, const CUstreamBatchMemOpParams* parameters, unsigned flags,
                 Version version) {
  if (parameters == nullptr || count > kMostInBatch || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  ValueOperation operations[kMostInBatch];
  for (unsigned i = 0; i < count; ++i) {
    ValueOperation& operation = operations[i];
    if (const CUresult result = Read(parameters[i], operation); result != CUDA_SUCCESS) return result;
    const bool is_write = operation.kind == ValueOperation::Kind::kWrite;
    if (version == Version::kFirst && is_write) operation.flags = WithoutBarrierFlag(operation.flags);
  }
  return Do(handle, {operations, count});
}

CUresult Wait(CUstream handle, CUdeviceptr address, std::uint64_t value, std::uint32_t size_bytes, unsigned flags) {
  return DoOne(handle, {ValueOperation::Kind::kWait, address, value, size_bytes, flags});
}

CUresult Write(CUstream handle, CUdeviceptr address, std::uint64_t value, std::uint32_t size_bytes, unsigned flags) {
  return DoOne(handle, {ValueOperation::Kind::kWrite, address, value, size_bytes, flags});
}

}  // namespace

CUresult paella_cuStreamWaitValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return Wait(stream, addr, value, 4, flags);
}
CUresult paella_cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return Wait(stream, addr, value, 4, flags);
}
CUresult paella_cuStreamWaitValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return Wait(stream, addr, value, 8, flags);
}
CUresult paella_cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return Wait(stream, addr, value, 8, flags);
}
CUresult paella_cuStreamWriteValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return Write(stream, addr, value, 4, WithoutBarrierFlag(flags));
}
CUresult paella_cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return Write(stream, addr, value, 4, flags);
}
CUresult paella_cuStreamWriteValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return Write(stream, addr, value, 8, WithoutBarrierFlag(flags));
}
CUresult paella_cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return Write(stream, addr, value, 8, flags);
}
CUresult paella_cuStreamBatchMemOp(CUstream stream, unsigned int count, CUstreamBatchMemOpParams* paramArray,
                                   unsigned int flags) {
  return DoBatch(stream, count, paramArray, flags, Version::kFirst);
}
CUresult paella_cuStreamBatchMemOp_v2(CUstream stream, unsigned int count, CUstreamBatchMemOpParams* paramArray,
                                      unsigned int flags) {
  return DoBatch(stream, count, paramArray, flags, Version::kSecond);
}
