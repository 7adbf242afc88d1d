// A kernel that works for a while, and one that writes where it is told.
extern "C" __global__ void Work(unsigned* values, unsigned iterations) {
  unsigned x = threadIdx.x;
#pragma unroll 1
  for (unsigned i = 0; i < iterations; ++i) x = x * 1664525u + 1013904223u;
  values[blockIdx.x * blockDim.x + threadIdx.x] = x;
}

extern "C" __global__ void WriteTo(unsigned* address) { *address = 1; }
