// What CUDA reports at once about a launch: where its parameters are, its shape, its attributes. For launches in
// streams and for kernel nodes of graphs. In a header, because the hottest path of the shim is among its callers.
#ifndef PAELLA_SHIM_LAUNCH_CHECKS_H_
#define PAELLA_SHIM_LAUNCH_CHECKS_H_

#include <span>

#include "shim/client.h"
#include "shim/launch_encoding.h"
#include "shim/occupancy.h"
#include "shim/unsupported.h"

namespace paella::shim {

inline constexpr std::size_t kMaxLaunchAttributes = 64;

// The program's list of CU_LAUNCH_PARAM_*: a block of parameters and its size.
inline bool ReadExtra(void** extra, const Kernel& kernel, LaunchParameters& parameters) {
  const void* block = nullptr;
  const std::size_t* size = nullptr;
  for (; *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER) {
      block = extra[1];
    } else if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE) {
      size = static_cast<const std::size_t*>(extra[1]);
    } else {
      return false;
    }
  }
  if (kernel.parameters.empty()) return true;
  if (block == nullptr || size == nullptr || *size < kernel.parameter_bytes) return false;
  parameters.block = block;
  return true;
}

inline bool FindParameters(void** pointers, void** extra, const Kernel& kernel, LaunchParameters& parameters) {
  if (extra != nullptr) return pointers == nullptr && ReadExtra(extra, kernel, parameters);
  if (pointers == nullptr && !kernel.parameters.empty()) return false;
  parameters.pointers = pointers;
  return true;
}

// A block that the device could run, but not with as many registers as the kernel has, is an error of its own.
inline bool HasTooManyRegisters(const Client& client, const Kernel& kernel, std::uint64_t threads) {
  const auto device_limit = [&](CUdevice_attribute which) {
    return static_cast<std::uint64_t>(DeviceAttribute(client, which));
  };
  const auto registers = static_cast<std::uint64_t>(kernel.attribute(CU_FUNC_ATTRIBUTE_NUM_REGS));
  return threads <= device_limit(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK) &&
         threads * registers > device_limit(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK);
}

inline CUresult CheckShape(const Client& client, const LaunchShape& shape, const Kernel& kernel) {
  constexpr std::uint64_t kMaxGridX = 0x7fffffff, kMaxGridYZ = 65535, kMaxBlockXY = 1024, kMaxBlockZ = 64;
  const auto& [grid, block, shared_bytes] = shape;
  for (int i = 0; i < 3; ++i) {
    if (grid[i] == 0 || block[i] == 0) return CUDA_ERROR_INVALID_VALUE;
  }
  if (grid[0] > kMaxGridX || grid[1] > kMaxGridYZ || grid[2] > kMaxGridYZ) return CUDA_ERROR_INVALID_VALUE;
  if (block[0] > kMaxBlockXY || block[1] > kMaxBlockXY || block[2] > kMaxBlockZ) return CUDA_ERROR_INVALID_VALUE;
  const std::uint64_t threads = std::uint64_t{block[0]} * block[1] * block[2];
  if (threads > static_cast<std::uint64_t>(kernel.attribute(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK))) [[unlikely]] {
    return HasTooManyRegisters(client, kernel, threads) ? CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES : CUDA_ERROR_INVALID_VALUE;
  }
  const auto most_shared = static_cast<unsigned>(kernel.attribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES));
  return shared_bytes <= most_shared ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

inline bool ClusterIsValid(const CUlaunchAttributeValue& value, const LaunchShape& shape) {
  const unsigned cluster[] = {value.clusterDim.x, value.clusterDim.y, value.clusterDim.z};
  for (int i = 0; i < 3; ++i) {
    if (cluster[i] == 0 || shape.grid[i] % cluster[i] != 0) return false;
  }
  return true;
}

inline CUresult CheckAttribute(Client& client, Kernel& kernel, const LaunchShape& shape,
                               const CUlaunchAttribute& attribute) {
  switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
      return attribute.value.cooperative != 0 ? CheckCooperativeGrid(client, kernel, shape) : CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
      return ClusterIsValid(attribute.value, shape) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CLUSTER_SIZE;
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
    case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
    case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE:
      // These carry handles of this process, which mean nothing on the other side.
      return UnsupportedForm("a launch attribute with an event or a graph node");
    default: {
      const bool known = attribute.id >= 0 && attribute.id <= CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING;
      return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    }
  }
}

inline CUresult CheckAttributes(Client& client, Kernel& kernel, const LaunchShape& shape,
                                std::span<const CUlaunchAttribute> attributes) {
  if (attributes.size() > kMaxLaunchAttributes) return CUDA_ERROR_INVALID_VALUE;
  for (const CUlaunchAttribute& attribute : attributes) {
    const CUresult result = CheckAttribute(client, kernel, shape, attribute);
    if (result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

}  // namespace paella::shim

#endif  // PAELLA_SHIM_LAUNCH_CHECKS_H_
