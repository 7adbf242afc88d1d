#include "shim/occupancy.h"

namespace paella::shim {

int DeviceAttribute(const Client& client, CUdevice_attribute attribute) {
  const auto& attributes = client.welcome.attributes;
  return static_cast<std::size_t>(attribute) < attributes.size() ? attributes[attribute] : 0;
}

CUresult BlocksPerMultiprocessor(Client& client, Kernel& kernel, int block_threads, std::size_t dynamic_shared_bytes,
                                 unsigned flags, int& blocks) {
  const std::lock_guard lock(kernel.mutex);
  const auto key = std::make_tuple(block_threads, dynamic_shared_bytes, flags);
  if (const auto known = kernel.occupancy.find(key); known != kernel.occupancy.end()) {
    blocks = known->second;
    return CUDA_SUCCESS;
  }
  ipc::KernelOccupancy message;
  message.kernel = kernel.number;
  message.block_threads = block_threads;
  message.dynamic_shared_bytes = dynamic_shared_bytes;
  message.flags = flags;
  ipc::KernelOccupancyReply reply;
  const CUresult result = client.submission.Call(message, reply);
  if (result != CUDA_SUCCESS) return result;
  constexpr std::size_t kMostAnswers = 4096;
  if (kernel.occupancy.size() >= kMostAnswers) kernel.occupancy.clear();
  kernel.occupancy.emplace(key, reply.blocks_per_multiprocessor);
  blocks = reply.blocks_per_multiprocessor;
  return CUDA_SUCCESS;
}

CUresult CheckCooperativeGrid(Client& client, Kernel& kernel, const LaunchShape& shape) noexcept try {
  const auto threads = static_cast<int>(shape.block[0] * shape.block[1] * shape.block[2]);
  int blocks = 0;
  const CUresult result =
      BlocksPerMultiprocessor(client, kernel, threads, shape.shared_bytes, CU_OCCUPANCY_DEFAULT, blocks);
  if (result != CUDA_SUCCESS) return result;
  const int multiprocessors = DeviceAttribute(client, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  const auto room = static_cast<unsigned __int128>(blocks) * static_cast<unsigned>(multiprocessors);
  const auto wanted = static_cast<unsigned __int128>(shape.grid[0]) * shape.grid[1] * shape.grid[2];
  return wanted <= room ? CUDA_SUCCESS : CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
} catch (...) {
  return CUDA_ERROR_OUT_OF_MEMORY;
}

}  // namespace paella::shim
