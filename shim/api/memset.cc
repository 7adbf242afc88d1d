// Memsets: all asynchronous, as they are natively for device memory.
#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

struct Fill {
  CUdeviceptr destination;
  std::size_t pitch_bytes;  // 0: one row
  unsigned value;
  unsigned element_bytes;
  std::size_t width_elements;
  std::size_t height_rows;
};

CUresult PostFill(CUstream handle, const Fill& fill) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const Stream* const stream = client->streams.Find(handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  std::size_t row_bytes, extent;
  if (__builtin_mul_overflow(fill.width_elements, fill.element_bytes, &row_bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (row_bytes == 0 || fill.height_rows == 0) return CUDA_SUCCESS;
  if (fill.destination % fill.element_bytes != 0) return CUDA_ERROR_INVALID_VALUE;
  if (fill.height_rows > 1 && (fill.pitch_bytes < row_bytes || fill.pitch_bytes % fill.element_bytes != 0)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (__builtin_mul_overflow(fill.height_rows - 1, fill.pitch_bytes, &extent) ||
      __builtin_add_overflow(extent, row_bytes, &extent)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const auto allocation = client->allocations.FindRange(fill.destination, extent, MemoryUse::kWrite);
  if (!allocation) return CUDA_ERROR_INVALID_VALUE;
  paella::ipc::Memset message;
  message.stream = stream->number;
  message.destination = fill.destination;
  message.pitch_bytes = fill.pitch_bytes;
  message.value = fill.value;
  message.element_bytes = fill.element_bytes;
  message.width_elements = fill.width_elements;
  message.height_rows = fill.height_rows;
  return client->submission.PostCommand(message);
}

// The synchronous forms return early for device memory, and wait for pinned host memory.
CUresult FillNow(const Fill& fill) {
  if (const CUresult result = PostFill(nullptr, fill); result != CUDA_SUCCESS) return result;
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const auto allocation = client->allocations.Find(fill.destination);
  if (!allocation || !allocation->IsHost()) return CUDA_SUCCESS;
  Stream* const stream = client->streams.Find(nullptr);
  return stream == nullptr ? CUDA_ERROR_INVALID_HANDLE : client->streams.Synchronize(*stream, client->wait_style());
}

}  // namespace

CUresult paella_cuMemsetD8_v2(CUdeviceptr dst, unsigned char value, size_t N) {
  return FillNow({dst, 0, value, 1, N, 1});
}
CUresult paella_cuMemsetD16_v2(CUdeviceptr dst, unsigned short value, size_t N) {
  return FillNow({dst, 0, value, 2, N, 1});
}
CUresult paella_cuMemsetD32_v2(CUdeviceptr dst, unsigned int value, size_t N) {
  return FillNow({dst, 0, value, 4, N, 1});
}
CUresult paella_cuMemsetD2D8_v2(CUdeviceptr dst, size_t pitch, unsigned char value, size_t width, size_t height) {
  return FillNow({dst, pitch, value, 1, width, height});
}
CUresult paella_cuMemsetD2D16_v2(CUdeviceptr dst, size_t pitch, unsigned short value, size_t width, size_t height) {
  return FillNow({dst, pitch, value, 2, width, height});
}
CUresult paella_cuMemsetD2D32_v2(CUdeviceptr dst, size_t pitch, unsigned int value, size_t width, size_t height) {
  return FillNow({dst, pitch, value, 4, width, height});
}
CUresult paella_cuMemsetD8Async(CUdeviceptr dst, unsigned char value, size_t N, CUstream stream) {
  return PostFill(stream, {dst, 0, value, 1, N, 1});
}
CUresult paella_cuMemsetD16Async(CUdeviceptr dst, unsigned short value, size_t N, CUstream stream) {
  return PostFill(stream, {dst, 0, value, 2, N, 1});
}
CUresult paella_cuMemsetD32Async(CUdeviceptr dst, unsigned int value, size_t N, CUstream stream) {
  return PostFill(stream, {dst, 0, value, 4, N, 1});
}
CUresult paella_cuMemsetD2D8Async(CUdeviceptr dst, size_t pitch, unsigned char value, size_t width, size_t height,
                                  CUstream stream) {
  return PostFill(stream, {dst, pitch, value, 1, width, height});
}
CUresult paella_cuMemsetD2D16Async(CUdeviceptr dst, size_t pitch, unsigned short value, size_t width, size_t height,
                                   CUstream stream) {
  return PostFill(stream, {dst, pitch, value, 2, width, height});
}
CUresult paella_cuMemsetD2D32Async(CUdeviceptr dst, size_t pitch, unsigned int value, size_t width, size_t height,
                                   CUstream stream) {
  return PostFill(stream, {dst, pitch, value, 4, width, height});
}
