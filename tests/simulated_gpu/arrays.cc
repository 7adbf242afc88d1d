#include "tests/simulated_gpu/arrays.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tests/simulated_gpu/allocations.h"
#include "tests/simulated_gpu/settings.h"

namespace paella::simulated_gpu {
namespace {

constexpr unsigned kKnownFlags = CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_SURFACE_LDST | CUDA_ARRAY3D_CUBEMAP |
                                 CUDA_ARRAY3D_TEXTURE_GATHER;

// As CUDA's documentation tells for this compute capability.
bool FitsDevice(const CUDA_ARRAY3D_DESCRIPTOR& d) {
  const bool is_layered = (d.Flags & CUDA_ARRAY3D_LAYERED) != 0;
  if (d.Width == 0 || (is_layered && d.Depth == 0)) return false;
  if (is_layered) return d.Width <= 32768 && d.Height <= 32768 && d.Depth <= 2048;
  if (d.Depth != 0) return d.Height != 0 && d.Width <= 16384 && d.Height <= 16384 && d.Depth <= 16384;
  return d.Height != 0 ? d.Width <= 131072 && d.Height <= 65536 : d.Width <= 131072;
}

bool IsCubeIfItSays(const CUDA_ARRAY3D_DESCRIPTOR& d) {
  if ((d.Flags & CUDA_ARRAY3D_CUBEMAP) == 0) return true;
  const bool is_layered = (d.Flags & CUDA_ARRAY3D_LAYERED) != 0;
  return d.Width == d.Height && (is_layered ? d.Depth % 6 == 0 : d.Depth == 6);
}

CUresult Check(const CUDA_ARRAY3D_DESCRIPTOR& d) {
  if ((d.Flags & ~kKnownFlags) != 0 || ElementBytes(d.Format, d.NumChannels) == 0) return CUDA_ERROR_INVALID_VALUE;
  return FitsDevice(d) && IsCubeIfItSays(d) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

Image Describe(const CUDA_ARRAY3D_DESCRIPTOR& d) {
  Image image;
  image.width = d.Width;
  image.height = std::max<std::size_t>(1, d.Height);
  image.depth = std::max<std::size_t>(1, d.Depth);
  image.format = d.Format;
  image.channels = d.NumChannels;
  image.element_bytes = ElementBytes(d.Format, d.NumChannels);
  image.pitch_bytes = image.width * image.element_bytes;
  image.slice_bytes = image.pitch_bytes * image.height;
  return image;
}

std::size_t BytesOf(const Image& image) { return image.slice_bytes * image.depth; }

// New memory is full of what the settings say.
CUresult Allocate(Context* context, std::size_t bytes, std::uintptr_t& address) {
  const CUresult result = Allocations::Get().Allocate(bytes, RangeKind::kDevice, context, address);
  const std::uint32_t byte = Settings::Get().new_memory_byte;
  if (result == CUDA_SUCCESS && byte != 0) std::memset(reinterpret_cast<void*>(address), static_cast<int>(byte), bytes);
  return result;
}

// Each extent that there is halves; layers do not.
CUDA_ARRAY3D_DESCRIPTOR NextLevel(CUDA_ARRAY3D_DESCRIPTOR d) {
  const bool keeps_depth = (d.Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP)) != 0;
  d.Width = std::max<std::size_t>(1, d.Width / 2);
  if (d.Height != 0) d.Height = std::max<std::size_t>(1, d.Height / 2);
  if (d.Depth != 0 && !keeps_depth) d.Depth = std::max<std::size_t>(1, d.Depth / 2);
  return d;
}

unsigned MostLevels(const CUDA_ARRAY3D_DESCRIPTOR& d) {
  const bool keeps_depth = (d.Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP)) != 0;
  const std::size_t greatest = std::max({d.Width, d.Height, keeps_depth ? std::size_t{0} : d.Depth});
  return static_cast<unsigned>(std::bit_width(greatest));
}

}  // namespace

CUresult CreateArray(Context* context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, std::shared_ptr<Array>& array) {
  if (const CUresult result = Check(descriptor); result != CUDA_SUCCESS) return result;
  array = std::make_shared<Array>();
  array->context = context;
  array->descriptor = descriptor;
  array->image = Describe(descriptor);
  return Allocate(context, BytesOf(array->image), array->image.address);
}

CUresult CreateMipmappedArray(Context* context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned levels,
                              std::shared_ptr<MipmappedArray>& array) {
  if (const CUresult result = Check(descriptor); result != CUDA_SUCCESS) return result;
  std::vector<std::shared_ptr<Array>> made;
  std::size_t bytes = 0;
  CUDA_ARRAY3D_DESCRIPTOR next = descriptor;
  for (unsigned i = 0; i < std::clamp(levels, 1u, MostLevels(descriptor)); ++i, next = NextLevel(next)) {
    auto level = std::make_shared<Array>();
    level->context = context;
    level->descriptor = next;
    level->image = Describe(next);
    level->image.address = bytes;  // from the memory's start
    level->is_level = true;
    bytes += (BytesOf(level->image) + 511) & ~std::size_t{511};
    made.push_back(std::move(level));
  }
  array = std::make_shared<MipmappedArray>();
  array->context = context;
  if (const CUresult result = Allocate(context, bytes, array->address); result != CUDA_SUCCESS) return result;
  for (auto& level : made) {
    level->image.address += array->address;
    array->levels.push_back(Handles<Array>::Get().Add(std::move(level)));
  }
  return CUDA_SUCCESS;
}

}  // namespace paella::simulated_gpu
