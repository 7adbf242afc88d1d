// Occupancy and tensor maps.
#include <algorithm>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/occupancy.h"

using namespace paella::shim;
namespace ipc = paella::ipc;

namespace {

CUresult EnterKernel(Client*& client, const void* handle, Kernel*& kernel) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  kernel = client->libraries.FindKernel(handle);
  return kernel != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

bool FlagsAreKnown(unsigned flags) { return (flags & ~unsigned{CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE}) == 0; }

CUresult Occupancy(int* blocks, const void* handle, int block_threads, std::size_t shared_bytes, unsigned flags) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, handle, kernel); result != CUDA_SUCCESS) return result;
  if (blocks == nullptr || block_threads <= 0 || !FlagsAreKnown(flags)) return CUDA_ERROR_INVALID_VALUE;
  return BlocksPerMultiprocessor(*client, *kernel, block_threads, shared_bytes, flags, *blocks);
}

// The search that cuda_occupancy.h documents: block sizes downwards in whole warps, the first that keeps the most
// threads on a multiprocessor.
CUresult BestBlockSize(int* grid, int* block, CUfunction handle, CUoccupancyB2DSize shared_of_block,
                       std::size_t shared_bytes, int limit, unsigned flags) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, handle, kernel); result != CUDA_SUCCESS) return result;
  if (grid == nullptr || block == nullptr || limit < 0 || !FlagsAreKnown(flags)) return CUDA_ERROR_INVALID_VALUE;
  const int warp = std::max(DeviceAttribute(*client, CU_DEVICE_ATTRIBUTE_WARP_SIZE), 1);
  const int most_resident = DeviceAttribute(*client, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR);
  const int device_limit = std::min(DeviceAttribute(*client, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK),
                                    kernel->attribute(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK));
  const int most = limit > 0 ? std::min(limit, device_limit) : device_limit;
  int best_resident = 0, best_block = 0, best_blocks = 0;
  for (int aligned = (most + warp - 1) / warp * warp; aligned > 0; aligned -= warp) {
    const int threads = std::min(most, aligned);
    const std::size_t shared = shared_of_block != nullptr ? shared_of_block(threads) : shared_bytes;
    int blocks = 0;
    const CUresult result = BlocksPerMultiprocessor(*client, *kernel, threads, shared, flags, blocks);
    if (result != CUDA_SUCCESS) return result;
    if (blocks * threads > best_resident) {
      best_resident = blocks * threads;
      best_block = threads;
      best_blocks = blocks;
    }
    if (best_resident == most_resident) break;
  }
  *block = best_block;
  *grid = best_blocks * DeviceAttribute(*client, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  return CUDA_SUCCESS;
}

CUresult Clusters(int* clusters, CUfunction handle, const CUlaunchConfig* config, bool potential_size) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, handle, kernel); result != CUDA_SUCCESS) return result;
  if (clusters == nullptr || config == nullptr || (config->attrs == nullptr && config->numAttrs != 0)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  ipc::KernelMaxClusters message;
  message.kernel = kernel->number;
  message.grid_x = config->gridDimX;
  message.grid_y = config->gridDimY;
  message.grid_z = config->gridDimZ;
  message.block_x = config->blockDimX;
  message.block_y = config->blockDimY;
  message.block_z = config->blockDimZ;
  message.shared_bytes = config->sharedMemBytes;
  const auto* const attributes = reinterpret_cast<const std::byte*>(config->attrs);
  message.attributes.assign(attributes, attributes + config->numAttrs * sizeof(CUlaunchAttribute));
  message.potential_size = potential_size;
  ipc::KernelMaxClustersReply reply;
  const CUresult result = client->submission.Call(message, reply);
  if (result == CUDA_SUCCESS) *clusters = reply.clusters;
  return result;
}

}  // namespace

CUresult paella_cuOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, CUfunction func, int blockSize,
                                                            size_t dynamicSMemSize) {
  return Occupancy(numBlocks, func, blockSize, dynamicSMemSize, CU_OCCUPANCY_DEFAULT);
}

CUresult paella_cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* numBlocks, CUfunction func, int blockSize,
                                                                     size_t dynamicSMemSize, unsigned int flags) {
  return Occupancy(numBlocks, func, blockSize, dynamicSMemSize, flags);
}

CUresult paella_cuOccupancyMaxPotentialBlockSize(int* minGridSize, int* blockSize, CUfunction func,
                                                 CUoccupancyB2DSize blockSizeToDynamicSMemSize, size_t dynamicSMemSize,
                                                 int blockSizeLimit) {
  return BestBlockSize(minGridSize, blockSize, func, blockSizeToDynamicSMemSize, dynamicSMemSize, blockSizeLimit,
                       CU_OCCUPANCY_DEFAULT);
}

CUresult paella_cuOccupancyMaxPotentialBlockSizeWithFlags(int* minGridSize, int* blockSize, CUfunction func,
                                                          CUoccupancyB2DSize blockSizeToDynamicSMemSize,
                                                          size_t dynamicSMemSize, int blockSizeLimit,
                                                          unsigned int flags) {
  return BestBlockSize(minGridSize, blockSize, func, blockSizeToDynamicSMemSize, dynamicSMemSize, blockSizeLimit, flags);
}

CUresult paella_cuOccupancyAvailableDynamicSMemPerBlock(size_t* dynamicSmemSize, CUfunction func, int numBlocks,
                                                        int blockSize) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, func, kernel); result != CUDA_SUCCESS) return result;
  if (dynamicSmemSize == nullptr || numBlocks <= 0 || blockSize <= 0) return CUDA_ERROR_INVALID_VALUE;
  ipc::KernelAvailableShared message;
  message.kernel = kernel->number;
  message.blocks = numBlocks;
  message.block_threads = blockSize;
  ipc::KernelAvailableSharedReply reply;
  const CUresult result = client->submission.Call(message, reply);
  if (result == CUDA_SUCCESS) *dynamicSmemSize = reply.dynamic_shared_bytes;
  return result;
}

CUresult paella_cuOccupancyMaxActiveClusters(int* numClusters, CUfunction func, const CUlaunchConfig* config) {
  return Clusters(numClusters, func, config, false);
}

CUresult paella_cuOccupancyMaxPotentialClusterSize(int* clusterSize, CUfunction func, const CUlaunchConfig* config) {
  return Clusters(clusterSize, func, config, true);
}
