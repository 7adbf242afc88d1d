// Arrays, mipmapped arrays, texture and surface objects.
#include <cstring>

#include "tests/simulated_gpu/arrays.h"

#include "tests/simulated_gpu/allocations.h"
#include "tests/simulated_gpu/api/common.h"

namespace paella::simulated_gpu {
namespace {

std::shared_ptr<MipmappedArray> FindMipmapped(CUmipmappedArray handle) {
  return Handles<MipmappedArray>::Get().Find(handle);
}

// Where rows of linear memory lie; INVALID_VALUE unless all of it can be read.
CUresult ReadMemory(std::uintptr_t address, std::size_t bytes) {
  constexpr std::uintptr_t kAlignmentBytes = 512;  // CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT
  if (address % kAlignmentBytes != 0) return CUDA_ERROR_INVALID_VALUE;
  const MemoryMap::SharedHold hold(MemoryMap::Get());
  return bytes != 0 && MemoryMap::Get().Covers(address, bytes, false) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult ReadLinear(const CUDA_RESOURCE_DESC& resource, Image& image) {
  const auto& linear = resource.res.linear;
  image.address = linear.devPtr;
  image.format = linear.format;
  image.channels = linear.numChannels;
  image.element_bytes = ElementBytes(linear.format, linear.numChannels);
  if (image.element_bytes == 0) return CUDA_ERROR_INVALID_VALUE;
  image.width = linear.sizeInBytes / image.element_bytes;
  image.pitch_bytes = image.slice_bytes = linear.sizeInBytes;
  return ReadMemory(linear.devPtr, linear.sizeInBytes);
}

CUresult ReadPitched(const CUDA_RESOURCE_DESC& resource, Image& image) {
  const auto& rows = resource.res.pitch2D;
  image.address = rows.devPtr;
  image.format = rows.format;
  image.channels = rows.numChannels;
  image.element_bytes = ElementBytes(rows.format, rows.numChannels);
  image.width = rows.width;
  image.height = rows.height;
  image.pitch_bytes = rows.pitchInBytes;
  image.slice_bytes = rows.pitchInBytes * rows.height;
  const std::size_t row_bytes = rows.width * image.element_bytes;
  if (image.element_bytes == 0 || rows.height == 0 || rows.pitchInBytes < row_bytes) return CUDA_ERROR_INVALID_VALUE;
  return ReadMemory(rows.devPtr, rows.pitchInBytes * (rows.height - 1) + row_bytes);
}

// A CUresourcetype, or anything else that a program says, which no enumeration may hold.
int TypeOf(const CUDA_RESOURCE_DESC& resource) {
  int type = 0;
  std::memcpy(&type, &resource.resType, sizeof type);
  return type;
}

CUresult ReadResource(const CUDA_RESOURCE_DESC& resource, Texture& texture) {
  if (resource.flags != 0) return CUDA_ERROR_INVALID_VALUE;
  switch (TypeOf(resource)) {
    case CU_RESOURCE_TYPE_ARRAY: {
      const auto array = FindArray(resource.res.array.hArray);
      if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
      if ((array->descriptor.Flags & CUDA_ARRAY3D_CUBEMAP) != 0) return CUDA_ERROR_NOT_SUPPORTED;
      texture.image = array->image;
      texture.is_layered = (array->descriptor.Flags & CUDA_ARRAY3D_LAYERED) != 0;
      return CUDA_SUCCESS;
    }
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY: return CUDA_ERROR_NOT_SUPPORTED;
    case CU_RESOURCE_TYPE_LINEAR: return ReadLinear(resource, texture.image);
    case CU_RESOURCE_TYPE_PITCH2D: return ReadPitched(resource, texture.image);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace
}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuArrayCreate(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR* pAllocateArray) {
  PAELLA_RETURN_IF_NULL(pAllocateArray);
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  descriptor.Width = pAllocateArray->Width;
  descriptor.Height = pAllocateArray->Height;
  descriptor.Format = pAllocateArray->Format;
  descriptor.NumChannels = pAllocateArray->NumChannels;
  return cuArray3DCreate(pHandle, &descriptor);
}

CUresult cuArray3DCreate(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pAllocateArray) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(pHandle);
  PAELLA_RETURN_IF_NULL(pAllocateArray);
  std::shared_ptr<Array> array;
  PAELLA_RETURN_IF_ERROR(CreateArray(context, *pAllocateArray, array));
  *pHandle = reinterpret_cast<CUarray>(Handles<Array>::Get().Add(std::move(array)));
  return CUDA_SUCCESS;
}

CUresult cuArrayGetDescriptor(CUDA_ARRAY_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  PAELLA_RETURN_IF_NULL(pArrayDescriptor);
  CUDA_ARRAY3D_DESCRIPTOR found;
  PAELLA_RETURN_IF_ERROR(cuArray3DGetDescriptor(&found, hArray));
  *pArrayDescriptor = {found.Width, found.Height, found.Format, found.NumChannels};
  return CUDA_SUCCESS;
}

CUresult cuArray3DGetDescriptor(CUDA_ARRAY3D_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  PAELLA_RETURN_IF_NULL(pArrayDescriptor);
  const auto array = FindArray(hArray);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  *pArrayDescriptor = array->descriptor;
  return CUDA_SUCCESS;
}

CUresult cuArrayDestroy(CUarray hArray) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  const auto array = FindArray(hArray);
  if (array == nullptr || array->is_level) return CUDA_ERROR_INVALID_HANDLE;
  Engine::Get().WaitForContext(array->context);
  Handles<Array>::Get().Remove(hArray);
  return Allocations::Get().Free(array->image.address);
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pMipmappedArrayDesc,
                                unsigned int numMipmapLevels) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(pHandle);
  PAELLA_RETURN_IF_NULL(pMipmappedArrayDesc);
  std::shared_ptr<MipmappedArray> array;
  PAELLA_RETURN_IF_ERROR(CreateMipmappedArray(context, *pMipmappedArrayDesc, numMipmapLevels, array));
  *pHandle = reinterpret_cast<CUmipmappedArray>(Handles<MipmappedArray>::Get().Add(std::move(array)));
  return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayGetLevel(CUarray* pLevelArray, CUmipmappedArray hMipmappedArray, unsigned int level) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  PAELLA_RETURN_IF_NULL(pLevelArray);
  const auto array = FindMipmapped(hMipmappedArray);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (level >= array->levels.size()) return CUDA_ERROR_INVALID_VALUE;
  *pLevelArray = reinterpret_cast<CUarray>(array->levels[level]);
  return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray hMipmappedArray) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  const auto array = FindMipmapped(hMipmappedArray);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  Engine::Get().WaitForContext(array->context);
  Handles<MipmappedArray>::Get().Remove(hMipmappedArray);
  for (const Array* level : array->levels) Handles<Array>::Get().Remove(level);
  return Allocations::Get().Free(array->address);
}

