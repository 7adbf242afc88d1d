// Kernels that print, and one whose assertion fails.
#include <cassert>
#include <cstdio>

__device__ __noinline__ void SayFromAFunction(const char* name, float value) { printf("%s is %.3f\n", name, value); }

extern "C" __global__ void Say(unsigned who, unsigned round) { printf("%u says %u\n", who, round); }

extern "C" __global__ void SayFormats(int negative, long long large, double real) {
  printf("plain\n");
  printf("%d %u %x %#X %5d|%-5d|%05d %c %%\n", negative, 7u, 255u, 255u, 42, 42, 42, 'z');
  printf("%lld %llu %ld\n", large, 18446744073709551615ull, 5l);  // %zu and %hhd the driver does not know
  printf("%d %f %d %.2e %s %g\n", 1, real, 2, real, "text", 0.5);
  printf("%6d %.1f %s\n", 12, real, "again");
  SayFromAFunction("a value", 1.5f);
}

extern "C" __global__ void SayLines(unsigned who, unsigned count) {
  for (unsigned line = 0; line < count; ++line) printf("%u: this is line %u of a longer text\n", who, line);
}

extern "C" __global__ void SayAndAwait(unsigned who, volatile unsigned* flag) {
  printf("%u waits\n", who);
  while (*flag == 0) {
  }
  printf("%u goes on\n", who);
}

extern "C" __global__ void SayAndAssert(unsigned value) {
  printf("value %u\n", value);
  assert(value == 1);
}

extern "C" __global__ void SayNothing(unsigned* value) { *value += 1; }
