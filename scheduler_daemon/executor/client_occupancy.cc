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

void GiveTensorMap(const CUtensorMap& map, std::vector<std::byte>& bytes) {
  bytes.resize(sizeof map);
  std::memcpy(bytes.data(), &map, sizeof map);
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

CUresult ClientObjects::Handle(const ipc::ReplaceTensorMapAddress& call, ipc::ReplaceTensorMapAddressReply& reply) {
  if (driver_.cuTensorMapReplaceAddress == nullptr) return CUDA_ERROR_NOT_SUPPORTED;
  CUtensorMap map{};
  if (call.tensor_map.size() != sizeof map) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(&map, call.tensor_map.data(), sizeof map);
  const CUresult result = driver_.cuTensorMapReplaceAddress(&map, reinterpret_cast<void*>(call.address));
  GiveTensorMap(map, reply.tensor_map);
  return result;
}

CUresult ClientObjects::Handle(const ipc::EncodeTensorMapIm2col& call, ipc::EncodeTensorMapIm2colReply& reply) {
  // The driver reads as many numbers as the rank says; of the box of pixels two fewer, without channels and images.
  const std::size_t corner_numbers = call.wide != 0 ? 1 : std::size_t{call.rank} - 2;
  if (call.rank < 3 || call.dimensions.size() != call.rank || call.strides_bytes.size() != call.rank - 1 ||
      call.lower_corner.size() != corner_numbers || call.upper_corner.size() != corner_numbers ||
      call.element_strides.size() != call.rank) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const auto data_type = static_cast<CUtensorMapDataType>(call.data_type);
  const auto address = reinterpret_cast<void*>(call.address);
  const auto interleave = static_cast<CUtensorMapInterleave>(call.interleave);
  const auto swizzle = static_cast<CUtensorMapSwizzle>(call.swizzle);
  const auto l2_promotion = static_cast<CUtensorMapL2promotion>(call.l2_promotion);
  const auto fill = static_cast<CUtensorMapFloatOOBfill>(call.out_of_bounds_fill);
  CUtensorMap map{};
  CUresult result = CUDA_ERROR_NOT_SUPPORTED;
  if (call.wide == 0 && driver_.cuTensorMapEncodeIm2col != nullptr) {
    result = driver_.cuTensorMapEncodeIm2col(&map, data_type, call.rank, address, call.dimensions.data(),
                                             call.strides_bytes.data(), call.lower_corner.data(),
                                             call.upper_corner.data(), call.channels_per_pixel, call.pixels_per_column,
                                             call.element_strides.data(), interleave, swizzle, l2_promotion, fill);
  } else if (call.wide != 0 && driver_.cuTensorMapEncodeIm2colWide != nullptr) {
    result = driver_.cuTensorMapEncodeIm2colWide(
        &map, data_type, call.rank, address, call.dimensions.data(), call.strides_bytes.data(), call.lower_corner[0],
        call.upper_corner[0], call.channels_per_pixel, call.pixels_per_column, call.element_strides.data(), interleave,
        static_cast<CUtensorMapIm2ColWideMode>(call.mode), swizzle, l2_promotion, fill);
  }
  GiveTensorMap(map, reply.tensor_map);
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
  GiveTensorMap(map, reply.tensor_map);
  return result;
}

}  // namespace paella::scheduler_daemon
