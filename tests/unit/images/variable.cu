static __device__ int calls;

extern "C" __global__ void Kernel(int* values) { values[0] = calls++; }
