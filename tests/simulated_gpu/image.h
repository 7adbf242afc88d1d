// Finds the PTX text in what a program hands to cuModuleLoadData: text, a fat binary, or nvcc's wrapper around one.
//
// Pure; any thread. The view points into the image.
#ifndef PAELLA_TESTS_SIMULATED_GPU_IMAGE_H_
#define PAELLA_TESTS_SIMULATED_GPU_IMAGE_H_

#include <string_view>

namespace paella::simulated_gpu {

enum class ImageKind {
  kPtx,         // `ptx` is set
  kNoPtx,       // machine code only, or PTX that is compressed
  kUnknown,     // nothing that a driver takes
};

ImageKind FindPtx(const void* image, std::string_view& ptx);

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_IMAGE_H_
