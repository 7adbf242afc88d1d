// One kernel of adjustable length: see work.h for what it computes.
#include "examples/busy/work.h"

using examples::busy::kIncrement;
using examples::busy::kMaxThreads;
using examples::busy::kMultiplier;

extern "C" __global__ void Busy(unsigned* block_sums, unsigned seed, unsigned iterations) {
  __shared__ unsigned sums[kMaxThreads];
  unsigned x = seed + blockIdx.x * blockDim.x + threadIdx.x;
  // Unrolled, the compiler would fold several steps into one, as the host's check does.
#pragma unroll 1
  for (unsigned i = 0; i < iterations; ++i) x = x * kMultiplier + kIncrement;
  sums[threadIdx.x] = x;
  // Halves the number of values each round, for any number of threads.
  for (unsigned count = blockDim.x; count > 1;) {
    const unsigned half = (count + 1) / 2;
    __syncthreads();
    if (threadIdx.x < count - half) sums[threadIdx.x] += sums[threadIdx.x + half];
    count = half;
  }
  if (threadIdx.x == 0) block_sums[blockIdx.x] = sums[0];
}
