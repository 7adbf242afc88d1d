// Arrays and mipmapped arrays. Copies of them are in copy.cc.
#include <algorithm>

#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

// The end of an array may not be pulled from under what was posted, so everything is waited for first, as natively.
template <typename Handle>
CUresult Destroy(Handle handle) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (client->arrays.Find(handle) == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (const CUresult result = client->captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  if (const CUresult result = client->streams.SynchronizeAll(client->wait_style()); result != CUDA_SUCCESS) return result;
  return client->arrays.Destroy(handle);
}

CUresult Create(CUarray* handle, const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = client->captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  return client->arrays.Create(descriptor, current_context, *handle);
}

// No array here has its memory mapped later: of those that have it at once, CUDA tells no requirements.
template <typename Handle>
CUresult RefuseRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* requirements, Handle handle, CUdevice device) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (requirements == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
  return client->arrays.Find(handle) == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

CUresult paella_cuArrayCreate_v2(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR* pAllocateArray) {
  if (pAllocateArray == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  descriptor.Width = pAllocateArray->Width;
  descriptor.Height = pAllocateArray->Height;
  descriptor.Format = pAllocateArray->Format;
  descriptor.NumChannels = pAllocateArray->NumChannels;
  return Create(pHandle, descriptor);
}

CUresult paella_cuArray3DCreate_v2(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pAllocateArray) {
  return pAllocateArray == nullptr ? CUDA_ERROR_INVALID_VALUE : Create(pHandle, *pAllocateArray);
}

CUresult paella_cuArrayDestroy(CUarray hArray) { return Destroy(hArray); }

CUresult paella_cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  CUDA_ARRAY3D_DESCRIPTOR descriptor;
  if (pArrayDescriptor == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CUresult result = paella_cuArray3DGetDescriptor_v2(&descriptor, hArray);
  if (result != CUDA_SUCCESS) return result;
  *pArrayDescriptor = {descriptor.Width, descriptor.Height, descriptor.Format, descriptor.NumChannels};
  return CUDA_SUCCESS;
}

CUresult paella_cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (pArrayDescriptor == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto array = client->arrays.Find(hArray);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  *pArrayDescriptor = array->descriptor;
  return CUDA_SUCCESS;
}

CUresult paella_cuArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* memoryRequirements, CUarray array,
                                             CUdevice device) {
  return RefuseRequirements(memoryRequirements, array, device);
}

CUresult paella_cuMipmappedArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS* memoryRequirements,
                                                      CUmipmappedArray mipmap, CUdevice device) {
  return RefuseRequirements(memoryRequirements, mipmap, device);
}

CUresult paella_cuMipmappedArrayCreate(CUmipmappedArray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pMipmappedArrayDesc,
                                       unsigned int numMipmapLevels) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (pHandle == nullptr || pMipmappedArrayDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = client->captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  // As CUDA has it: at least one level, at most as many as there can be.
  const unsigned levels = std::max(1u, numMipmapLevels);
  return client->arrays.CreateMipmapped(*pMipmappedArrayDesc, levels, current_context, *pHandle);
}

CUresult paella_cuMipmappedArrayDestroy(CUmipmappedArray hMipmappedArray) { return Destroy(hMipmappedArray); }

CUresult paella_cuMipmappedArrayGetLevel(CUarray* pLevelArray, CUmipmappedArray hMipmappedArray, unsigned int level) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (pLevelArray == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto array = client->arrays.Find(hMipmappedArray);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (level >= array->levels.size()) return CUDA_ERROR_INVALID_VALUE;
  *pLevelArray = array->levels[level]->handle();
  return CUDA_SUCCESS;
}
