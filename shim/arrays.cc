#include "shim/arrays.h"

#include "ipc/arrays.h"
#include "shim/unsupported.h"

namespace paella::shim {
namespace {

constexpr unsigned kKnownFlags = CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_SURFACE_LDST | CUDA_ARRAY3D_CUBEMAP |
                                 CUDA_ARRAY3D_TEXTURE_GATHER;
constexpr unsigned kUnsupportedFlags = CUDA_ARRAY3D_DEPTH_TEXTURE | CUDA_ARRAY3D_COLOR_ATTACHMENT |
                                       CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING |
                                       CUDA_ARRAY3D_VIDEO_ENCODE_DECODE;

// What the driver has and we do not: formats whose elements are compressed together, or lie in several planes.
bool IsCompressedOrPlanar(CUarray_format format) {
  return (format >= CU_AD_FORMAT_BC1_UNORM && format <= CU_AD_FORMAT_Y410) ||
         (format >= CU_AD_FORMAT_NV12 && format <= CU_AD_FORMAT_YUV444_16bit_SemiPlanar);
}

// What is told before the driver is asked; of sizes it knows best.
CUresult Check(const CUDA_ARRAY3D_DESCRIPTOR& descriptor) {
  if (descriptor.Width == 0 || (descriptor.Flags & ~(kKnownFlags | kUnsupportedFlags)) != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if ((descriptor.Flags & kUnsupportedFlags) != 0) return UnsupportedForm("a kind of array");
  if (IsCompressedOrPlanar(descriptor.Format)) return UnsupportedForm("an array of compressed or planar elements");
  const bool has_elements = ipc::ArrayElementBytes(descriptor.Format, descriptor.NumChannels) != 0;
  return has_elements ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

std::shared_ptr<Array> Describe(std::uint64_t number, const CUDA_ARRAY3D_DESCRIPTOR& descriptor,
                                const Context* context) {
  auto array = std::make_shared<Array>();
  array->number = number;
  array->descriptor = descriptor;
  array->element_bytes = ipc::ArrayElementBytes(descriptor.Format, descriptor.NumChannels);
  array->context = context;
  return array;
}

}  // namespace

CUresult Arrays::CallCreate(const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned levels, ipc::ArrayCreateReply& reply) {
  if (const CUresult result = Check(descriptor); result != CUDA_SUCCESS) return result;
  ipc::ArrayCreate message;
  message.width = descriptor.Width;
  message.height = descriptor.Height;
  message.depth = descriptor.Depth;
  message.format = descriptor.Format;
  message.channels = descriptor.NumChannels;
  message.flags = descriptor.Flags;
  message.levels = levels;
  return submission_.Call(message, reply);
}

CUresult Arrays::CallDestroy(std::uint64_t number) {
  ipc::ArrayDestroy message;
  message.array = number;
  ipc::ArrayDestroyReply reply;
  return submission_.Call(message, reply);
}

CUresult Arrays::Create(const CUDA_ARRAY3D_DESCRIPTOR& descriptor, const Context* context, CUarray& handle) {
  ipc::ArrayCreateReply reply;
  if (const CUresult result = CallCreate(descriptor, 0, reply); result != CUDA_SUCCESS) return result;
  const auto array = Describe(reply.array, descriptor, context);
  handle = array->handle();
  const std::lock_guard lock(mutex_);
  arrays_.emplace(handle, array);
  return CUDA_SUCCESS;
}

CUresult Arrays::CreateMipmapped(const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned levels, const Context* context,
                                 CUmipmappedArray& handle) {
  ipc::ArrayCreateReply reply;
  if (const CUresult result = CallCreate(descriptor, levels, reply); result != CUDA_SUCCESS) return result;
  if (reply.extents.size() != 3 * reply.levels.size()) return CUDA_ERROR_UNKNOWN;
  auto made = std::make_shared<MipmappedArray>();
  made->number = reply.array;
  made->context = context;
  for (std::size_t i = 0; i < reply.levels.size(); ++i) {
    CUDA_ARRAY3D_DESCRIPTOR of_level = descriptor;
    of_level.Width = reply.extents[3 * i];
    of_level.Height = reply.extents[3 * i + 1];
    of_level.Depth = reply.extents[3 * i + 2];
    auto level = Describe(reply.levels[i], of_level, context);
    level->is_level = true;
    made->levels.push_back(std::move(level));
  }
  handle = made->handle();
  const std::lock_guard lock(mutex_);
  for (const auto& level : made->levels) arrays_.emplace(level->handle(), level);
  mipmapped_.emplace(handle, std::move(made));
  return CUDA_SUCCESS;
}

std::shared_ptr<const Array> Arrays::Find(CUarray handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = arrays_.find(handle);
  return found == arrays_.end() ? nullptr : found->second;
}

std::shared_ptr<const MipmappedArray> Arrays::Find(CUmipmappedArray handle) const {
  const std::lock_guard lock(mutex_);
  const auto found = mipmapped_.find(handle);
  return found == mipmapped_.end() ? nullptr : found->second;
}

// Forgotten first: no copy that names it is posted behind its end.
CUresult Arrays::Destroy(CUarray handle) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = arrays_.find(handle);
    if (found == arrays_.end() || found->second->is_level) return CUDA_ERROR_INVALID_HANDLE;
    number = found->second->number;
    arrays_.erase(found);
  }
  return CallDestroy(number);
}

CUresult Arrays::Destroy(CUmipmappedArray handle) {
  std::uint64_t number = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = mipmapped_.find(handle);
    if (found == mipmapped_.end()) return CUDA_ERROR_INVALID_HANDLE;
    number = found->second->number;
    for (const auto& level : found->second->levels) arrays_.erase(level->handle());
    mipmapped_.erase(found);
  }
  return CallDestroy(number);
}

CUresult Arrays::DestroyAllOf(const Context& context) {
  std::vector<CUarray> arrays;
  std::vector<CUmipmappedArray> mipmapped;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [handle, array] : arrays_) {
      if (array->context == &context && !array->is_level) arrays.push_back(array->handle());
    }
    for (const auto& [handle, array] : mipmapped_) {
      if (array->context == &context) mipmapped.push_back(array->handle());
    }
  }
  for (const CUarray array : arrays) {
    if (const CUresult result = Destroy(array); result != CUDA_SUCCESS) return result;
  }
  for (const CUmipmappedArray array : mipmapped) {
    if (const CUresult result = Destroy(array); result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

}  // namespace paella::shim