// Filters and views are not simulated.
CUresult cuTexObjectCreate(CUtexObject* pTexObject, const CUDA_RESOURCE_DESC* pResDesc,
                           const CUDA_TEXTURE_DESC* pTexDesc, const CUDA_RESOURCE_VIEW_DESC* pResViewDesc) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(pTexObject);
  PAELLA_RETURN_IF_NULL(pResDesc);
  PAELLA_RETURN_IF_NULL(pTexDesc);
  Texture texture;
  texture.description = *pTexDesc;
  PAELLA_RETURN_IF_ERROR(ReadResource(*pResDesc, texture));
  if (pTexDesc->filterMode != CU_TR_FILTER_MODE_POINT || pResViewDesc != nullptr) return CUDA_ERROR_NOT_SUPPORTED;
  *pTexObject = Textures::Get().Add(std::move(texture));
  return CUDA_SUCCESS;
}

CUresult cuTexObjectDestroy(CUtexObject texObject) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  return Textures::Get().Remove(texObject) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuSurfObjectCreate(CUsurfObject* pSurfObject, const CUDA_RESOURCE_DESC* pResDesc) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  PAELLA_RETURN_IF_NULL(pSurfObject);
  PAELLA_RETURN_IF_NULL(pResDesc);
  if (TypeOf(*pResDesc) != CU_RESOURCE_TYPE_ARRAY) return CUDA_ERROR_INVALID_VALUE;
  const auto array = FindArray(pResDesc->res.array.hArray);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  *pSurfObject = Surfaces::Get().Add(array->image);
  return CUDA_SUCCESS;
}

CUresult cuSurfObjectDestroy(CUsurfObject surfObject) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  return Surfaces::Get().Remove(surfObject) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
