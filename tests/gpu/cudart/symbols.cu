// Variables of a module: __constant__ memory and __device__ globals, written and read by their symbols.
#include "tests/gpu/cudart/check.h"
#include "tests/gpu/cudart/checks.h"

namespace paella::gpu_test {
namespace {

constexpr unsigned kTableSize = 256;
constexpr unsigned kCount = 1u << 16;

__constant__ unsigned table[kTableSize];
__device__ unsigned total;
__device__ unsigned initialised[4] = {2, 3, 5, 7};

__global__ void LookUp(unsigned* values, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] = table[i % kTableSize] + i;
}

__global__ void Count(unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) atomicAdd(&total, initialised[i % 4]);
}

}  // namespace

std::uint64_t ConstantMemory() {
  const DeviceArray<unsigned> device(kCount);
  std::vector<unsigned> result;
  for (unsigned round = 0; round < 3; ++round) {
    std::vector<unsigned> content(kTableSize);
    for (unsigned i = 0; i < kTableSize; ++i) content[i] = i * i + round * 1000;
    Check(cudaMemcpyToSymbol(table, content.data(), sizeof table), "cudaMemcpyToSymbol");
    LookUp<<<kCount / 256, 256>>>(device.data(), kCount);
    Check(cudaGetLastError(), "launch");
    result = device.Read();
    for (unsigned i = 0; i < kCount; ++i) Expect(result[i] == content[i % kTableSize] + i, "an old table was read");
  }
  return Fingerprint(result);
}

std::uint64_t DeviceGlobals() {
  unsigned value = 100;
  Check(cudaMemcpyToSymbol(total, &value, sizeof value), "cudaMemcpyToSymbol");
  Count<<<kCount / 256, 256>>>(kCount);
  Check(cudaGetLastError(), "launch");
  Check(cudaMemcpyFromSymbol(&value, total, sizeof value), "cudaMemcpyFromSymbol");
  Expect(value == 100 + kCount / 4 * 17, "the sum is " + std::to_string(value));
  const unsigned changed = 11;
  Check(cudaMemcpyToSymbol(initialised, &changed, sizeof changed, 3 * sizeof(unsigned)),
        "cudaMemcpyToSymbol at an offset");
  Count<<<kCount / 256, 256>>>(kCount);
  unsigned second = 0;
  Check(cudaMemcpyFromSymbol(&second, total, sizeof second), "cudaMemcpyFromSymbol");
  Expect(second == value + kCount / 4 * 21, "the second sum is " + std::to_string(second));
  return Fingerprint(&second, sizeof second);
}

}  // namespace paella::gpu_test
