// Kernels whose results depend on the order in which they ran, one that lasts as long as the host wants, one that faults.
extern "C" __global__ void Fill(unsigned* values, unsigned count, unsigned first) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] = first + i;
}

extern "C" __global__ void Mix(unsigned* values, unsigned count, unsigned rounds) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  unsigned value = values[i];
#pragma unroll 1
  for (unsigned round = 0; round < rounds; ++round) value = value * 1664525u + 1013904223u;
  values[i] = value;
}

extern "C" __global__ void AwaitFlag(volatile unsigned* flag) {
  while (*flag == 0) {
  }
}

extern "C" __global__ void AwaitTurn(volatile unsigned* passed) {
  while (*passed <= blockIdx.x) {
  }
}

extern "C" __global__ void NoteSm(unsigned* sms) {
  unsigned sm;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
  sms[blockIdx.x] = sm;
}

extern "C" __global__ void WriteTo(unsigned* address) { *address = 1; }
