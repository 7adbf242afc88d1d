// Kernels that read textures point by point, and read and write surfaces.
extern "C" __global__ void ReadTexture(cudaTextureObject_t texture, float* out, int dimensions, int width, int height) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float x = i % width + 0.5f, y = i / width % height + 0.5f, z = i / (width * height) + 0.5f;
  if (dimensions == 1) out[i] = tex1D<float>(texture, x);
  if (dimensions == 2) out[i] = tex2D<float>(texture, x, y);
  if (dimensions == 3) out[i] = tex3D<float>(texture, x, y, z);
}

extern "C" __global__ void ReadLayers(cudaTextureObject_t texture, unsigned* out, int width, int height) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float x = (i % width + 0.5f) / width, y = (i / width % height + 0.5f) / height;
  out[i] = tex2DLayered<unsigned short>(texture, x, y, i / (width * height));
}

extern "C" __global__ void ReadLinear(cudaTextureObject_t texture, uchar4* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = tex1Dfetch<uchar4>(texture, i);
}

extern "C" __global__ void AddToSurface(cudaSurfaceObject_t surface, unsigned add, int width) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int x = i % width * 4, y = i / width;
  surf2Dwrite(surf2Dread<unsigned>(surface, x, y) + add, surface, x, y);
}

extern "C" __global__ void AwaitFlag(volatile unsigned* flag) {
  while (*flag == 0) {
  }
}
