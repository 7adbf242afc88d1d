#include "examples/common/gpu.h"

#include <utility>

#include "examples/common/check.h"

namespace examples {

// The destructors ignore the driver's answers: a failure that matters was reported by the call before them.

Gpu::Gpu(const void* kernels) {
  Check(cuInit(0), "cuInit");
  Check(cuDeviceGet(&device_, 0), "cuDeviceGet");
  Check(cuDevicePrimaryCtxRetain(&context_, device_), "cuDevicePrimaryCtxRetain");
  Check(cuCtxSetCurrent(context_), "cuCtxSetCurrent");
  Check(cuModuleLoadData(&module_, kernels), "cuModuleLoadData");
}

Gpu::~Gpu() {
  cuModuleUnload(module_);
  cuCtxSetCurrent(nullptr);
  cuDevicePrimaryCtxRelease(device_);
}

CUfunction Gpu::Function(const char* name) const {
  CUfunction function = nullptr;
  Check(cuModuleGetFunction(&function, module_, name), "cuModuleGetFunction");
  return function;
}

int Gpu::Attribute(CUdevice_attribute attribute) const {
  int value = 0;
  Check(cuDeviceGetAttribute(&value, attribute, device_), "cuDeviceGetAttribute");
  return value;
}

DeviceBuffer::DeviceBuffer(std::size_t bytes) { Check(cuMemAlloc(&address_, bytes), "cuMemAlloc"); }

DeviceBuffer::~DeviceBuffer() {
  if (address_ != 0) cuMemFree(address_);
}

DeviceBuffer::DeviceBuffer(DeviceBuffer&& other) noexcept : address_(std::exchange(other.address_, 0)) {}

template <typename T>
PinnedArray<T>::PinnedArray(std::size_t count) {
  void* memory = nullptr;
  Check(cuMemHostAlloc(&memory, count * sizeof(T), CU_MEMHOSTALLOC_DEVICEMAP), "cuMemHostAlloc");
  data_ = static_cast<T*>(memory);
}

template <typename T>
PinnedArray<T>::~PinnedArray() {
  cuMemFreeHost(data_);
}

template <typename T>
CUdeviceptr PinnedArray<T>::device_address() const {
  CUdeviceptr address = 0;
  Check(cuMemHostGetDevicePointer(&address, data_, 0), "cuMemHostGetDevicePointer");
  return address;
}

void LaunchWithPointers(CUfunction function, Grid grid, CUstream stream, void** parameters) {
  Check(cuLaunchKernel(function, grid.blocks, 1, 1, grid.threads, 1, 1, 0, stream, parameters, nullptr), "cuLaunchKernel");
}

template class PinnedArray<float>;
template class PinnedArray<unsigned>;

}  // namespace examples
