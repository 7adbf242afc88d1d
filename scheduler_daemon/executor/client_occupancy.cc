// The part of ClientObjects that answers questions about how kernels fill the GPU, and encodes tensor maps.
#include <algorithm>
#include <cstring>
#include <limits>

#include "scheduler_daemon/executor/client_objects.h"
#include "scheduler_daemon/executor/launch.h"

namespace paella::scheduler_daemon {
namespace {

// What the driver does not know: that this client may use less than another has asked for.
std::uint64_t DynamicSharedLimit(const KernelInfo& kernel) {
  constexpr std::uint64_t kAsTheDriverSays = std::numeric_limits<std::uint64_t>::max();
  const auto allowed = static_cast<std::uint64_t>(kernel.module->AllowedDynamicShared(*kernel.in_module));
  return allowed > kernel.most_dynamic_shared_bytes ? kernel.most_dynamic_shared_bytes : kAsTheDriverSays;
}

}  // namespace

CUresult ClientObjects::Handle(const ipc::KernelOccupancy& call, ipc::KernelOccupancyReply& reply) {
  const auto kernel = FindKernel(call.kernel);
  if (!kernel) return CUDA_ERROR_INVALID_HANDLE;
  const CUresult result = driver_.cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
      &reply.blocks_per_multiprocessor, kernel->in_module->function, call.block_threads, call.dynamic_shared_bytes,
      call.flags);
  // The driver's answer of old to a launch that the kernel does not allow.
  if (call.dynamic_shared_bytes > DynamicSharedLimit(*kernel)) reply.blocks_per_multiprocessor = 0;
  return result;
}

CUresult ClientObjects::Handle(const ipc::KernelAvailableShared& call, ipc::KernelAvailableSharedReply& reply) {
  const auto kernel = FindKernel(call.kernel);
  if (!kernel) return CUDA_ERROR_INVALID_HANDLE;
  std::size_t bytes = 0;
  const CUresult result = driver_.cuOccupancyAvailableDynamicSMemPerBlock(&bytes, kernel->in_module->function,
                                                                          call.blocks, call.block_threads);
  reply.dynamic_shared_bytes = std::min<std::uint64_t>(bytes, DynamicSharedLimit(*kernel));
  return result;
}

CUresult ClientObjects::Handle(const ipc::KernelMaxClusters& call, ipc::KernelMaxClustersReply& reply) {
  const auto kernel = FindKernel(call.kernel);
  if (!kernel) return CUDA_ERROR_INVALID_HANDLE;
  auto attributes = CheckAttributes(call.attributes);
  if (!attributes) return CUDA_ERROR_INVALID_VALUE;
  CUlaunchConfig config{};
  config.gridDimX = call.grid_x;
  config.gridDimY = call.grid_y;
  config.gridDimZ = call.grid_z;
  config.blockDimX = call.block_x;
  config.blockDimY = call.block_y;
  config.blockDimZ = call.block_z;
  config.sharedMemBytes = call.shared_bytes;
  config.attrs = attributes->data();
  config.numAttrs = static_cast<unsigned>(attributes->size());
  const auto ask = call.potential_size != 0 ? driver_.cuOccupancyMaxPotentialClusterSize
                                            : driver_.cuOccupancyMaxActiveClusters;
  if (ask == nullptr) return CUDA_ERROR_NOT_SUPPORTED;
  const CUresult result = ask(&reply.clusters, kernel->in_module->function, &config);
  if (call.shared_bytes > DynamicSharedLimit(*kernel)) reply.clusters = 0;
  return result;
}

CUresult ClientObjects::Handle(const ipc::EncodeTensorMap& call, ipc::EncodeTensorMapReply& reply) {
  if (driver_.cuTensorMapEncodeTiled == nullptr) return CUDA_ERROR_NOT_SUPPORTED;
  // The driver reads as many numbers as the rank says.
  if (call.rank == 0 || call.dimensions.size() != call.rank || call.strides_bytes.size() != call.rank - 1 ||
      call.box.size() != call.rank || call.element_strides.size() != call.rank) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  // Of one dimension there are none, and the driver refuses a null pointer all the same.
  const std::uint64_t no_strides = 0;
  CUtensorMap map{};
  const CUresult result = driver_.cuTensorMapEncodeTiled(
      &map, static_cast<CUtensorMapDataType>(call.data_type), call.rank, reinterpret_cast<void*>(call.address),
      call.dimensions.data(), call.rank == 1 ? &no_strides : call.strides_bytes.data(), call.box.data(),
      call.element_strides.data(),
      static_cast<CUtensorMapInterleave>(call.interleave), static_cast<CUtensorMapSwizzle>(call.swizzle),
      static_cast<CUtensorMapL2promotion>(call.l2_promotion), static_cast<CUtensorMapFloatOOBfill>(call.out_of_bounds_fill));
  reply.tensor_map.resize(sizeof map);
  std::memcpy(reply.tensor_map.data(), &map, sizeof map);
  return result;
}

}  // namespace paella::scheduler_daemon
