__constant__ int factor;

extern "C" __global__ void Kernel(int* values) { values[0] *= factor; }
