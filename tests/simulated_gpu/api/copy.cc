// Copies and memsets, one-dimensional to three-dimensional, waiting and not.
#include "tests/simulated_gpu/copy.h"

#include "tests/simulated_gpu/api/common.h"
#include "tests/simulated_gpu/arrays.h"

namespace paella::simulated_gpu {
namespace {

CUresult CopyBox(Copy copy, Side to, Side from, CUstream handle, bool wait) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(handle, stream));
  PAELLA_RETURN_IF_ERROR(copy.Check(to, from));
  const bool both_pageable = copy.to_pageable() && copy.from_pageable();
  if (copy.from_pageable() && (!wait || both_pageable)) PAELLA_RETURN_IF_ERROR(copy.Stage());
  wait |= copy.to_pageable();  // as with the real driver, which has no other way to write pageable memory
  auto shared = std::make_shared<Copy>(std::move(copy));
  auto refused = std::make_shared<CUresult>(CUDA_SUCCESS);
  auto operation = std::make_shared<Operation>();
  operation->work = [shared, refused] {
    const CUresult result = shared->Run();
    if (result != CUDA_ERROR_INVALID_VALUE) return result;
    *refused = result;  // pageable memory that is not there is the caller's mistake, not the context's end
    return CUDA_SUCCESS;
  };
  PAELLA_RETURN_IF_ERROR(Submit(stream, operation, wait));
  return wait ? *refused : CUDA_SUCCESS;
}

CUresult CopyLine(std::uintptr_t to, std::uintptr_t from, std::size_t bytes, Side to_side, Side from_side,
                  CUstream stream, bool wait) {
  if (bytes == 0) {
    std::shared_ptr<Stream> used;
    return UseStream(stream, used);
  }
  return CopyBox(Copy({to}, {from}, {bytes}), to_side, from_side, stream, wait);
}

std::uintptr_t Address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// One end of a descriptor of a 2D or 3D copy.
struct End {
  CUmemorytype type;
  const void* host;
  CUdeviceptr device;
  CUarray array;
  std::size_t level_of_detail, x, y, z, pitch, rows;
};

bool Holds(std::size_t extent, std::size_t offset, std::size_t size) {
  return offset <= extent && size <= extent - offset;
}

