// A short kernel, as long as it is told to be; and the same one that says itself when it is done. One block of one thread.
__device__ unsigned sink;

__device__ void Spend(unsigned rounds) {
  unsigned value = rounds;
#pragma unroll 1
  for (unsigned round = 0; round < rounds; ++round) value = value * 1664525u + 1013904223u;
  if (value == 1) sink = value;  // so that it is computed
}

extern "C" __global__ void Work(unsigned rounds) { Spend(rounds); }

extern "C" __global__ void WorkAndTell(unsigned rounds, volatile unsigned long long* word, unsigned long long value) {
  Spend(rounds);
  __threadfence_system();
  *word = value;
}
