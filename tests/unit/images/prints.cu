#include <cassert>
#include <cstdio>

extern "C" __global__ void Prints(int value) { printf("value %d\n", value); }

__device__ __noinline__ void Tell(int value) { printf("told of %d\n", value); }

extern "C" __global__ void PrintsInAFunction(int value) { Tell(value); }

extern "C" __global__ void Asserts(int value) { assert(value > 0); }

extern "C" __global__ void Silent(int* value) { *value = 1; }
