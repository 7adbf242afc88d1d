// Copies: each function says what its arguments are, copies.h does the rest.
#include "driver_api.h"
#include "shim/array_copies.h"
#include "shim/copies.h"
#include "shim/copy_descriptions.h"

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

CUresult CopyBox(CUstream handle, const CUDA_MEMCPY3D& description, bool synchronous) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterCopy(client, handle, stream); result != CUDA_SUCCESS) return result;
  if (HasArray(description)) return PostArrayCopy(*client, *stream, description, synchronous);
  StridedCopy box;
  if (const CUresult result = ReadDescription(description, box); result != CUDA_SUCCESS) return result;
  return PostStridedCopy(*client, *stream, box, synchronous);
}

CUresult Copy2D(CUstream handle, const CUDA_MEMCPY2D* copy, bool synchronous) {
  return copy == nullptr ? CUDA_ERROR_INVALID_VALUE : CopyBox(handle, AsThreeDimensional(*copy), synchronous);
}

CUresult Copy3D(CUstream handle, const CUDA_MEMCPY3D* copy, bool synchronous) {
  return copy == nullptr ? CUDA_ERROR_INVALID_VALUE : CopyBox(handle, *copy, synchronous);
}

CUresult CopyPeer(CUstream handle, const CUDA_MEMCPY3D_PEER* copy, bool synchronous) {
  return copy == nullptr ? CUDA_ERROR_INVALID_VALUE : CopyBox(handle, WithoutContexts(*copy), synchronous);
}

// A row of an array, from or to memory. Which pitch that has does not matter.
CUDA_MEMCPY3D RowOfArray(size_t bytes) {
  CUDA_MEMCPY3D copy{};
  copy.WidthInBytes = bytes;
  copy.Height = copy.Depth = 1;
  return copy;
}

CUresult CopyToArray(CUstream handle, CUarray array, size_t offset, CUmemorytype type, CUdeviceptr source, size_t bytes,
                     bool synchronous) {
  CUDA_MEMCPY3D copy = RowOfArray(bytes);
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = array;
  copy.dstXInBytes = offset;
  copy.srcMemoryType = type;
  copy.srcDevice = source;
  return CopyBox(handle, copy, synchronous);
}

CUresult CopyFromArray(CUstream handle, CUmemorytype type, CUdeviceptr destination, CUarray array, size_t offset,
                       size_t bytes, bool synchronous) {
  CUDA_MEMCPY3D copy = RowOfArray(bytes);
  copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.srcArray = array;
  copy.srcXInBytes = offset;
  copy.dstMemoryType = type;
  copy.dstDevice = destination;
  return CopyBox(handle, copy, synchronous);
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
CUresult paella_cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* pCopy) { return CopyPeer(nullptr, pCopy, true); }
CUresult paella_cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* pCopy, CUstream hStream) {
  return CopyPeer(hStream, pCopy, false);
}

// What an address of the host is, its kind decides: it may be pinned.
CUresult paella_cuMemcpyHtoA_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount) {
  return CopyToArray(nullptr, dstArray, dstOffset, CU_MEMORYTYPE_UNIFIED, Address(srcHost), ByteCount, true);
}

CUresult paella_cuMemcpyHtoAAsync_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount,
                                     CUstream hStream) {
  return CopyToArray(hStream, dstArray, dstOffset, CU_MEMORYTYPE_UNIFIED, Address(srcHost), ByteCount, false);
}

CUresult paella_cuMemcpyDtoA_v2(CUarray dstArray, size_t dstOffset, CUdeviceptr srcDevice, size_t ByteCount) {
  return CopyToArray(nullptr, dstArray, dstOffset, CU_MEMORYTYPE_DEVICE, srcDevice, ByteCount, true);
}

CUresult paella_cuMemcpyAtoH_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return CopyFromArray(nullptr, CU_MEMORYTYPE_UNIFIED, Address(dstHost), srcArray, srcOffset, ByteCount, true);
}

CUresult paella_cuMemcpyAtoHAsync_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount,
                                     CUstream hStream) {
  return CopyFromArray(hStream, CU_MEMORYTYPE_UNIFIED, Address(dstHost), srcArray, srcOffset, ByteCount, false);
}

CUresult paella_cuMemcpyAtoD_v2(CUdeviceptr dstDevice, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return CopyFromArray(nullptr, CU_MEMORYTYPE_DEVICE, dstDevice, srcArray, srcOffset, ByteCount, true);
}

CUresult paella_cuMemcpyAtoA_v2(CUarray dstArray, size_t dstOffset, CUarray srcArray, size_t srcOffset,
                                size_t ByteCount) {
  CUDA_MEMCPY3D copy = RowOfArray(ByteCount);
  copy.dstMemoryType = copy.srcMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = dstArray;
  copy.dstXInBytes = dstOffset;
  copy.srcArray = srcArray;
  copy.srcXInBytes = srcOffset;
  return CopyBox(nullptr, copy, true);
}
