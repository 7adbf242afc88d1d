#include "shim/fills.h"

namespace paella::shim {

namespace {

// Bytes from the first to the last.
CUresult Measure(const CUDA_MEMSET_NODE_PARAMS& fill, std::size_t& extent_bytes) {
  const bool element_is_known = fill.elementSize == 1 || fill.elementSize == 2 || fill.elementSize == 4;
  std::size_t row_bytes;
  if (!element_is_known || __builtin_mul_overflow(fill.width, fill.elementSize, &row_bytes)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (fill.dst % fill.elementSize != 0) return CUDA_ERROR_INVALID_VALUE;
  if (fill.height > 1 && (fill.pitch < row_bytes || fill.pitch % fill.elementSize != 0)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const std::size_t pitch = fill.height > 1 ? fill.pitch : 0;
  const bool fits = !__builtin_mul_overflow(fill.height - 1, pitch, &extent_bytes) &&
                    !__builtin_add_overflow(extent_bytes, row_bytes, &extent_bytes);
  return fits ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

CUresult CheckFillShape(const CUDA_MEMSET_NODE_PARAMS& fill) {
  std::size_t extent_bytes = 0;
  return Measure(fill, extent_bytes);
}

CUresult CheckFill(const Client& client, const CUDA_MEMSET_NODE_PARAMS& fill) {
  std::size_t extent_bytes = 0;
  if (const CUresult result = Measure(fill, extent_bytes); result != CUDA_SUCCESS) return result;
  return client.allocations.FindRange(fill.dst, extent_bytes, MemoryUse::kWrite) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

ipc::Memset FillRecord(const CUDA_MEMSET_NODE_PARAMS& fill) {
  ipc::Memset record;
  record.destination = fill.dst;
  record.pitch_bytes = fill.pitch;
  record.value = fill.value;
  record.element_bytes = fill.elementSize;
  record.width_elements = fill.width;
  record.height_rows = fill.height;
  return record;
}

}  // namespace paella::shim
