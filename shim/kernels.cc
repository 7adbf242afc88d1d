#include "shim/kernels.h"

#include <algorithm>

namespace paella::shim {
namespace {

constexpr std::uint64_t kMaxParameterBytes = 64 * 1024;  // CUDA's own limit is 32,764

}  // namespace

bool Describe(const ipc::LibraryGetKernelReply& reply, Kernel& kernel) {
  const std::size_t count = reply.parameter_offsets_bytes.size();
  if (reply.parameter_sizes_bytes.size() != count) return false;
  std::uint64_t covered = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t offset = reply.parameter_offsets_bytes[i], size = reply.parameter_sizes_bytes[i];
    if (offset > kMaxParameterBytes || size > kMaxParameterBytes) return false;
    kernel.parameters.push_back({static_cast<std::uint32_t>(offset), static_cast<std::uint32_t>(size)});
    kernel.parameter_bytes = std::max<std::size_t>(kernel.parameter_bytes, offset + size);
    covered += size;
  }
  kernel.parameters_have_gaps = covered != kernel.parameter_bytes;
  kernel.number = reply.kernel;
  kernel.prints = reply.prints != 0;
  kernel.attribute_count = static_cast<int>(std::min<std::size_t>(reply.attributes.size(), kKernelAttributes));
  for (int i = 0; i < kernel.attribute_count; ++i) kernel.attributes[i] = reply.attributes[i];
  return true;
}

}  // namespace paella::shim
