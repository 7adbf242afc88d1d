// The kernels that bad calls are made with: small, and each the occasion of one mistake.
#include <cassert>

__device__ int counters[4];
__constant__ int table[4];

extern "C" __global__ void Empty() {}

extern "C" __global__ void Store(int* to, int value) { *to = value; }

extern "C" __global__ void Load(const int* from, int* to) { *to = *from + table[0] + counters[0]; }

extern "C" __global__ void Add(int* to, int value) { atomicAdd(to, value); }

extern "C" __global__ void Trap() { asm volatile("trap;"); }

extern "C" __global__ void Assert(int value) { assert(value == 0); }

extern "C" __global__ void __launch_bounds__(64) AtMost64Threads(int* to) { to[threadIdx.x] = 1; }

extern "C" __global__ void StaticShared(int* to, int index) {
  __shared__ int words[10 * 1024];
  words[threadIdx.x] = index;
  __syncthreads();
  *to = words[index % 1024];
}

extern "C" __global__ void DynamicShared(int* to, unsigned index) {
  extern __shared__ int words[];
  words[index] = 1;
  __syncthreads();
  *to = words[index];
}

// All words are read before the first is written, so that they are in registers together: too many for a full block.
extern "C" __global__ void ManyRegisters(volatile int* words) {
  int held[160];
#pragma unroll
  for (int i = 0; i < 160; ++i) held[i] = words[i];
#pragma unroll
  for (int i = 0; i < 160; ++i) words[159 - i] = held[i];
}