CUresult ResolveArray(const End& end, const Box& box, Place3& place, Side& side) {
  if (end.array == nullptr || end.level_of_detail != 0) return CUDA_ERROR_INVALID_VALUE;
  const auto array = FindArray(end.array);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const Image& image = array->image;
  if (end.x % image.element_bytes != 0 || box.width % image.element_bytes != 0 ||
      !Holds(image.pitch_bytes, end.x, box.width) || !Holds(image.height, end.y, box.height) ||
      !Holds(image.depth, end.z, box.depth)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  side = Side::kDevice;
  place.pitch = image.pitch_bytes;
  place.layer = image.slice_bytes;
  place.address = image.address + end.z * place.layer + end.y * place.pitch + end.x;
  return CUDA_SUCCESS;
}

CUresult ResolveEnd(const End& end, const Box& box, Place3& place, Side& side) {
  switch (end.type) {
    case CU_MEMORYTYPE_ARRAY: return ResolveArray(end, box, place, side);
    case CU_MEMORYTYPE_HOST: side = Side::kHost; break;
    case CU_MEMORYTYPE_DEVICE: side = Side::kDevice; break;
    case CU_MEMORYTYPE_UNIFIED: side = Side::kAny; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  place.address = end.type == CU_MEMORYTYPE_HOST ? Address(end.host) : end.device;
  place.pitch = end.pitch;
  place.layer = end.pitch * end.rows;
  place.address += end.z * place.layer + end.y * place.pitch + end.x;
  return CUDA_SUCCESS;
}

CUresult CopyEnds(End to, End from, const Box& box, CUstream stream, bool wait) {
  if (box.width == 0 || box.height == 0 || box.depth == 0) return CUDA_SUCCESS;
  for (End* end : {&to, &from}) {
    if (end->type == CU_MEMORYTYPE_ARRAY) continue;
    if (end->pitch == 0) end->pitch = end->x + box.width;
    if (end->rows == 0) end->rows = end->y + box.height;
    if (end->pitch < end->x + box.width && box.height > 1) return CUDA_ERROR_INVALID_VALUE;
  }
  Place3 to_place, from_place;
  Side to_side, from_side;
  PAELLA_RETURN_IF_ERROR(ResolveEnd(to, box, to_place, to_side));
  PAELLA_RETURN_IF_ERROR(ResolveEnd(from, box, from_place, from_side));
  return CopyBox(Copy(to_place, from_place, box), to_side, from_side, stream, wait);
}

CUresult Copy2D(const CUDA_MEMCPY2D* c, CUstream stream, bool wait) {
  if (c == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return CopyEnds({c->dstMemoryType, c->dstHost, c->dstDevice, c->dstArray, 0, c->dstXInBytes, c->dstY, 0,
                   c->dstPitch, 0},
                  {c->srcMemoryType, c->srcHost, c->srcDevice, c->srcArray, 0, c->srcXInBytes, c->srcY, 0,
                   c->srcPitch, 0},
                  {c->WidthInBytes, c->Height, 1}, stream, wait);
}

CUresult Copy3D(const CUDA_MEMCPY3D* c, CUstream stream, bool wait) {
  if (c == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return CopyEnds({c->dstMemoryType, c->dstHost, c->dstDevice, c->dstArray, c->dstLOD, c->dstXInBytes, c->dstY, c->dstZ,
                   c->dstPitch, c->dstHeight},
                  {c->srcMemoryType, c->srcHost, c->srcDevice, c->srcArray, c->srcLOD, c->srcXInBytes, c->srcY, c->srcZ,
                   c->srcPitch, c->srcHeight},
                  {c->WidthInBytes, c->Height, c->Depth}, stream, wait);
}

// Rows of arrays: which pitch memory has does not matter for one.
End InArray(CUarray array, std::size_t offset) { return {CU_MEMORYTYPE_ARRAY, nullptr, 0, array, 0, offset, 0, 0, 0, 0}; }
End InHost(const void* host) { return {CU_MEMORYTYPE_HOST, host, 0, nullptr, 0, 0, 0, 0, 0, 0}; }
End InDevice(CUdeviceptr device) { return {CU_MEMORYTYPE_DEVICE, nullptr, device, nullptr, 0, 0, 0, 0, 0, 0}; }

// `width` counts elements. The waiting forms wait only because it is simpler: the real ones may return early.
CUresult Set(CUdeviceptr address, std::size_t pitch, std::uint32_t value, std::uint32_t element_bytes, std::size_t width,
             std::size_t height, CUstream handle, bool wait) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(handle, stream));
  if (width == 0 || height == 0) return CUDA_SUCCESS;
  const Fill fill{{address, pitch, 0}, {width * element_bytes, height, 1}, value, element_bytes};
  PAELLA_RETURN_IF_ERROR(fill.Check());
  auto operation = std::make_shared<Operation>();
  operation->work = [fill] { return fill.Run(); };
  return Submit(stream, operation, wait);
}

}  // namespace
}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) {
  return CopyLine(dst, src, ByteCount, Side::kAny, Side::kAny, nullptr, true);
}
CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
  return CopyLine(dst, src, ByteCount, Side::kAny, Side::kAny, hStream, false);
}
CUresult cuMemcpyHtoD(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  return CopyLine(dstDevice, Address(srcHost), ByteCount, Side::kDevice, Side::kHost, nullptr, true);
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return CopyLine(dstDevice, Address(srcHost), ByteCount, Side::kDevice, Side::kHost, hStream, false);
}
CUresult cuMemcpyDtoH(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  return CopyLine(Address(dstHost), srcDevice, ByteCount, Side::kHost, Side::kDevice, nullptr, true);
}
CUresult cuMemcpyDtoHAsync(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return CopyLine(Address(dstHost), srcDevice, ByteCount, Side::kHost, Side::kDevice, hStream, false);
}
CUresult cuMemcpyDtoD(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount) {
  return CopyLine(dstDevice, srcDevice, ByteCount, Side::kDevice, Side::kDevice, nullptr, true);
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return CopyLine(dstDevice, srcDevice, ByteCount, Side::kDevice, Side::kDevice, hStream, false);
}
CUresult cuMemcpy2D(const CUDA_MEMCPY2D* pCopy) { return Copy2D(pCopy, nullptr, true); }
CUresult cuMemcpy2DUnaligned(const CUDA_MEMCPY2D* pCopy) { return Copy2D(pCopy, nullptr, true); }
CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D* pCopy, CUstream hStream) { return Copy2D(pCopy, hStream, false); }
CUresult cuMemcpy3D(const CUDA_MEMCPY3D* pCopy) { return Copy3D(pCopy, nullptr, true); }
CUresult cuMemcpy3DAsync(const CUDA_MEMCPY3D* pCopy, CUstream hStream) { return Copy3D(pCopy, hStream, false); }

