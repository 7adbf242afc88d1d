// Launches, and the questions about occupancy that belong to them.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "tests/simulated_gpu/allocations.h"
#include "tests/simulated_gpu/api/common.h"

namespace paella::simulated_gpu {
namespace {

constexpr std::uint32_t kReservedSharedBytes = 1024;  // of every block, by the system
constexpr std::size_t kWorkspaceBytes = 256;          // where the blocks of a cooperative grid meet

struct Configuration {
  Dim3 grid, block;
  std::uint32_t shared_bytes = 0;
  bool cooperative = false;
};

BlockResources ResourcesOf(const Kernel& kernel, std::uint64_t threads, std::uint64_t dynamic_shared) {
  const auto whole_warps = static_cast<std::uint32_t>((threads + kWarpSize - 1) / kWarpSize * kWarpSize);
  return {whole_warps, whole_warps * kernel.function->modelled_registers,
          kernel.function->static_shared_bytes + static_cast<std::uint32_t>(dynamic_shared) + kReservedSharedBytes};
}

CUresult CheckShape(const Kernel& kernel, const Configuration& launch) {
  const Dim3& grid = launch.grid;
  const Dim3& block = launch.block;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0) return CUDA_ERROR_INVALID_VALUE;
  if (grid.x > 0x7fffffff || grid.y > 65535 || grid.z > 65535) return CUDA_ERROR_INVALID_VALUE;
  if (block.x > 1024 || block.y > 1024 || block.z > 64 || block.count() > kMaxThreadsPerBlock) return CUDA_ERROR_INVALID_VALUE;
  const Function& function = *kernel.function;
  if (block.count() > function.max_threads) return CUDA_ERROR_INVALID_VALUE;
  const std::uint32_t* const required = function.required_block;
  if (required[0] != 0 && (block.x != required[0] || block.y != required[1] || block.z != required[2])) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (launch.shared_bytes > static_cast<std::uint32_t>(MaxDynamicShared(kernel))) return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

// From an array of pointers to the parameters, or from one packed buffer.
CUresult TakeArguments(const Function& function, void** parameters, void** extra, std::vector<std::uint8_t>& arguments) {
  arguments.assign(function.argument_bytes, 0);
  if (function.parameters.empty()) return CUDA_SUCCESS;
  if (parameters != nullptr && extra != nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (parameters != nullptr) {
    for (std::size_t i = 0; i < function.parameters.size(); ++i) {
      const ParameterInfo& parameter = function.parameters[i];
      std::memcpy(arguments.data() + parameter.offset, parameters[i], parameter.bytes);
    }
    return CUDA_SUCCESS;
  }
  const void* buffer = nullptr;
  std::size_t bytes = 0;
  for (; extra != nullptr && *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER) buffer = extra[1];
    if (*extra == CU_LAUNCH_PARAM_BUFFER_SIZE) bytes = *static_cast<std::size_t*>(extra[1]);
  }
  if (buffer == nullptr || bytes < arguments.size()) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(arguments.data(), buffer, arguments.size());
  return CUDA_SUCCESS;
}

CUresult AddWorkspace(Context* context, Operation& operation, Launch& launch) {
  std::uintptr_t address = 0;
  PAELLA_RETURN_IF_ERROR(Allocations::Get().Allocate(kWorkspaceBytes, RangeKind::kInternal, context, address));
  launch.grid_workspace = address;
  operation.after = [address] { Allocations::Get().Free(address); };
  return CUDA_SUCCESS;
}

CUresult LaunchKernel(const void* handle, const Configuration& configuration, CUstream stream_handle, void** parameters,
                      void** extra) {
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseStream(stream_handle, stream));
  PAELLA_RETURN_IF_ERROR(UseKernel(handle, kernel));
  PAELLA_RETURN_IF_ERROR(CheckShape(*kernel, configuration));
  static std::atomic<std::uint64_t> next_grid{1};
  Engine& engine = Engine::Get();
  auto launch = std::make_shared<Launch>();
  PAELLA_RETURN_IF_ERROR(TakeArguments(*kernel->function, parameters, extra, launch->arguments));
  launch->program = kernel->program;
  launch->memory = kernel->memory;
  launch->function = kernel->function;
  launch->grid = configuration.grid;
  launch->block = configuration.block;
  launch->dynamic_shared_bytes = configuration.shared_bytes;
  launch->grid_id = next_grid++;
  launch->sms = engine.settings().sms;
  launch->clock_khz = engine.settings().clock_khz;
  auto operation = std::make_shared<Operation>();
  operation->per_block = ResourcesOf(*kernel, launch->block.count(), launch->dynamic_shared_bytes);
  if (engine.BlocksPerDevice(operation->per_block) == 0) return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
  if (configuration.cooperative) {
    const std::uint64_t sms = stream->sms == nullptr ? launch->sms : std::ranges::count(*stream->sms, true);
    if (launch->grid.count() > sms * BlockScheduler::BlocksPerSm(engine.limits(), operation->per_block)) {
      return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
    }
    operation->cooperative = true;
    PAELLA_RETURN_IF_ERROR(AddWorkspace(stream->context, *operation, *launch));
  }
  operation->launch = std::move(launch);
  return Submit(stream, operation, false);
}

// Attributes that ask for what is not modelled are errors; hints are not.
CUresult ReadAttributes(const CUlaunchConfig& config, Configuration& configuration) {
  if (config.attrs == nullptr && config.numAttrs != 0) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute& attribute = config.attrs[i];
    switch (attribute.id) {
      case CU_LAUNCH_ATTRIBUTE_COOPERATIVE: configuration.cooperative = attribute.value.cooperative != 0; break;
      case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
        if (attribute.value.clusterDim.x * attribute.value.clusterDim.y * attribute.value.clusterDim.z > 1) {
          return CUDA_ERROR_NOT_SUPPORTED;
        }
        break;
      case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
      case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT: return CUDA_ERROR_NOT_SUPPORTED;
      default: break;
    }
  }
  return CUDA_SUCCESS;
}

