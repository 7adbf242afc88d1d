#include "shim/textures.h"

#include <cstring>
#include <span>
#include <vector>

namespace paella::shim {
namespace {

template <typename Description>
std::vector<std::byte> BytesOf(const Description& description) {
  const auto bytes = std::as_bytes(std::span(&description, 1));
  return {bytes.begin(), bytes.end()};
}

// Whether it was there: the object is gone from the table.
template <typename Objects>
bool Take(std::mutex& mutex, Objects& objects, unsigned long long object) {
  const std::lock_guard lock(mutex);
  return objects.erase(object) == 1;
}

template <typename Objects>
std::vector<unsigned long long> AllOf(std::mutex& mutex, const Objects& objects, const Context& context) {
  const std::lock_guard lock(mutex);
  std::vector<unsigned long long> all;
  for (const auto& [number, object] : objects) {
    if (object.context == &context) all.push_back(number);
  }
  return all;
}

// A CUresourcetype, or anything else that a program says, which no enumeration may hold.
std::uint32_t TypeOf(const CUDA_RESOURCE_DESC& resource) {
  std::uint32_t type = 0;
  std::memcpy(&type, &resource.resType, sizeof type);
  return type;
}

}  // namespace

// The program's handle or address becomes what the daemon knows. Of forms and sizes the driver knows best.
CUresult Textures::ReadResource(const CUDA_RESOURCE_DESC& resource, ipc::TextureCreate& message) const {
  if (resource.flags != 0) return CUDA_ERROR_INVALID_VALUE;
  message.resource_type = TypeOf(resource);
  switch (message.resource_type) {
    case CU_RESOURCE_TYPE_ARRAY: {
      const auto array = arrays_.Find(resource.res.array.hArray);
      if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
      message.resource = array->number;
      return CUDA_SUCCESS;
    }
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY: {
      const auto array = arrays_.Find(resource.res.mipmap.hMipmappedArray);
      if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
      message.resource = array->number;
      return CUDA_SUCCESS;
    }
    case CU_RESOURCE_TYPE_LINEAR: {
      const auto& linear = resource.res.linear;
      message.resource = linear.devPtr;
      message.format = linear.format;
      message.channels = linear.numChannels;
      message.size_bytes = linear.sizeInBytes;
      return CUDA_SUCCESS;
    }
    case CU_RESOURCE_TYPE_PITCH2D: {
      const auto& rows = resource.res.pitch2D;
      message.resource = rows.devPtr;
      message.format = rows.format;
      message.channels = rows.numChannels;
      message.width = rows.width;
      message.height = rows.height;
      message.pitch_bytes = rows.pitchInBytes;
      return CUDA_SUCCESS;
    }
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult Textures::Create(const TextureDescription& description, const Context* context, CUtexObject& texture) {
  ipc::TextureCreate message;
  if (const CUresult result = ReadResource(description.resource, message); result != CUDA_SUCCESS) return result;
  message.texture = BytesOf(description.texture);
  if (description.view) message.view = BytesOf(*description.view);
  ipc::TextureCreateReply reply;
  if (const CUresult result = submission_.Call(message, reply); result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  textures_.insert_or_assign(reply.texture, Object<TextureDescription>{description, context});
  texture = reply.texture;
  return CUDA_SUCCESS;
}

CUresult Textures::CreateSurface(const CUDA_RESOURCE_DESC& resource, const Context* context, CUsurfObject& surface) {
  if (TypeOf(resource) != CU_RESOURCE_TYPE_ARRAY || resource.flags != 0) return CUDA_ERROR_INVALID_VALUE;
  const auto array = arrays_.Find(resource.res.array.hArray);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  ipc::SurfaceCreate message;
  message.array = array->number;
  ipc::SurfaceCreateReply reply;
  if (const CUresult result = submission_.Call(message, reply); result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  surfaces_.insert_or_assign(reply.surface, Object<CUDA_RESOURCE_DESC>{resource, context});
  surface = reply.surface;
  return CUDA_SUCCESS;
}

CUresult Textures::Destroy(CUtexObject texture) {
  if (!Take(mutex_, textures_, texture)) return CUDA_ERROR_INVALID_HANDLE;
  ipc::TextureDestroy message;
  message.texture = texture;
  return submission_.Post(message);
}

CUresult Textures::DestroySurface(CUsurfObject surface) {
  if (!Take(mutex_, surfaces_, surface)) return CUDA_ERROR_INVALID_HANDLE;
  ipc::SurfaceDestroy message;
  message.surface = surface;
  return submission_.Post(message);
}

std::optional<TextureDescription> Textures::Find(CUtexObject texture) const {
  const std::lock_guard lock(mutex_);
  const auto found = textures_.find(texture);
  return found == textures_.end() ? std::nullopt : std::optional(found->second.description);
}

std::optional<CUDA_RESOURCE_DESC> Textures::FindSurface(CUsurfObject surface) const {
  const std::lock_guard lock(mutex_);
  const auto found = surfaces_.find(surface);
  return found == surfaces_.end() ? std::nullopt : std::optional(found->second.description);
}

CUresult Textures::DestroyAllOf(const Context& context) {
  for (const auto texture : AllOf(mutex_, textures_, context)) {
    if (const CUresult result = Destroy(texture); result != CUDA_SUCCESS) return result;
  }
  for (const auto surface : AllOf(mutex_, surfaces_, context)) {
    if (const CUresult result = DestroySurface(surface); result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

}  // namespace paella::shim
