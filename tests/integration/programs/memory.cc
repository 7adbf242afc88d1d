// Every kind of memory and of copy, contents checked.
#include <numeric>

#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

using examples::Check;
using examples::DeviceBuffer;
using examples::PinnedArray;

std::vector<unsigned> Counting(std::size_t count, unsigned first) {
  std::vector<unsigned> values(count);
  std::iota(values.begin(), values.end(), first);
  return values;
}

// More than any staging area, of an odd length and from an odd address.
void Pageable() {
  constexpr std::size_t kBytes = (40 << 20) + 7;
  const DeviceBuffer device(kBytes);
  std::vector<unsigned char> from(kBytes + 1), to(kBytes + 3);
  for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<unsigned char>(i * 7 + i / 4096);
  Check(cuMemcpyHtoD(device.address(), from.data() + 1, kBytes), "cuMemcpyHtoD");
  Check(cuMemcpyDtoH(to.data() + 3, device.address(), kBytes), "cuMemcpyDtoH");
  Expect(std::equal(from.begin() + 1, from.end(), to.begin() + 3), "a pageable copy of many MiB");
}

// The caller may change what it gave as soon as the call returns.
void PageableAsync() {
  constexpr std::size_t kCount = 1000;
  const Stream stream;
  const DeviceBuffer device(kCount * sizeof(unsigned));
  std::vector<unsigned> host = Counting(kCount, 100);
  Check(cuMemcpyHtoDAsync(device.address(), host.data(), kCount * sizeof(unsigned), stream), "cuMemcpyHtoDAsync");
  std::fill(host.begin(), host.end(), 0);
  Check(cuMemcpyDtoHAsync(host.data(), device.address(), kCount * sizeof(unsigned), stream), "cuMemcpyDtoHAsync");
  stream.Synchronize();
  Expect(host == Counting(kCount, 100), "an asynchronous pageable copy");
}

void Pinned(const Kernels& kernels) {
  constexpr unsigned kCount = 5000;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  PinnedArray<unsigned> from(kCount), to(kCount);
  const DeviceBuffer one(kCount * sizeof(unsigned)), two(kCount * sizeof(unsigned));
  for (unsigned i = 0; i < kCount; ++i) from.data()[i] = 3 * i;
  Check(cuMemcpyHtoDAsync(one.address(), from.data(), kCount * sizeof(unsigned), stream), "cuMemcpyHtoDAsync");
  Check(cuMemcpyDtoDAsync(two.address(), one.address(), kCount * sizeof(unsigned), stream), "cuMemcpyDtoDAsync");
  kernels.Mix(two.address(), kCount, 2, stream);
  Check(cuMemcpyAsync(to.device_address(), two.address(), kCount * sizeof(unsigned), stream), "cuMemcpyAsync");
  stream.Synchronize();
  for (unsigned i = 0; i < kCount; ++i) Expect(to.data()[i] == Mixed(3 * i, 2), "a pinned copy");
}

void Managed(const Kernels& kernels) {
  constexpr unsigned kCount = 500;
  CUdeviceptr address = 0;
  Check(cuMemAllocManaged(&address, kCount * sizeof(unsigned), CU_MEM_ATTACH_GLOBAL), "cuMemAllocManaged");
  auto* const host = reinterpret_cast<unsigned*>(address);
  for (unsigned i = 0; i < kCount; ++i) host[i] = i + 1;
  kernels.Mix(address, kCount, 4, nullptr);
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  for (unsigned i = 0; i < kCount; ++i) Expect(host[i] == Mixed(i + 1, 4), "managed memory");
  Check(cuMemFree(address), "cuMemFree");
}

void StreamOrdered(const Kernels& kernels) {
  constexpr unsigned kCount = 700;
  const Stream stream;
  for (unsigned round = 0; round < 20; ++round) {
    CUdeviceptr address = 0;
    std::vector<unsigned> host(kCount);
    Check(cuMemAllocAsync(&address, kCount * sizeof(unsigned), stream), "cuMemAllocAsync");
    kernels.Fill(address, kCount, round, stream);
    kernels.Mix(address, kCount, 1, stream);
    Check(cuMemcpyDtoHAsync(host.data(), address, kCount * sizeof(unsigned), stream), "cuMemcpyDtoHAsync");
    Check(cuMemFreeAsync(address, stream), "cuMemFreeAsync");
    stream.Synchronize();
    for (unsigned i = 0; i < kCount; ++i) Expect(host[i] == Mixed(round + i, 1), "stream-ordered memory");
  }
}