CUresult cuMemcpyHtoA(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount) {
  return CopyEnds(InArray(dstArray, dstOffset), InHost(srcHost), {ByteCount}, nullptr, true);
}
CUresult cuMemcpyHtoAAsync(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return CopyEnds(InArray(dstArray, dstOffset), InHost(srcHost), {ByteCount}, hStream, false);
}
CUresult cuMemcpyAtoH(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return CopyEnds(InHost(dstHost), InArray(srcArray, srcOffset), {ByteCount}, nullptr, true);
}
CUresult cuMemcpyAtoHAsync(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount, CUstream hStream) {
  return CopyEnds(InHost(dstHost), InArray(srcArray, srcOffset), {ByteCount}, hStream, false);
}
CUresult cuMemcpyDtoA(CUarray dstArray, size_t dstOffset, CUdeviceptr srcDevice, size_t ByteCount) {
  return CopyEnds(InArray(dstArray, dstOffset), InDevice(srcDevice), {ByteCount}, nullptr, true);
}
CUresult cuMemcpyAtoD(CUdeviceptr dstDevice, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return CopyEnds(InDevice(dstDevice), InArray(srcArray, srcOffset), {ByteCount}, nullptr, true);
}
CUresult cuMemcpyAtoA(CUarray dstArray, size_t dstOffset, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return CopyEnds(InArray(dstArray, dstOffset), InArray(srcArray, srcOffset), {ByteCount}, nullptr, true);
}

CUresult cuMemsetD8(CUdeviceptr dst, unsigned char uc, size_t N) { return Set(dst, 0, uc, 1, N, 1, nullptr, true); }
CUresult cuMemsetD16(CUdeviceptr dst, unsigned short us, size_t N) { return Set(dst, 0, us, 2, N, 1, nullptr, true); }
CUresult cuMemsetD32(CUdeviceptr dst, unsigned int ui, size_t N) { return Set(dst, 0, ui, 4, N, 1, nullptr, true); }
CUresult cuMemsetD8Async(CUdeviceptr dst, unsigned char uc, size_t N, CUstream s) { return Set(dst, 0, uc, 1, N, 1, s, false); }
CUresult cuMemsetD16Async(CUdeviceptr dst, unsigned short us, size_t N, CUstream s) { return Set(dst, 0, us, 2, N, 1, s, false); }
CUresult cuMemsetD32Async(CUdeviceptr dst, unsigned int ui, size_t N, CUstream s) { return Set(dst, 0, ui, 4, N, 1, s, false); }
CUresult cuMemsetD2D8(CUdeviceptr dst, size_t pitch, unsigned char uc, size_t w, size_t h) {
  return Set(dst, pitch, uc, 1, w, h, nullptr, true);
}
CUresult cuMemsetD2D16(CUdeviceptr dst, size_t pitch, unsigned short us, size_t w, size_t h) {
  return Set(dst, pitch, us, 2, w, h, nullptr, true);
}
CUresult cuMemsetD2D32(CUdeviceptr dst, size_t pitch, unsigned int ui, size_t w, size_t h) {
  return Set(dst, pitch, ui, 4, w, h, nullptr, true);
}
CUresult cuMemsetD2D8Async(CUdeviceptr dst, size_t pitch, unsigned char uc, size_t w, size_t h, CUstream s) {
  return Set(dst, pitch, uc, 1, w, h, s, false);
}
CUresult cuMemsetD2D16Async(CUdeviceptr dst, size_t pitch, unsigned short us, size_t w, size_t h, CUstream s) {
  return Set(dst, pitch, us, 2, w, h, s, false);
}
CUresult cuMemsetD2D32Async(CUdeviceptr dst, size_t pitch, unsigned int ui, size_t w, size_t h, CUstream s) {
  return Set(dst, pitch, ui, 4, w, h, s, false);
}
