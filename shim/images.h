// What a program hands to the driver as code: a fat binary, its wrapper, an ELF file or PTX text, with no size given.
// Finds where the bytes are and how many. Any thread. Owns nothing.
#ifndef PAELLA_SHIM_IMAGES_H_
#define PAELLA_SHIM_IMAGES_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "shim/cuda_api.h"

namespace paella::shim {

inline constexpr std::size_t kMaxImageBytes = std::size_t{2} << 30;

// The bytes to send to the daemon; a wrapper is taken off. Nothing: this is no image.
std::optional<std::span<const std::byte>> FindImage(const void* image);

// A file's bytes: an image, or what is to become one.
CUresult ReadFile(const char* path, std::vector<std::byte>& bytes);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_IMAGES_H_
