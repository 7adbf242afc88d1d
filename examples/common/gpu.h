// The driver objects that every example needs: device 0, its primary context, and the program's embedded kernels.
//
// Used from the main thread, where the context stays current. Each class owns what it makes; an error ends the program
// (check.h), so nothing here reports one.
#ifndef EXAMPLES_COMMON_GPU_H_
#define EXAMPLES_COMMON_GPU_H_

#include <cuda.h>

#include <cstddef>

namespace examples {

// Initialises the driver, makes device 0's primary context current and loads a fat binary into it.
class Gpu {
 public:
  explicit Gpu(const void* kernels);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  CUfunction Function(const char* name) const;
  int Attribute(CUdevice_attribute attribute) const;

 private:
  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
  CUmodule module_ = nullptr;
};

class DeviceBuffer {
 public:
  explicit DeviceBuffer(std::size_t bytes);
  ~DeviceBuffer();
  DeviceBuffer(DeviceBuffer&& other) noexcept;
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;

  CUdeviceptr address() const { return address_; }

 private:
  CUdeviceptr address_ = 0;
};

// Page-locked host memory: copies from and to it run while the host goes on, and kernels reach it at device_address().
template <typename T>
class PinnedArray {
 public:
  explicit PinnedArray(std::size_t count);
  ~PinnedArray();
  PinnedArray(const PinnedArray&) = delete;
  PinnedArray& operator=(const PinnedArray&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  CUdeviceptr device_address() const;

 private:
  T* data_ = nullptr;
};

struct Grid {
  unsigned blocks;
  unsigned threads;
};

void LaunchWithPointers(CUfunction function, Grid grid, CUstream stream, void** parameters);

// Launches a one-dimensional grid with these parameters, each of exactly the type that the kernel declares.
template <typename... Parameters>
void Launch(CUfunction function, Grid grid, CUstream stream, Parameters... parameters) {
  void* pointers[] = {&parameters...};
  LaunchWithPointers(function, grid, stream, pointers);
}

extern template class PinnedArray<float>;
extern template class PinnedArray<unsigned>;

}  // namespace examples

#endif  // EXAMPLES_COMMON_GPU_H_
