#include "scheduler_daemon/executor/launch.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace paella::scheduler_daemon {
namespace {

bool IsPermitted(CUlaunchAttributeID attribute) {
  switch (attribute) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP: return true;
    default: return false;
  }
}

// Known, and without effect here: priorities are the policy's business, and the L2 window is shared by all tenants.
bool IsIgnored(CUlaunchAttributeID attribute) {
  return attribute == CU_LAUNCH_ATTRIBUTE_PRIORITY || attribute == CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW ||
         attribute == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY;
}

}  // namespace

std::optional<std::vector<CUlaunchAttribute>> CheckAttributes(const std::vector<std::byte>& bytes) {
  if (bytes.size() % sizeof(CUlaunchAttribute) != 0) return std::nullopt;
  std::vector<CUlaunchAttribute> attributes(bytes.size() / sizeof(CUlaunchAttribute));
  if (!bytes.empty()) std::memcpy(attributes.data(), bytes.data(), bytes.size());
  std::erase_if(attributes, [](const CUlaunchAttribute& attribute) { return IsIgnored(attribute.id); });
  if (!std::ranges::all_of(attributes, [](const auto& attribute) { return IsPermitted(attribute.id); })) return std::nullopt;
  return attributes;
}

std::optional<Launch> CheckLaunch(ipc::LaunchKernel message, const KernelInfo& kernel) {
  Launch launch;
  if (message.parameters.size() != kernel.in_module->parameter_bytes) return std::nullopt;
  auto attributes = CheckAttributes(message.attributes);
  if (!attributes) return std::nullopt;
  launch.attributes = std::move(*attributes);
  launch.function = kernel.in_module->function;
  launch.prints = kernel.in_module->prints;
  launch.asserts = kernel.in_module->asserts;
  launch.most_dynamic_shared_bytes = kernel.most_dynamic_shared_bytes;
  launch.config = {};
  launch.config.gridDimX = message.grid_x;
  launch.config.gridDimY = message.grid_y;
  launch.config.gridDimZ = message.grid_z;
  launch.config.blockDimX = message.block_x;
  launch.config.blockDimY = message.block_y;
  launch.config.blockDimZ = message.block_z;
  launch.config.sharedMemBytes = message.shared_bytes;
  launch.parameters = std::move(message.parameters);
  return launch;
}

CUresult Launch::Issue(const Driver& driver, CUstream stream) {
  // The driver would say so itself, had nobody else asked for more.
  if (config.sharedMemBytes > most_dynamic_shared_bytes) return CUDA_ERROR_INVALID_VALUE;
  config.hStream = stream;
  config.attrs = attributes.data();
  config.numAttrs = static_cast<unsigned>(attributes.size());
  std::size_t size = parameters.size();
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, parameters.data(), CU_LAUNCH_PARAM_BUFFER_SIZE, &size,
                   CU_LAUNCH_PARAM_END};
  return driver.cuLaunchKernelEx(&config, function, nullptr, size == 0 ? nullptr : extra);
}

}  // namespace paella::scheduler_daemon
