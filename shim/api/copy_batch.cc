// Several copies by one call. The copies of a batch go in order, which is one of the orders that CUDA allows.
#include <cstdint>
#include <limits>

#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

constexpr std::size_t kNoSingleCopy = std::numeric_limits<std::size_t>::max();

CUresult EnterBatch(Client*& client, CUstream handle, Stream*& stream) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  stream = client->streams.Find(handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return stream->number == kLegacyStream ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

bool IsValid(CUmemcpySrcAccessOrder order, unsigned flags) {
  return order >= CU_MEMCPY_SRC_ACCESS_ORDER_STREAM && order <= CU_MEMCPY_SRC_ACCESS_ORDER_ANY &&
         flags <= CU_MEMCPY_FLAG_PREFER_OVERLAP_WITH_COMPUTE;
}

// Sources that the program may take back at the call's end: pageable ones have been read by then, others not.
CUresult AwaitSources(Client& client, const Stream& stream) {
  if (!stream.IsOrdinary()) return CUDA_SUCCESS;
  return client.submission.WaitFor(stream.number, client.submission.Posted(stream.number), client.wait_style());
}

struct Batch {
  const CUdeviceptr* destinations;
  const CUdeviceptr* sources;
  const std::size_t* sizes;
  std::size_t count;
  const CUmemcpyAttributes* attributes;
  const std::size_t* first_copies;  // of each of the attributes
  std::size_t attribute_count;
};

bool HasForm(const Batch& batch) {
  if (batch.destinations == nullptr || batch.sources == nullptr || batch.sizes == nullptr || batch.count == 0 ||
      batch.attributes == nullptr || batch.first_copies == nullptr || batch.attribute_count == 0 ||
      batch.attribute_count > batch.count || batch.first_copies[0] != 0) {
    return false;
  }
  for (std::size_t i = 0; i < batch.attribute_count; ++i) {
    if (!IsValid(batch.attributes[i].srcAccessOrder, batch.attributes[i].flags)) return false;
    if (i != 0 && batch.first_copies[i] <= batch.first_copies[i - 1]) return false;
  }
  return batch.first_copies[batch.attribute_count - 1] < batch.count;
}

// `failed`: where the batch ended, if at one of its copies.
CUresult CopyBatch(const Batch& batch, std::size_t& failed, CUstream handle) {
  failed = kNoSingleCopy;
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterBatch(client, handle, stream); result != CUDA_SUCCESS) return result;
  if (!HasForm(batch)) return CUDA_ERROR_INVALID_VALUE;
  bool during_call = false;
  for (std::size_t i = 0; i < batch.attribute_count; ++i) {
    during_call |= batch.attributes[i].srcAccessOrder == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL;
  }
  for (std::size_t i = 0; i < batch.count; ++i) {
    const CUresult result =
        batch.destinations[i] == 0 || batch.sources[i] == 0
            ? CUDA_ERROR_INVALID_VALUE
            : paella_cuMemcpyAsync(batch.destinations[i], batch.sources[i], batch.sizes[i], handle);
    if (result != CUDA_SUCCESS) {
      failed = i;
      return result;
    }
  }
  return during_call ? AwaitSources(*client, *stream) : CUDA_SUCCESS;
}

// The size of an array's elements is the array's; here only sides that are pointers are read.
bool ReadOperand(const CUmemcpy3DOperand& operand, const CUextent3D& extent, CUdeviceptr& address, std::size_t& pitch,
                 std::size_t& height) {
  const auto& pointer = operand.op.ptr;
  address = pointer.ptr;
  pitch = pointer.rowLength != 0 ? pointer.rowLength : extent.width;
  height = pointer.layerHeight != 0 ? pointer.layerHeight : extent.height;
  return address != 0 && pitch >= extent.width && height >= extent.height;
}

CUresult CopyOne(const CUDA_MEMCPY3D_BATCH_OP& operation, CUstream handle) {
  const CUextent3D& extent = operation.extent;
  if (!IsValid(operation.srcAccessOrder, operation.flags)) return CUDA_ERROR_INVALID_VALUE;
  if (extent.width == 0 || extent.height == 0 || extent.depth == 0) return CUDA_ERROR_INVALID_VALUE;
  const auto is_array = [](const CUmemcpy3DOperand& operand) { return operand.type == CU_MEMCPY_OPERAND_TYPE_ARRAY; };
  if (is_array(operation.src) || is_array(operation.dst)) return CUDA_ERROR_NOT_SUPPORTED;
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  copy.WidthInBytes = extent.width;
  copy.Height = extent.height;
  copy.Depth = extent.depth;
  if (operation.src.type != CU_MEMCPY_OPERAND_TYPE_POINTER || operation.dst.type != CU_MEMCPY_OPERAND_TYPE_POINTER ||
      !ReadOperand(operation.src, extent, copy.srcDevice, copy.srcPitch, copy.srcHeight) ||
      !ReadOperand(operation.dst, extent, copy.dstDevice, copy.dstPitch, copy.dstHeight)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return paella_cuMemcpy3DAsync_v2(&copy, handle);
}

CUresult CopyBoxes(std::size_t count, const CUDA_MEMCPY3D_BATCH_OP* operations, std::size_t& failed,
                   unsigned long long flags, CUstream handle) {
  failed = kNoSingleCopy;
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterBatch(client, handle, stream); result != CUDA_SUCCESS) return result;
  if (count == 0 || operations == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  bool during_call = false;
  for (std::size_t i = 0; i < count; ++i) {
    during_call |= operations[i].srcAccessOrder == CU_MEMCPY_SRC_ACCESS_ORDER_DURING_API_CALL;
    if (const CUresult result = CopyOne(operations[i], handle); result != CUDA_SUCCESS) {
      failed = i;
      return result;
    }
  }
  return during_call ? AwaitSources(*client, *stream) : CUDA_SUCCESS;
}

}  // namespace

CUresult paella_cuMemcpyBatchAsync(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count,
                                   CUmemcpyAttributes* attrs, size_t* attrsIdxs, size_t numAttrs, size_t* failIdx,
                                   CUstream hStream) {
  std::size_t failed;
  const CUresult result = CopyBatch({dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs}, failed, hStream);
  if (result != CUDA_SUCCESS && failIdx != nullptr) *failIdx = failed;
  return result;
}

CUresult paella_cuMemcpyBatchAsync_v2(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count,
                                      CUmemcpyAttributes* attrs, size_t* attrsIdxs, size_t numAttrs, CUstream hStream) {
  std::size_t failed;
  return CopyBatch({dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs}, failed, hStream);
}

CUresult paella_cuMemcpy3DBatchAsync(size_t numOps, CUDA_MEMCPY3D_BATCH_OP* opList, size_t* failIdx,
                                     unsigned long long flags, CUstream hStream) {
  std::size_t failed;
  const CUresult result = CopyBoxes(numOps, opList, failed, flags, hStream);
  if (result != CUDA_SUCCESS && failIdx != nullptr) *failIdx = failed;
  return result;
}

CUresult paella_cuMemcpy3DBatchAsync_v2(size_t numOps, CUDA_MEMCPY3D_BATCH_OP* opList, unsigned long long flags,
                                        CUstream hStream) {
  std::size_t failed;
  return CopyBoxes(numOps, opList, failed, flags, hStream);
}
