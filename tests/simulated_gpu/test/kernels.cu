// What the interpreter is tested with: each kernel uses one corner of what nvcc generates.
#include <cooperative_groups.h>
#include <cuda_fp16.h>

#include <cassert>
#include <cstdio>

extern "C" {

__global__ void Reduce(const float* in, float* out, unsigned count) {
  __shared__ float partial[32];
  float sum = 0;
  for (unsigned i = threadIdx.x; i < count; i += blockDim.x) sum += in[i];
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(0xffffffff, sum, offset);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x < 32) {
    sum = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0;
    for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_xor_sync(0xffffffff, sum, offset);
    if (threadIdx.x == 0) *out = sum;
  }
}

__global__ void Histogram(const unsigned char* in, unsigned count, unsigned* bins) {
  extern __shared__ unsigned local[];
  for (unsigned i = threadIdx.x; i < 256; i += blockDim.x) local[i] = 0;
  __syncthreads();
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) atomicAdd(&local[in[i]], 1);
  __syncthreads();
  for (unsigned i = threadIdx.x; i < 256; i += blockDim.x) atomicAdd(&bins[i], local[i]);
}

// Every lane leaves the loop at another time.
__global__ void Collatz(const unsigned* in, unsigned* steps) {
  unsigned long long x = in[threadIdx.x];
  unsigned n = 0;
  while (x != 1) {
    x = x % 2 ? 3 * x + 1 : x / 2;
    ++n;
  }
  steps[threadIdx.x] = n;
}

__device__ __noinline__ int Fibonacci(int n) { return n < 2 ? n : Fibonacci(n - 1) + Fibonacci(n - 2); }
__global__ void Recursion(int* out) { out[threadIdx.x] = Fibonacci(static_cast<int>(threadIdx.x)); }

typedef int (*Operation)(int, int);
__device__ __noinline__ int Plus(int a, int b) { return a + b; }
__device__ __noinline__ int Times(int a, int b) { return a * b; }
__device__ Operation operations[2] = {Plus, Times};
__global__ void IndirectCalls(int* out) {
  const int i = static_cast<int>(threadIdx.x);
  out[i] = operations[i % 2](i, 7);
}

__global__ void Switch(const int* in, int* out) {
  int y = 0;
  switch (in[threadIdx.x]) {
    case 0: y = 11; break;
    case 1: y = out[0] * 3; break;
    case 2: y = 22; break;
    case 3: y = out[0] - 4; break;
    case 4: y = 33; break;
    case 5: y = out[0] % 7; break;
    case 6: y = 44; break;
    case 7: y = out[0] / 3; break;
    default: y = -1;
  }
  __syncthreads();
  out[threadIdx.x] = y;
}

__global__ void LocalArray(const int* in, int* out) {
  int stack[32];
  for (int i = 0; i < 32; ++i) stack[i] = in[(threadIdx.x + i) % 32] * i;
  int index = static_cast<int>(threadIdx.x);
  for (int i = 0; i < 8; ++i) index = (stack[index] & 31);
  out[threadIdx.x] = stack[index];
}

struct Result {
  float sine, cosine, exponential, logarithm, root, inverse_root, quotient, power;
};
__global__ void Mathematics(const float* in, Result* out) {
  const float x = in[threadIdx.x];
  Result result;
  result.sine = sinf(x);
  result.cosine = cosf(x);
  result.exponential = expf(x);
  result.logarithm = logf(x);
  result.root = sqrtf(x);
  result.inverse_root = rsqrtf(x);
  result.quotient = 1.0f / x;
  result.power = powf(x, 1.7f);
  out[threadIdx.x] = result;
}

__global__ void Doubles(const double* in, double* out) {
  const double x = in[threadIdx.x];
  out[threadIdx.x] = sin(x) / x + sqrt(x) * exp(-x) + log(x);
}

__global__ void Halves(const float* in, float* out) {
  const __half2 pair = __floats2half2_rn(in[2 * threadIdx.x], in[2 * threadIdx.x + 1]);
  const __half2 result = __hfma2(pair, __float2half2_rn(2.0f), __float2half2_rn(0.5f));
  out[2 * threadIdx.x] = __low2float(result);
  out[2 * threadIdx.x + 1] = __high2float(result);
}

struct IntegerResult {
  long long quotient, remainder;
  unsigned long long high, population;
  unsigned leading, reversed, found, permuted, minimum;
  int shifted;
};
__global__ void Integers(const long long* a, const long long* b, IntegerResult* out) {
  const long long x = a[threadIdx.x], y = b[threadIdx.x];
  IntegerResult result;
  result.quotient = x / y;
  result.remainder = x % y;
  result.high = __umul64hi(static_cast<unsigned long long>(x), static_cast<unsigned long long>(y));
  result.population = __popcll(x);
  result.leading = __clz(static_cast<int>(x));
  result.reversed = __brev(static_cast<unsigned>(x));
  result.found = __ffs(static_cast<int>(x));
  result.permuted = __byte_perm(static_cast<unsigned>(x), static_cast<unsigned>(y), 0x3614);
  result.minimum = min(static_cast<unsigned>(x), static_cast<unsigned>(y));
  result.shifted = static_cast<int>(x) >> (y & 31);
  out[threadIdx.x] = result;
}

