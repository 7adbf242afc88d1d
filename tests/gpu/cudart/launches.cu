// Launches: plain, with dynamic shared memory, cooperative, by cudaLaunchKernelEx, and one that CUDA refuses.
#include <cooperative_groups.h>

#include <algorithm>

#include "tests/gpu/cudart/check.h"
#include "tests/gpu/cudart/checks.h"

namespace paella::gpu_test {
namespace {

constexpr unsigned kThreads = 256;

__global__ void Add(const float* a, const float* b, float* sum, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) sum[i] = a[i] + b[i];
}

__global__ void ReverseBlock(unsigned* values) {
  extern __shared__ unsigned shared[];
  unsigned* block = values + blockIdx.x * blockDim.x * 32;
  for (unsigned i = threadIdx.x; i < blockDim.x * 32; i += blockDim.x) shared[i] = block[i];
  __syncthreads();
  for (unsigned i = threadIdx.x; i < blockDim.x * 32; i += blockDim.x) block[i] = shared[blockDim.x * 32 - 1 - i];
}

// Each round every block reads what its neighbour wrote in the round before: wrong without the grid's barrier.
__global__ void PassAround(unsigned* values, unsigned rounds) {
  const auto grid = cooperative_groups::this_grid();
  for (unsigned round = 0; round < rounds; ++round) {
    const unsigned from = values[(blockIdx.x + 1) % gridDim.x];
    grid.sync();
    if (threadIdx.x == 0) values[blockIdx.x] = from * 3 + round;
    grid.sync();
  }
}

__global__ void Scale(unsigned* values, unsigned count, unsigned factor) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] *= factor;
}

std::vector<unsigned> Numbers(std::size_t count) {
  std::vector<unsigned> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<unsigned>(i * 2654435761u);
  return values;
}

void CheckLaunch() { Check(cudaGetLastError(), "launch"); }

}  // namespace

std::uint64_t VectorAdd() {
  constexpr unsigned kElements = 1'000'003;
  std::vector<float> a(kElements), b(kElements);
  for (unsigned i = 0; i < kElements; ++i) {
    a[i] = static_cast<float>(i % 1024);
    b[i] = static_cast<float>(i % 4096) * 0.5f;
  }
  const DeviceArray<float> device_a(a), device_b(b), sum(kElements);
  Add<<<(kElements + kThreads - 1) / kThreads, kThreads>>>(device_a.data(), device_b.data(), sum.data(), kElements);
  CheckLaunch();
  const std::vector<float> result = sum.Read();
  for (unsigned i = 0; i < kElements; ++i) {
    Expect(result[i] == a[i] + b[i], "element " + std::to_string(i) + " is wrong");
  }
  return Fingerprint(result);
}

std::uint64_t DynamicSharedMemory() {
  constexpr unsigned kBlocks = 64;
  constexpr unsigned kBlockValues = 512 * 32;
  constexpr int kSharedBytes = kBlockValues * sizeof(unsigned);  // more than the 48 KiB that need no permission
  const std::vector<unsigned> values = Numbers(kBlocks * kBlockValues);
  const DeviceArray<unsigned> device(values);
  Check(cudaFuncSetAttribute(ReverseBlock, cudaFuncAttributeMaxDynamicSharedMemorySize, kSharedBytes),
        "cudaFuncSetAttribute");
  ReverseBlock<<<kBlocks, 512, kSharedBytes>>>(device.data());
  CheckLaunch();
  std::vector<unsigned> expected = values;
  for (unsigned block = 0; block < kBlocks; ++block) {
    std::reverse(expected.begin() + block * kBlockValues, expected.begin() + (block + 1) * kBlockValues);
  }
  const std::vector<unsigned> result = device.Read();
  Expect(result == expected, "a block is not reversed");
  return Fingerprint(result);
}

std::uint64_t CooperativeLaunch() {
  int supported = 0;
  int blocks = 0;
  Check(cudaDeviceGetAttribute(&supported, cudaDevAttrCooperativeLaunch, 0), "cudaDeviceGetAttribute");
  Expect(supported == 1, "the device says that it has no cooperative launch");
  Check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, PassAround, kThreads, 0),
        "cudaOccupancyMaxActiveBlocksPerMultiprocessor");
  Expect(blocks > 0, "no block of the kernel fits");
  constexpr unsigned kGrid = 100;
  constexpr unsigned kRounds = 50;
  std::vector<unsigned> values = Numbers(kGrid);
  const DeviceArray<unsigned> device(values);
  unsigned* data = device.data();
  unsigned rounds = kRounds;
  void* parameters[] = {&data, &rounds};
  const auto kernel = reinterpret_cast<void*>(PassAround);
  Check(cudaLaunchCooperativeKernel(kernel, dim3(kGrid), dim3(kThreads), parameters, 0, nullptr),
        "cudaLaunchCooperativeKernel");
  for (unsigned round = 0; round < kRounds; ++round) {
    std::rotate(values.begin(), values.begin() + 1, values.end());
    for (unsigned& value : values) value = value * 3 + round;
  }
  const std::vector<unsigned> result = device.Read();
  Expect(result == values, "the blocks did not wait for each other");
  return Fingerprint(result);
}

std::uint64_t LaunchAttributes() {
  constexpr unsigned kElements = 4096;
  std::vector<unsigned> values = Numbers(kElements);
  const DeviceArray<unsigned> device(values);
  const Stream stream;
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;  // what CUDA's libraries use the most
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(kElements / kThreads);
  config.blockDim = dim3(kThreads);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  for (unsigned factor : {3u, 5u, 7u}) {
    Check(cudaLaunchKernelEx(&config, Scale, device.data(), kElements, factor), "cudaLaunchKernelEx");
    stream.Wait();
  }
  for (unsigned& value : values) value *= 105;
  const std::vector<unsigned> result = device.Read();
  Expect(result == values, "a value is wrong");
  return Fingerprint(result);
}

std::uint64_t RefusedLaunch() {
  const DeviceArray<unsigned> device(Numbers(1));
  Scale<<<1, 4096>>>(device.data(), 1, 2);
  const cudaError_t error = cudaGetLastError();
  // What the driver (580, CUDA 13) says to a block that is too large, and the runtime passes on.
  Expect(error == cudaErrorInvalidValue, std::string("4,096 threads a block: ") + cudaGetErrorName(error));
  Expect(cudaGetLastError() == cudaSuccess, "the error is still there after it was read");
  const std::vector<unsigned> result = device.Read();
  Expect(result == Numbers(1), "the refused kernel ran");
  return Fingerprint(result);
}

}  // namespace paella::gpu_test
