// Arrays and mipmapped arrays: device memory that is laid out row by row, which no real GPU does and no program can see.
//
// Made and looked up by the API's functions on any thread.
#ifndef PAELLA_TESTS_SIMULATED_GPU_ARRAYS_H_
#define PAELLA_TESTS_SIMULATED_GPU_ARRAYS_H_

#include <cuda.h>

#include <memory>
#include <vector>

#include "tests/simulated_gpu/images.h"
#include "tests/simulated_gpu/objects.h"

namespace paella::simulated_gpu {

struct Array {
  Context* context = nullptr;
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  Image image;
  bool is_level = false;  // of a mipmapped array, which owns its memory
};

struct MipmappedArray {
  Context* context = nullptr;
  std::uintptr_t address = 0;
  std::vector<Array*> levels;  // handles
};

CUresult CreateArray(Context* context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, std::shared_ptr<Array>& array);
CUresult CreateMipmappedArray(Context* context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned levels,
                              std::shared_ptr<MipmappedArray>& array);

// Null for what is none.
inline std::shared_ptr<Array> FindArray(CUarray handle) { return Handles<Array>::Get().Find(handle); }

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_ARRAYS_H_
