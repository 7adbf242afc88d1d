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

// Levels of detail mean nothing but to arrays.
CUresult ReadDescription(const CUDA_MEMCPY3D& copy, StridedCopy& box) {
  if (copy.dstMemoryType == CU_MEMORYTYPE_ARRAY || copy.srcMemoryType == CU_MEMORYTYPE_ARRAY) {
    return UnsupportedForm("a copy of an array");
  }
  box.width_bytes = copy.WidthInBytes;
  box.height_rows = copy.Height;
  box.depth_slices = copy.Depth;
  const Side destination{copy.dstMemoryType, copy.dstHost,     copy.dstDevice, copy.dstPitch,
                         copy.dstHeight,     copy.dstXInBytes, copy.dstY,      copy.dstZ};
  const Side source{copy.srcMemoryType, copy.srcHost,     copy.srcDevice, copy.srcPitch,
                    copy.srcHeight,     copy.srcXInBytes, copy.srcY,      copy.srcZ};
  Copy& corner = box.corner;
  const bool has_form = Locate(destination, box, corner.destination_place, corner.destination,
                               box.destination_pitch_bytes, box.destination_slice_bytes) &&
                        Locate(source, box, corner.source_place, corner.source, box.source_pitch_bytes,
                               box.source_slice_bytes);
  return has_form ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
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
