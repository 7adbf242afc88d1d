// Memsets: all asynchronous, as they are natively for device memory.
#include "driver_api.h"
#include "shim/client.h"
#include "shim/fills.h"

using namespace paella::shim;

namespace {

using Fill = CUDA_MEMSET_NODE_PARAMS;  // destination, pitch (0: one row), value, bytes of an element, width, height

CUresult PostFill(CUstream handle, const Fill& fill, bool synchronous = false) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  Stream* const stream = client->streams.Find(handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (fill.width == 0 || fill.height == 0) return CUDA_SUCCESS;
  if (!stream->IsOrdinary()) {
    if (synchronous) return client->captures.Refuse(*stream);
    // cuDNN captures fills of addresses that it exchanges before the graph is launched.
    const CUresult result = CheckFillShape(fill);
    return result == CUDA_SUCCESS ? client->captures.Add(*stream, FillWork{fill}) : result;
  }
  if (const CUresult result = CheckFill(*client, fill); result != CUDA_SUCCESS) return result;
  paella::ipc::Memset message = FillRecord(fill);
  message.stream = stream->number;
  return client->submission.PostCommand(message);
}

// The synchronous forms return early for device memory, and wait for pinned host memory.
CUresult FillNow(const Fill& fill) {
  if (const CUresult result = PostFill(nullptr, fill, true); result != CUDA_SUCCESS) return result;
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const auto allocation = client->allocations.Find(fill.dst);
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
