// Texture and surface objects as kernels see them: a number, behind which is where the elements lie and how they are read.
//
// Any thread: the driver's functions make and destroy them, workers look them up. An element's memory is the array's, or
// linear memory; whoever reads it checks that it is still there.
#ifndef PAELLA_TESTS_SIMULATED_GPU_IMAGES_H_
#define PAELLA_TESTS_SIMULATED_GPU_IMAGES_H_

#include <cuda.h>

#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <unordered_map>

namespace paella::simulated_gpu {

// Elements of a box, row by row. Extents that it does not have are 1; layers are slices.
struct Image {
  std::uintptr_t address = 0;
  std::uint64_t width = 0, height = 1, depth = 1;
  std::uint64_t pitch_bytes = 0, slice_bytes = 0;
  CUarray_format format = CU_AD_FORMAT_UNSIGNED_INT8;
  unsigned channels = 1;
  std::uint64_t element_bytes = 1;
};

// Bytes of an element, or 0: not simulated.
inline std::uint64_t ElementBytes(CUarray_format format, unsigned channels) {
  if (channels != 1 && channels != 2 && channels != 4) return 0;
  switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8: return channels;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF: return 2ull * channels;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT: return 4ull * channels;
    default: return 0;
  }
}

struct Texture {
  Image image;
  CUDA_TEXTURE_DESC description{};
  bool is_layered = false;
};

// One list for each kind of object; numbers are never used again.
template <typename Object>
class ObjectNumbers {
 public:
  static ObjectNumbers& Get() {
    static ObjectNumbers* const numbers = new ObjectNumbers;  // workers may outlive static destructors
    return *numbers;
  }
  std::uint64_t Add(Object object) {
    const std::lock_guard lock(mutex_);
    objects_[next_] = std::make_shared<const Object>(std::move(object));
    return next_++;
  }
  bool Remove(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    return objects_.erase(number) == 1;
  }
  std::shared_ptr<const Object> Find(std::uint64_t number) const {
    const std::shared_lock lock(mutex_);
    const auto found = objects_.find(number);
    return found == objects_.end() ? nullptr : found->second;
  }

 private:
  mutable std::shared_mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<const Object>> objects_;
  std::uint64_t next_ = 1;
};
using Textures = ObjectNumbers<Texture>;
using Surfaces = ObjectNumbers<Image>;

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_IMAGES_H_
