// Copies: each function says what its arguments are, copies.h does the rest.
#include "driver_api.h"
#include "shim/copies.h"
#include "shim/unsupported.h"

using namespace paella::shim;

namespace {

std::uint64_t Address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

CUresult EnterCopy(Client*& client, CUstream handle, Stream*& stream) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  stream = client->streams.Find(handle);
  return stream != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult CopyNow(const Copy& copy) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterCopy(client, nullptr, stream); result != CUDA_SUCCESS) return result;
  return PostCopy(*client, *stream, copy, true);
}

CUresult CopyIn(CUstream handle, const Copy& copy) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterCopy(client, handle, stream); result != CUDA_SUCCESS) return result;
  return PostCopy(*client, *stream, copy, false);
}

// One side of a 2-D or 3-D copy as its structure describes it.
struct Side {
  CUmemorytype type;
  const void* host;
  CUdeviceptr device;
  std::size_t pitch, height;
  std::size_t x_bytes, y, z;
};

// The structure's pitch and height may be 0 where one row or slice is copied.
bool Locate(const Side& side, const StridedCopy& box, Place& place, std::uint64_t& address, std::uint64_t& pitch,
            std::uint64_t& slice) {
  switch (side.type) {
    case CU_MEMORYTYPE_HOST: place = Place::kHost; break;
    case CU_MEMORYTYPE_DEVICE: place = Place::kDevice; break;
    case CU_MEMORYTYPE_UNIFIED: place = Place::kAny; break;
    default: return false;
  }
  std::uint64_t row_end, rows_end, slices, rows;
  if (__builtin_add_overflow(side.x_bytes, box.width_bytes, &row_end)) return false;
  if (__builtin_add_overflow(side.y, box.height_rows, &rows_end)) return false;
  pitch = side.pitch != 0 ? side.pitch : row_end;
  const std::uint64_t height = side.height != 0 ? side.height : rows_end;
  if (pitch < row_end || (box.depth_slices > 1 && height < rows_end)) return false;
  address = side.type == CU_MEMORYTYPE_HOST ? Address(side.host) : side.device;
  return !__builtin_mul_overflow(pitch, height, &slice) && !__builtin_mul_overflow(side.z, slice, &slices) &&
         !__builtin_mul_overflow(side.y, pitch, &rows) && !__builtin_add_overflow(address, slices, &address) &&
         !__builtin_add_overflow(address, rows, &address) &&
         !__builtin_add_overflow(address, side.x_bytes, &address);
}

CUresult CopyBox(CUstream handle, const Side& destination, const Side& source, StridedCopy box, bool synchronous) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterCopy(client, handle, stream); result != CUDA_SUCCESS) return result;
  if (destination.type == CU_MEMORYTYPE_ARRAY || source.type == CU_MEMORYTYPE_ARRAY) {
    return UnsupportedForm("a copy of an array");
  }
  Copy& corner = box.corner;
  if (!Locate(destination, box, corner.destination_place, corner.destination, box.destination_pitch_bytes,
              box.destination_slice_bytes) ||
      !Locate(source, box, corner.source_place, corner.source, box.source_pitch_bytes, box.source_slice_bytes)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return PostStridedCopy(*client, *stream, box, synchronous);
}

CUresult Copy2D(CUstream handle, const CUDA_MEMCPY2D* copy, bool synchronous) {
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  StridedCopy box;
  box.width_bytes = copy->WidthInBytes;
  box.height_rows = copy->Height;
  const Side destination{copy->dstMemoryType, copy->dstHost, copy->dstDevice, copy->dstPitch, 0,
                         copy->dstXInBytes,   copy->dstY,    0};
  const Side source{copy->srcMemoryType, copy->srcHost, copy->srcDevice, copy->srcPitch, 0, copy->srcXInBytes, copy->srcY, 0};
  return CopyBox(handle, destination, source, box, synchronous);
}

CUresult Copy3D(CUstream handle, const CUDA_MEMCPY3D* copy, bool synchronous) {
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;  // levels of detail mean nothing but to arrays
  StridedCopy box;
  box.width_bytes = copy->WidthInBytes;
  box.height_rows = copy->Height;
  box.depth_slices = copy->Depth;
  const Side destination{copy->dstMemoryType, copy->dstHost,     copy->dstDevice, copy->dstPitch,
                         copy->dstHeight,     copy->dstXInBytes, copy->dstY,      copy->dstZ};
  const Side source{copy->srcMemoryType, copy->srcHost,     copy->srcDevice, copy->srcPitch,
                    copy->srcHeight,     copy->srcXInBytes, copy->srcY,      copy->srcZ};
  return CopyBox(handle, destination, source, box, synchronous);
}

}  // namespace

CUresult paella_cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) {
  return CopyNow({Place::kAny, dst, Place::kAny, src, ByteCount});
}

CUresult paella_cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
  return CopyIn(hStream, {Place::kAny, dst, Place::kAny, src, ByteCount});
}

CUresult paella_cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  return CopyNow({Place::kDevice, dstDevice, Place::kAny, Address(srcHost), ByteCount});
}

CUresult paella_cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return CopyIn(hStream, {Place::kDevice, dstDevice, Place::kAny, Address(srcHost), ByteCount});
}

CUresult paella_cuMemcpyDtoH_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  return CopyNow({Place::kAny, Address(dstHost), Place::kDevice, srcDevice, ByteCount});
}

CUresult paella_cuMemcpyDtoHAsync_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return CopyIn(hStream, {Place::kAny, Address(dstHost), Place::kDevice, srcDevice, ByteCount});
}

CUresult paella_cuMemcpyDtoD_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount) {
  return CopyNow({Place::kDevice, dstDevice, Place::kDevice, srcDevice, ByteCount});
}

CUresult paella_cuMemcpyDtoDAsync_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return CopyIn(hStream, {Place::kDevice, dstDevice, Place::kDevice, srcDevice, ByteCount});
}

// All contexts of a client are of one device.
CUresult paella_cuMemcpyPeer(CUdeviceptr dstDevice, CUcontext, CUdeviceptr srcDevice, CUcontext, size_t ByteCount) {
  return paella_cuMemcpyDtoD_v2(dstDevice, srcDevice, ByteCount);
}

CUresult paella_cuMemcpyPeerAsync(CUdeviceptr dstDevice, CUcontext, CUdeviceptr srcDevice, CUcontext, size_t ByteCount,
                                  CUstream hStream) {
  return paella_cuMemcpyDtoDAsync_v2(dstDevice, srcDevice, ByteCount, hStream);
}

CUresult paella_cuMemcpy2D_v2(const CUDA_MEMCPY2D* pCopy) { return Copy2D(nullptr, pCopy, true); }
CUresult paella_cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* pCopy) { return Copy2D(nullptr, pCopy, true); }
CUresult paella_cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* pCopy, CUstream hStream) { return Copy2D(hStream, pCopy, false); }
CUresult paella_cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) { return Copy3D(nullptr, pCopy, true); }
CUresult paella_cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream hStream) { return Copy3D(hStream, pCopy, false); }