__global__ void Votes(const int* in, unsigned* out) {
  const bool odd = in[threadIdx.x] % 2 != 0;
  const unsigned ballot = __ballot_sync(0xffffffff, odd);
  const int count = __syncthreads_count(odd);
  const int any = __syncthreads_or(in[threadIdx.x] == 5);
  const unsigned same = __match_any_sync(0xffffffff, in[threadIdx.x] % 4);
  const unsigned largest = __reduce_max_sync(0xffffffff, static_cast<unsigned>(in[threadIdx.x]));
  if (threadIdx.x == 0) {
    out[0] = ballot, out[1] = static_cast<unsigned>(count), out[2] = static_cast<unsigned>(any), out[3] = same;
    out[4] = largest;
  }
}

// Half of the lanes come to the shuffle by another way than the others.
__global__ void DivergentShuffle(int* out) {
  int value = static_cast<int>(threadIdx.x);
  if (threadIdx.x % 2 == 0) {
    value = __shfl_sync(0x55555555, value, 2);
  } else {
    value = __shfl_sync(0xaaaaaaaa, value, 3);
  }
  __syncwarp();
  out[threadIdx.x] = value + __shfl_sync(0xffffffff, value, 1);
}

// A lock that lanes of one warp take in turn: each must get on while the others spin.
__global__ void SpinLock(int* lock, int* counter) {
  bool done = false;
  while (!done) {
    if (atomicCAS(lock, 0, 1) == 0) {
      *reinterpret_cast<volatile int*>(counter) = *reinterpret_cast<volatile int*>(counter) + 1;
      __threadfence();
      atomicExch(lock, 0);
      done = true;
    }
  }
}

__global__ void Vectors(const float4* in, float4* out, short2* narrow) {
  const float4 v = in[threadIdx.x];
  out[threadIdx.x] = make_float4(v.w, v.z, v.y, v.x);
  narrow[threadIdx.x] = make_short2(static_cast<short>(v.x), static_cast<short>(v.y));
}

__constant__ int table[4] = {3, 1, 4, 1};
__device__ int counter = 40;
__global__ void Globals(int* out) {
  if (threadIdx.x < 4) out[threadIdx.x] = table[threadIdx.x];
  if (threadIdx.x == 4) out[4] = atomicAdd(&counter, 2);
}

__global__ void Atomics(unsigned* words, float* sum, unsigned long long* wide) {
  atomicMin(&words[0], threadIdx.x + 3);
  atomicMax(&words[1], threadIdx.x);
  atomicOr(&words[2], 1u << (threadIdx.x % 32));
  atomicXor(&words[3], threadIdx.x);
  atomicInc(&words[4], 9);
  atomicAdd(sum, 0.5f);
  atomicAdd(wide, 1ull << 33);
}

__global__ void Where(unsigned* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  out[block * threads + thread] = blockIdx.z << 20 | blockIdx.y << 16 | blockIdx.x << 12 | threadIdx.z << 8 | threadIdx.y << 4 | threadIdx.x;
}

// Each block adds what all blocks wrote before the grid's barrier.
__global__ void GridBarrier(unsigned* values, unsigned* sums) {
  if (threadIdx.x == 0) values[blockIdx.x] = blockIdx.x + 1;
  cooperative_groups::this_grid().sync();
  if (threadIdx.x != 0) return;
  unsigned sum = 0;
  for (unsigned i = 0; i < gridDim.x; ++i) sum += values[i];
  sums[blockIdx.x] = sum;
}

__global__ void Conversions(const float* in, int* integers, unsigned char* bytes, long long* wide, double* doubles) {
  const float x = in[threadIdx.x];
  integers[threadIdx.x] = __float2int_rd(x);
  bytes[threadIdx.x] = static_cast<unsigned char>(__float2uint_rz(x));
  wide[threadIdx.x] = llrintf(x);
  doubles[threadIdx.x] = static_cast<double>(x) + static_cast<double>(static_cast<signed char>(static_cast<int>(x)));
}

}  // extern "C"

extern "C" __global__ void PrintNumbers(unsigned small, long long large, double real) {
  printf("%u %lld %f %s%%\n", small, large, real, "seven");
}

extern "C" __global__ void PrintLanes() {
  if (threadIdx.x % 2 == 1) printf("block %u thread %u\n", blockIdx.x, threadIdx.x);
}

extern "C" __global__ void PrintAndAssert(unsigned value) {
  printf("asserts %u\n", value);
  assert(value < 3);
}