void Memsets() {
  constexpr std::size_t kBytes = 4096;
  const DeviceBuffer device(kBytes);
  const auto at = [&](std::size_t offset) { return device.address() + offset; };
  std::vector<unsigned char> expected(kBytes, 0x11), host(kBytes);
  Check(cuMemsetD8(at(0), 0x11, kBytes), "cuMemsetD8");
  Check(cuMemsetD16(at(100), 0x2233, 50), "cuMemsetD16");
  Check(cuMemsetD32(at(400), 0x44556677, 25), "cuMemsetD32");
  Check(cuMemsetD2D8(at(1024), 64, 0x88, 10, 4), "cuMemsetD2D8");
  Check(cuMemcpyDtoH(host.data(), at(0), kBytes), "cuMemcpyDtoH");
  for (std::size_t i = 0; i < 50; ++i) expected[100 + 2 * i] = 0x33, expected[101 + 2 * i] = 0x22;
  for (std::size_t i = 0; i < 100; ++i) expected[400 + i] = static_cast<unsigned char>(0x77 - 0x11 * (i % 4));
  for (std::size_t row = 0; row < 4; ++row) std::fill_n(expected.begin() + 1024 + 64 * row, 10, 0x88);
  Expect(host == expected, "memsets");
}

// A block of rows from a wider array to the device and back into another, once from each kind of host memory.
void Rectangle(unsigned* from, unsigned* to) {
  constexpr std::size_t kWidth = 20, kHeight = 9, kHostPitch = 32, kDevicePitch = 24;
  constexpr std::size_t kHostCount = kHostPitch * kHeight;
  const DeviceBuffer device(kDevicePitch * kHeight * sizeof(unsigned));
  std::iota(from, from + kHostCount, 1u);
  std::fill(to, to + kHostCount, 0u);
  CUDA_MEMCPY2D in{};
  in.srcMemoryType = CU_MEMORYTYPE_HOST;
  in.srcHost = from;
  in.srcPitch = kHostPitch * sizeof(unsigned);
  in.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  in.dstDevice = device.address();
  in.dstPitch = kDevicePitch * sizeof(unsigned);
  in.WidthInBytes = kWidth * sizeof(unsigned);
  in.Height = kHeight;
  Check(cuMemcpy2D(&in), "cuMemcpy2D");
  CUDA_MEMCPY2D out{};
  out.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  out.srcDevice = device.address();
  out.srcPitch = in.dstPitch;
  out.dstMemoryType = CU_MEMORYTYPE_HOST;
  out.dstHost = to;
  out.dstPitch = in.srcPitch;
  out.WidthInBytes = in.WidthInBytes;
  out.Height = kHeight;
  Check(cuMemcpy2D(&out), "cuMemcpy2D");
  for (std::size_t i = 0; i < kHostCount; ++i) {
    Expect(to[i] == (i % kHostPitch < kWidth ? from[i] : 0), "a two-dimensional copy");
  }
}

void WrongAddresses() {
  CUdeviceptr address = 0;
  ExpectResult(cuMemFree(0x1234), CUDA_ERROR_INVALID_VALUE, "cuMemFree of no allocation");
  Check(cuMemAlloc(&address, 100), "cuMemAlloc");
  ExpectResult(cuMemFree(address + 8), CUDA_ERROR_INVALID_VALUE, "cuMemFree inside of an allocation");
  Check(cuMemFree(address), "cuMemFree");
  ExpectResult(cuMemFree(address), CUDA_ERROR_INVALID_VALUE, "cuMemFree twice");
}

}  // namespace

int Memory(Arguments) {
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  Pageable();
  PageableAsync();
  Pinned(kernels);
  Managed(kernels);
  StreamOrdered(kernels);
  Memsets();
  std::vector<unsigned> from(512), to(512);
  Rectangle(from.data(), to.data());
  PinnedArray<unsigned> pinned_from(512), pinned_to(512);
  Rectangle(pinned_from.data(), pinned_to.data());
  WrongAddresses();
  Say("memory: every byte is right");
  return 0;
}

}  // namespace paella::integration
