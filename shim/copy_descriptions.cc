#include "shim/copy_descriptions.h"

#include "shim/unsupported.h"

namespace paella::shim {
namespace {

// One side of a copy.
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
  address = side.type == CU_MEMORYTYPE_HOST ? reinterpret_cast<std::uintptr_t>(side.host) : side.device;
  return !__builtin_mul_overflow(pitch, height, &slice) && !__builtin_mul_overflow(side.z, slice, &slices) &&
         !__builtin_mul_overflow(side.y, pitch, &rows) && !__builtin_add_overflow(address, slices, &address) &&
         !__builtin_add_overflow(address, rows, &address) &&
         !__builtin_add_overflow(address, side.x_bytes, &address);
}

CUmemorytype TypeOf(Place place) {
  switch (place) {
    case Place::kDevice: return CU_MEMORYTYPE_DEVICE;
    case Place::kHost: return CU_MEMORYTYPE_HOST;
    case Place::kAny: break;
  }
  return CU_MEMORYTYPE_UNIFIED;
}

std::size_t RowsOf(std::uint64_t slice, std::uint64_t pitch) { return pitch == 0 ? 0 : slice / pitch; }

}  // namespace

CUDA_MEMCPY3D AsThreeDimensional(const CUDA_MEMCPY2D& copy) {
  CUDA_MEMCPY3D box{};
  box.srcXInBytes = copy.srcXInBytes;
  box.srcY = copy.srcY;
  box.srcMemoryType = copy.srcMemoryType;
  box.srcHost = copy.srcHost;
  box.srcDevice = copy.srcDevice;
  box.srcArray = copy.srcArray;
  box.srcPitch = copy.srcPitch;
  box.dstXInBytes = copy.dstXInBytes;
  box.dstY = copy.dstY;
  box.dstMemoryType = copy.dstMemoryType;
  box.dstHost = copy.dstHost;
  box.dstDevice = copy.dstDevice;
  box.dstArray = copy.dstArray;
  box.dstPitch = copy.dstPitch;
  box.WidthInBytes = copy.WidthInBytes;
  box.Height = copy.Height;
  box.Depth = 1;
  return box;
}

CUDA_MEMCPY3D WithoutContexts(const CUDA_MEMCPY3D_PEER& copy) {
  CUDA_MEMCPY3D box{};
  box.srcXInBytes = copy.srcXInBytes;
  box.srcY = copy.srcY;
  box.srcZ = copy.srcZ;
  box.srcLOD = copy.srcLOD;
  box.srcMemoryType = copy.srcMemoryType;
  box.srcHost = copy.srcHost;
  box.srcDevice = copy.srcDevice;
  box.srcArray = copy.srcArray;
  box.srcPitch = copy.srcPitch;
  box.srcHeight = copy.srcHeight;
  box.dstXInBytes = copy.dstXInBytes;
  box.dstY = copy.dstY;
  box.dstZ = copy.dstZ;
  box.dstLOD = copy.dstLOD;
  box.dstMemoryType = copy.dstMemoryType;
  box.dstHost = copy.dstHost;
  box.dstDevice = copy.dstDevice;
  box.dstArray = copy.dstArray;
  box.dstPitch = copy.dstPitch;
  box.dstHeight = copy.dstHeight;
  box.WidthInBytes = copy.WidthInBytes;
  box.Height = copy.Height;
  box.Depth = copy.Depth;
  return box;
}

bool HasArray(const CUDA_MEMCPY3D& copy) {
  return copy.dstMemoryType == CU_MEMORYTYPE_ARRAY || copy.srcMemoryType == CU_MEMORYTYPE_ARRAY;
}

bool LocateDestination(const CUDA_MEMCPY3D& copy, StridedCopy& box) {
  const Side side{copy.dstMemoryType, copy.dstHost,     copy.dstDevice, copy.dstPitch,
                  copy.dstHeight,     copy.dstXInBytes, copy.dstY,      copy.dstZ};
  return Locate(side, box, box.corner.destination_place, box.corner.destination, box.destination_pitch_bytes,
                box.destination_slice_bytes);
}

bool LocateSource(const CUDA_MEMCPY3D& copy, StridedCopy& box) {
  const Side side{copy.srcMemoryType, copy.srcHost,     copy.srcDevice, copy.srcPitch,
                  copy.srcHeight,     copy.srcXInBytes, copy.srcY,      copy.srcZ};
  return Locate(side, box, box.corner.source_place, box.corner.source, box.source_pitch_bytes, box.source_slice_bytes);
}

// Levels of detail mean nothing but to arrays.
CUresult ReadDescription(const CUDA_MEMCPY3D& copy, StridedCopy& box) {
  if (HasArray(copy)) return UnsupportedForm("a copy of an array in a graph");
  box.width_bytes = copy.WidthInBytes;
  box.height_rows = copy.Height;
  box.depth_slices = copy.Depth;
  return LocateDestination(copy, box) && LocateSource(copy, box) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUDA_MEMCPY3D Describe(const StridedCopy& box) {
  const Copy& corner = box.corner;
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = TypeOf(corner.source_place);
  copy.srcHost = reinterpret_cast<const void*>(corner.source);
  copy.srcDevice = corner.source;
  copy.srcPitch = box.source_pitch_bytes;
  copy.srcHeight = RowsOf(box.source_slice_bytes, box.source_pitch_bytes);
  copy.dstMemoryType = TypeOf(corner.destination_place);
  copy.dstHost = reinterpret_cast<void*>(corner.destination);
  copy.dstDevice = corner.destination;
  copy.dstPitch = box.destination_pitch_bytes;
  copy.dstHeight = RowsOf(box.destination_slice_bytes, box.destination_pitch_bytes);
  copy.WidthInBytes = box.width_bytes;
  copy.Height = box.height_rows;
  copy.Depth = box.depth_slices;
  return copy;
}

}  // namespace paella::shim
