// Writes a launch straight into the ring: the same bytes as ipc::LaunchKernel's Encode, with nothing allocated and each
// parameter copied once, from the program's variable to its place in the record. Any thread.
#ifndef PAELLA_SHIM_LAUNCH_ENCODING_H_
#define PAELLA_SHIM_LAUNCH_ENCODING_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "shim/kernels.h"

namespace paella::shim {

struct LaunchShape {
  std::uint32_t grid[3];
  std::uint32_t block[3];
  std::uint32_t shared_bytes;
};

// Where a launch's parameters are: one pointer each, or one block (CU_LAUNCH_PARAM_BUFFER_POINTER).
struct LaunchParameters {
  void* const* pointers = nullptr;
  const void* block = nullptr;  // at least the kernel's parameter_bytes
};

// The fields before the attributes; a test holds it against the description of the message.
struct [[gnu::packed]] LaunchRecordHead {
  std::uint32_t stream;
  std::uint64_t sequence;
  std::uint64_t kernel;
  LaunchShape shape;
  std::uint32_t attribute_bytes;
};

inline std::size_t LaunchRecordBytes(const Kernel& kernel, std::size_t attribute_bytes) {
  return sizeof(LaunchRecordHead) + attribute_bytes + sizeof(std::uint32_t) + kernel.parameter_bytes;
}

inline void EncodeParameters(std::byte* out, const Kernel& kernel, const LaunchParameters& parameters) {
  if (parameters.block != nullptr) {
    std::memcpy(out, parameters.block, kernel.parameter_bytes);
    return;
  }
  if (kernel.parameters_have_gaps) std::memset(out, 0, kernel.parameter_bytes);
  std::size_t i = 0;
  for (const KernelParameter& parameter : kernel.parameters) {
    const void* const value = parameters.pointers[i++];
    switch (parameter.size_bytes) {  // nearly all parameters: one move instead of a call of memcpy
      case 4: std::memcpy(out + parameter.offset_bytes, value, 4); break;
      case 8: std::memcpy(out + parameter.offset_bytes, value, 8); break;
      default: std::memcpy(out + parameter.offset_bytes, value, parameter.size_bytes);
    }
  }
}

// `out` is LaunchRecordBytes() long.
inline void EncodeLaunch(std::span<std::byte> out, std::uint32_t stream, std::uint64_t sequence, const Kernel& kernel,
                         const LaunchShape& shape, std::span<const std::byte> attributes,
                         const LaunchParameters& parameters) {
  const LaunchRecordHead head{stream, sequence, kernel.number, shape, static_cast<std::uint32_t>(attributes.size())};
  std::byte* at = out.data();
  std::memcpy(at, &head, sizeof head);
  at += sizeof head;
  if (!attributes.empty()) std::memcpy(at, attributes.data(), attributes.size());
  at += attributes.size();
  const auto parameter_bytes = static_cast<std::uint32_t>(kernel.parameter_bytes);
  std::memcpy(at, &parameter_bytes, sizeof parameter_bytes);
  EncodeParameters(at + sizeof parameter_bytes, kernel, parameters);
}

}  // namespace paella::shim

#endif  // PAELLA_SHIM_LAUNCH_ENCODING_H_
