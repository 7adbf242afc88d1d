#include "scheduler_daemon/executor/client_arrays.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "ipc/arrays.h"
#include "scheduler_daemon/executor/mapped_memory.h"
#include "scheduler_daemon/executor/transfers.h"

namespace paella::scheduler_daemon {
namespace {

// No array can have more levels: the greatest extent has 17 bits.
constexpr std::uint32_t kMaxLevels = 32;
constexpr std::uint32_t kKnownFlags =
    CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_SURFACE_LDST | CUDA_ARRAY3D_CUBEMAP | CUDA_ARRAY3D_TEXTURE_GATHER;
// Of zeros, which new arrays are filled from; more where a row is longer.
constexpr std::uint64_t kZerosBytes = 4 << 20;

// The executor's own, as in mapped_memory.cc.
const CUstream kStream = CU_STREAM_PER_THREAD;

// From bytes of the wire to a structure of the driver's, which has no pointers.
template <typename Description>
bool ReadDescription(const std::vector<std::byte>& bytes, Description& description) {
  if (bytes.size() != sizeof description) return false;
  std::memcpy(&description, bytes.data(), sizeof description);
  return true;
}

}  // namespace

// Of one creation, not yet in the table.
struct ClientArrays::Made {
  Array array;  // or the mipmapped one
  std::vector<Array> levels;
  std::vector<std::uint64_t> extents;  // of the levels, as the driver tells them
};

ClientArrays::~ClientArrays() {
  for (const auto& [texture, retired] : textures_) driver_.cuTexObjectDestroy(texture);
  for (const auto& [surface, retired] : surfaces_) driver_.cuSurfObjectDestroy(surface);
  for (const auto& [number, array] : arrays_) Release(array);
}

std::optional<ArrayInfo> ClientArrays::Find(std::uint64_t array) const {
  const std::lock_guard lock(mutex_);
  const auto found = arrays_.find(array);
  if (found == arrays_.end() || found->second.array == nullptr || found->second.is_retired) return std::nullopt;
  const Array& own = found->second;
  return ArrayInfo{own.array, own.width_bytes, own.height, own.depth};
}

void ClientArrays::RetireArray(std::uint64_t array) {
  const std::lock_guard lock(mutex_);
  const auto found = arrays_.find(array);
  if (found == arrays_.end() || found->second.is_level) return;  // the call itself tells the client
  found->second.is_retired = true;
  for (const std::uint64_t level : found->second.levels) arrays_.at(level).is_retired = true;
}

bool ClientArrays::Retire(Objects& objects, std::uint64_t object) {
  const std::lock_guard lock(mutex_);
  const auto found = objects.find(object);
  return found != objects.end() && !std::exchange(found->second, true);
}

bool ClientArrays::RetireTexture(std::uint64_t texture) { return Retire(textures_, texture); }
bool ClientArrays::RetireSurface(std::uint64_t surface) { return Retire(surfaces_, surface); }

// Out of the table first: as soon as the driver has its number back, somebody else may get it.
void ClientArrays::DestroyTexture(std::uint64_t texture) {
  {
    const std::lock_guard lock(mutex_);
    textures_.erase(texture);
  }
  driver_.cuTexObjectDestroy(texture);
}

void ClientArrays::DestroySurface(std::uint64_t surface) {
  {
    const std::lock_guard lock(mutex_);
    surfaces_.erase(surface);
  }
  driver_.cuSurfObjectDestroy(surface);
}

void ClientArrays::Release(const Array& array) {
  if (array.is_level) return;
  if (array.array != nullptr) driver_.cuArrayDestroy(array.array);
  if (array.mipmapped != nullptr) driver_.cuMipmappedArrayDestroy(array.mipmapped);
  memory_.Uncount(array.counted_bytes);
}

// All levels that there are; `levels` may be more than that, which the driver cuts down.
CUresult ClientArrays::Make(const CUDA_ARRAY3D_DESCRIPTOR& wanted, std::uint32_t levels, Made& made) {
  const std::uint64_t element_bytes = ipc::ArrayElementBytes(wanted.Format, wanted.NumChannels);
  const auto describe = [&](Array& array, const CUDA_ARRAY3D_DESCRIPTOR& as) {
    array.width_bytes = as.Width * element_bytes;
    array.height = std::max<std::uint64_t>(1, as.Height);
    array.depth = std::max<std::uint64_t>(1, as.Depth);
    made.array.counted_bytes += array.width_bytes * array.height * array.depth;
  };
  if (levels == 0) {
    const CUresult result = driver_.cuArray3DCreate(&made.array.array, &wanted);
    if (result == CUDA_SUCCESS) describe(made.array, wanted);
    return result;
  }
  CUresult result = driver_.cuMipmappedArrayCreate(&made.array.mipmapped, &wanted, levels);
  if (result != CUDA_SUCCESS) return result;
  for (std::uint32_t i = 0; i < std::min(levels, kMaxLevels); ++i) {
    Array level;
    CUDA_ARRAY3D_DESCRIPTOR as{};
    result = driver_.cuMipmappedArrayGetLevel(&level.array, made.array.mipmapped, i);
    if (result == CUDA_ERROR_INVALID_VALUE && i != 0) return CUDA_SUCCESS;  // there are no more
    if (result == CUDA_SUCCESS) result = driver_.cuArray3DGetDescriptor(&as, level.array);
    if (result != CUDA_SUCCESS) return result;
    level.is_level = true;
    describe(level, as);
    made.levels.push_back(std::move(level));
    made.extents.insert(made.extents.end(), {as.Width, as.Height, as.Depth});
  }
  return CUDA_SUCCESS;
}

// The driver has no memset for arrays: zeros are copied in, as many slices or rows at once as there are zeros for.
CUresult ClientArrays::Clear(const Array& array) {
  const std::uint64_t slice_bytes = array.width_bytes * array.height;
  const std::uint64_t zeros_bytes = std::min(slice_bytes * array.depth, std::max(kZerosBytes, array.width_bytes));
  const std::uint64_t slices = std::clamp<std::uint64_t>(zeros_bytes / slice_bytes, 1, array.depth);
  const std::uint64_t rows = std::min(array.height, zeros_bytes / array.width_bytes);
  std::uint64_t zeros = 0;
  CUresult result = memory_.Allocate(zeros_bytes, zeros);
  if (result != CUDA_SUCCESS) return result;
  result = StartClearing(driver_, zeros, zeros_bytes);
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = zeros;
  copy.srcPitch = copy.WidthInBytes = array.width_bytes;
  copy.dstMemoryType = CU_MEMORYTYPE_ARRAY;
  copy.dstArray = array.array;
  for (copy.dstZ = 0; copy.dstZ < array.depth; copy.dstZ += slices) {
    copy.Depth = std::min(slices, array.depth - copy.dstZ);
    for (copy.dstY = 0; copy.dstY < array.height && result == CUDA_SUCCESS; copy.dstY += rows) {
      copy.srcHeight = copy.Height = std::min(rows, array.height - copy.dstY);
      result = driver_.cuMemcpy3DAsync(&copy, kStream);
    }
  }
  if (const CUresult finished = FinishClearing(driver_); result == CUDA_SUCCESS) result = finished;
  memory_.Free(zeros, false);
  return result;
}

void ClientArrays::Keep(Made& made, ipc::ArrayCreateReply& reply) {
  const std::lock_guard lock(mutex_);
  for (Array& level : made.levels) {
    made.array.levels.push_back(next_number_);
    arrays_.emplace(next_number_++, std::move(level));
  }
  reply.levels = made.array.levels;
  reply.extents = std::move(made.extents);
  reply.array = next_number_++;
  arrays_.emplace(reply.array, std::move(made.array));
}

CUresult ClientArrays::Handle(const ipc::ArrayCreate& call, ipc::ArrayCreateReply& reply) {
  if (ipc::ArrayElementBytes(call.format, call.channels) == 0) return CUDA_ERROR_INVALID_VALUE;
  if ((call.flags & ~kKnownFlags) != 0) return CUDA_ERROR_NOT_SUPPORTED;
  {
    const std::lock_guard lock(mutex_);
    if (arrays_.size() + kMaxLevels >= kMaxArrays) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  CUDA_ARRAY3D_DESCRIPTOR wanted{};
  wanted.Width = call.width;
  wanted.Height = call.height;
  wanted.Depth = call.depth;
  wanted.Format = static_cast<CUarray_format>(call.format);
  wanted.NumChannels = call.channels;
  wanted.Flags = call.flags;
  Made made;
  CUresult result = Make(wanted, call.levels, made);
  memory_.Count(made.array.counted_bytes);
  if (result == CUDA_SUCCESS && made.levels.empty()) result = Clear(made.array);
  for (const Array& level : made.levels) {
    if (result == CUDA_SUCCESS) result = Clear(level);
  }
  if (result == CUDA_SUCCESS) {
    Keep(made, reply);
  } else {
    Release(made.array);
  }
  return result;
}

CUresult ClientArrays::Handle(const ipc::ArrayDestroy& call, ipc::ArrayDestroyReply&) {
  Array array;
  {
    const std::lock_guard lock(mutex_);
    const auto found = arrays_.find(call.array);
    if (found == arrays_.end() || found->second.is_level) return CUDA_ERROR_INVALID_HANDLE;
    array = std::move(found->second);
    arrays_.erase(found);
    for (const std::uint64_t level : array.levels) arrays_.erase(level);
  }
  Release(array);
  return CUDA_SUCCESS;
}

// What a texture is of, in the driver's terms, once it is known to be the client's.
CUresult ClientArrays::ReadResource(const ipc::TextureCreate& call, CUDA_RESOURCE_DESC& resource) const {
  const auto format = static_cast<CUarray_format>(call.format);
  const std::uint64_t element_bytes = ipc::ArrayElementBytes(call.format, call.channels);
  std::optional<std::uint64_t> extent;
  // Any other number is refused below, and the description with it.
  if (call.resource_type <= CU_RESOURCE_TYPE_PITCH2D) resource.resType = static_cast<CUresourcetype>(call.resource_type);
  switch (call.resource_type) {
    case CU_RESOURCE_TYPE_ARRAY: {
      const auto array = Find(call.resource);
      if (array) resource.res.array.hArray = array->array;
      return array ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
    }
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY: {
      const std::lock_guard lock(mutex_);
      const auto found = arrays_.find(call.resource);
      const bool is_good = found != arrays_.end() && found->second.mipmapped != nullptr && !found->second.is_retired;
      if (is_good) resource.res.mipmap.hMipmappedArray = found->second.mipmapped;
      return is_good ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
    }
    case CU_RESOURCE_TYPE_LINEAR:
      resource.res.linear = {call.resource, format, call.channels, call.size_bytes};
      extent = call.size_bytes;
      break;
    case CU_RESOURCE_TYPE_PITCH2D: {
      resource.res.pitch2D = {call.resource, format, call.channels, call.width, call.height, call.pitch_bytes};
      std::uint64_t row_bytes = 0;
      if (__builtin_mul_overflow(call.width, element_bytes, &row_bytes)) return CUDA_ERROR_INVALID_VALUE;
      extent = TransferExtent(row_bytes, call.pitch_bytes, call.height, 0, 1);
      break;
    }
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  const bool is_good =
      element_bytes != 0 && extent && *extent != 0 && ranges_.Allow(call.resource, *extent, RangeUse::kRead);
  return is_good ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult ClientArrays::Handle(const ipc::TextureCreate& call, ipc::TextureCreateReply& reply) {
  CUDA_RESOURCE_DESC resource{};
  CUDA_TEXTURE_DESC texture{};
  CUDA_RESOURCE_VIEW_DESC view{};
  const bool has_view = !call.view.empty();
  if (!ReadDescription(call.texture, texture) || (has_view && !ReadDescription(call.view, view))) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (const CUresult result = ReadResource(call, resource); result != CUDA_SUCCESS) return result;
  {
    const std::lock_guard lock(mutex_);
    if (textures_.size() >= kMaxObjects) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  CUtexObject made = 0;
  const CUresult result = driver_.cuTexObjectCreate(&made, &resource, &texture, has_view ? &view : nullptr);
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  textures_.emplace(made, false);
  reply.texture = made;
  return CUDA_SUCCESS;
}

CUresult ClientArrays::Handle(const ipc::SurfaceCreate& call, ipc::SurfaceCreateReply& reply) {
  const auto array = Find(call.array);
  if (!array) return CUDA_ERROR_INVALID_HANDLE;
  {
    const std::lock_guard lock(mutex_);
    if (surfaces_.size() >= kMaxObjects) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  CUDA_RESOURCE_DESC resource{};
  resource.resType = CU_RESOURCE_TYPE_ARRAY;
  resource.res.array.hArray = array->array;
  CUsurfObject made = 0;
  const CUresult result = driver_.cuSurfObjectCreate(&made, &resource);
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  surfaces_.emplace(made, false);
  reply.surface = made;
  return CUDA_SUCCESS;
}

}  // namespace paella::scheduler_daemon
