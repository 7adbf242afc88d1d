// sum[i] = a[i] + b[i], one thread per element.
extern "C" __global__ void VectorAdd(const float* a, const float* b, float* sum, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) sum[i] = a[i] + b[i];
}
