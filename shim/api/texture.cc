// Texture and surface objects.
#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

// What the program said of a texture when it made it.
CUresult FindTexture(const void* out, CUtexObject texture, TextureDescription& description) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto found = client->textures.Find(texture);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  description = *found;
  return CUDA_SUCCESS;
}

}  // namespace

CUresult paella_cuTexObjectCreate(CUtexObject* pTexObject, const CUDA_RESOURCE_DESC* pResDesc,
                                  const CUDA_TEXTURE_DESC* pTexDesc, const CUDA_RESOURCE_VIEW_DESC* pResViewDesc) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (pTexObject == nullptr || pResDesc == nullptr || pTexDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  TextureDescription description{*pResDesc, *pTexDesc, std::nullopt};
  if (pResViewDesc != nullptr) description.view = *pResViewDesc;
  return client->textures.Create(description, current_context, *pTexObject);
}

CUresult paella_cuTexObjectDestroy(CUtexObject texObject) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  return client->textures.Destroy(texObject);
}

CUresult paella_cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUtexObject texObject) {
  TextureDescription description;
  if (const CUresult result = FindTexture(pResDesc, texObject, description); result != CUDA_SUCCESS) return result;
  *pResDesc = description.resource;
  return CUDA_SUCCESS;
}

CUresult paella_cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC* pTexDesc, CUtexObject texObject) {
  TextureDescription description;
  if (const CUresult result = FindTexture(pTexDesc, texObject, description); result != CUDA_SUCCESS) return result;
  *pTexDesc = description.texture;
  return CUDA_SUCCESS;
}

CUresult paella_cuTexObjectGetResourceViewDesc(CUDA_RESOURCE_VIEW_DESC* pResViewDesc, CUtexObject texObject) {
  TextureDescription description;
  if (const CUresult result = FindTexture(pResViewDesc, texObject, description); result != CUDA_SUCCESS) return result;
  *pResViewDesc = description.view.value_or(CUDA_RESOURCE_VIEW_DESC{});
  return CUDA_SUCCESS;
}

CUresult paella_cuSurfObjectCreate(CUsurfObject* pSurfObject, const CUDA_RESOURCE_DESC* pResDesc) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (pSurfObject == nullptr || pResDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return client->textures.CreateSurface(*pResDesc, current_context, *pSurfObject);
}

CUresult paella_cuSurfObjectDestroy(CUsurfObject surfObject) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  return client->textures.DestroySurface(surfObject);
}

CUresult paella_cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUsurfObject surfObject) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (pResDesc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto found = client->textures.FindSurface(surfObject);
  if (!found) return CUDA_ERROR_INVALID_HANDLE;
  *pResDesc = *found;
  return CUDA_SUCCESS;
}