CUresult MaxBlocks(int* blocks, const void* handle, int block_threads, std::size_t shared_bytes) {
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseKernel(handle, kernel));
  if (blocks == nullptr || block_threads <= 0) return CUDA_ERROR_INVALID_VALUE;
  *blocks = 0;
  const auto threads = static_cast<std::uint32_t>(block_threads);
  if (threads > kernel->function->max_threads || shared_bytes > static_cast<std::size_t>(MaxDynamicShared(*kernel))) {
    return CUDA_SUCCESS;
  }
  const BlockResources block = ResourcesOf(*kernel, threads, shared_bytes);
  *blocks = static_cast<int>(BlockScheduler::BlocksPerSm(Engine::Get().limits(), block));
  return CUDA_SUCCESS;
}

// The block size with the most resident threads, the larger of equals.
CUresult BestBlock(int* grid, int* block, CUfunction function, CUoccupancyB2DSize shared_of, std::size_t shared_bytes,
                   int limit) {
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseKernel(function, kernel));
  PAELLA_RETURN_IF_NULL(grid);
  PAELLA_RETURN_IF_NULL(block);
  const int most = std::min(limit > 0 ? limit : 1024, static_cast<int>(kernel->function->max_threads));
  int best_threads = 0;
  for (int threads = most; threads > 0; threads = (threads - 1) / 32 * 32) {
    int blocks = 0;
    PAELLA_RETURN_IF_ERROR(MaxBlocks(&blocks, function, threads, shared_of != nullptr ? shared_of(threads) : shared_bytes));
    if (blocks * threads <= best_threads) continue;
    best_threads = blocks * threads;
    *block = threads;
    *grid = blocks * static_cast<int>(Engine::Get().settings().sms);
  }
  return best_threads > 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace
}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                        unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                        unsigned int sharedMemBytes, CUstream hStream, void** kernelParams, void** extra) {
  Configuration configuration{{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes};
  return LaunchKernel(f, configuration, hStream, kernelParams, extra);
}

CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                                   unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                                   unsigned int sharedMemBytes, CUstream hStream, void** kernelParams) {
  Configuration configuration{{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes, true};
  return LaunchKernel(f, configuration, hStream, kernelParams, nullptr);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams, void** extra) {
  if (config == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Configuration configuration{{config->gridDimX, config->gridDimY, config->gridDimZ},
                              {config->blockDimX, config->blockDimY, config->blockDimZ}, config->sharedMemBytes};
  PAELLA_RETURN_IF_ERROR(ReadAttributes(*config, configuration));
  return LaunchKernel(f, configuration, config->hStream, kernelParams, extra);
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, CUfunction func, int blockSize, size_t dynamicSMemSize) {
  return MaxBlocks(numBlocks, func, blockSize, dynamicSMemSize);
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* numBlocks, CUfunction func, int blockSize,
                                                              size_t dynamicSMemSize, unsigned int) {
  return MaxBlocks(numBlocks, func, blockSize, dynamicSMemSize);
}

CUresult cuOccupancyMaxPotentialBlockSize(int* minGridSize, int* blockSize, CUfunction func,
                                          CUoccupancyB2DSize blockSizeToDynamicSMemSize, size_t dynamicSMemSize,
                                          int blockSizeLimit) {
  return BestBlock(minGridSize, blockSize, func, blockSizeToDynamicSMemSize, dynamicSMemSize, blockSizeLimit);
}

CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* minGridSize, int* blockSize, CUfunction func,
                                                   CUoccupancyB2DSize blockSizeToDynamicSMemSize, size_t dynamicSMemSize,
                                                   int blockSizeLimit, unsigned int) {
  return BestBlock(minGridSize, blockSize, func, blockSizeToDynamicSMemSize, dynamicSMemSize, blockSizeLimit);
}

CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t* dynamicSmemSize, CUfunction func, int numBlocks, int blockSize) {
  std::shared_ptr<Kernel> kernel;
  PAELLA_RETURN_IF_ERROR(UseKernel(func, kernel));
  if (dynamicSmemSize == nullptr || numBlocks <= 0 || blockSize <= 0) return CUDA_ERROR_INVALID_VALUE;
  const std::uint32_t each = Engine::Get().limits().shared_bytes / static_cast<std::uint32_t>(numBlocks);
  const std::uint32_t taken = kernel->function->static_shared_bytes + kReservedSharedBytes;
  const std::uint32_t most = kMaxSharedPerBlockOptIn - kernel->function->static_shared_bytes;
  *dynamicSmemSize = each > taken ? std::min(each - taken, most) : 0;
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxActiveClusters(int* numClusters, CUfunction func, const CUlaunchConfig* config) {
  if (numClusters == nullptr || config == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Configuration configuration;
  PAELLA_RETURN_IF_ERROR(ReadAttributes(*config, configuration));
  int blocks = 0;
  const auto threads = static_cast<int>(config->blockDimX * config->blockDimY * config->blockDimZ);
  PAELLA_RETURN_IF_ERROR(MaxBlocks(&blocks, func, threads, config->sharedMemBytes));
  *numClusters = blocks * static_cast<int>(Engine::Get().settings().sms);
  return CUDA_SUCCESS;
}
