// Memory in every form that programs of the runtime use: pageable, pinned, managed, stream-ordered, pitched.
#include <algorithm>
#include <cstring>
#include <memory>

#include "tests/gpu/cudart/check.h"
#include "tests/gpu/cudart/checks.h"

namespace paella::gpu_test {
namespace {

constexpr unsigned kThreads = 256;

__global__ void Increment(unsigned* values, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] += i + 1;
}

void Launch(unsigned* values, unsigned count, cudaStream_t stream) {
  Increment<<<(count + kThreads - 1) / kThreads, kThreads, 0, stream>>>(values, count);
  Check(cudaGetLastError(), "launch");
}

struct FreePinned {
  void operator()(unsigned* memory) const { cudaFreeHost(memory); }
};
struct FreeDevice {
  void operator()(void* memory) const { cudaFree(memory); }
};

std::vector<unsigned> Counted(unsigned count, unsigned first, unsigned factor) {
  std::vector<unsigned> values(count);
  for (unsigned i = 0; i < count; ++i) values[i] = first + i * factor;
  return values;
}

}  // namespace

// Larger than any staging area, and at odd offsets.
std::uint64_t PageableCopies() {
  constexpr std::size_t kBytes = (48u << 20) + 5;
  std::vector<unsigned char> values(kBytes);
  for (std::size_t i = 0; i < kBytes; ++i) values[i] = static_cast<unsigned char>(i * 31 + (i >> 12));
  const DeviceArray<unsigned char> first(values), second(kBytes);
  Check(cudaMemcpy(second.data() + 3, first.data() + 1, kBytes - 3, cudaMemcpyDeviceToDevice),
        "cudaMemcpy on the device");
  Check(cudaMemcpyAsync(second.data(), values.data(), 3, cudaMemcpyHostToDevice, nullptr), "cudaMemcpyAsync");
  const std::vector<unsigned char> result = second.Read();
  Expect(std::equal(result.begin(), result.begin() + 3, values.begin()), "the first bytes are wrong");
  Expect(std::equal(result.begin() + 3, result.end(), values.begin() + 1), "the copied bytes are wrong");
  return Fingerprint(result);
}

std::uint64_t PinnedMemory() {
  constexpr unsigned kCount = 1u << 20;
  unsigned* memory = nullptr;
  Check(cudaMallocHost(&memory, kCount * sizeof(unsigned)), "cudaMallocHost");
  const std::unique_ptr<unsigned, FreePinned> owner(memory);
  std::fill_n(memory, kCount, 7u);
  const DeviceArray<unsigned> device(kCount);
  const Stream stream;
  Check(cudaMemcpyAsync(device.data(), memory, device.bytes(), cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync");
  Launch(device.data(), kCount, stream);
  Check(cudaMemcpyAsync(memory, device.data(), device.bytes(), cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
  Launch(memory, kCount, stream);  // and a kernel that writes it in place
  stream.Wait();
  Expect(std::equal(memory, memory + kCount, Counted(kCount, 9, 2).begin()), "a value is wrong");
  return Fingerprint(memory, kCount * sizeof(unsigned));
}

std::uint64_t StreamOrderedAllocation() {
  constexpr unsigned kCount = 1u << 18;
  const Stream stream;
  std::vector<unsigned> result(kCount);
  for (unsigned round = 0; round < 8; ++round) {
    unsigned* memory = nullptr;
    Check(cudaMallocAsync(&memory, kCount * sizeof(unsigned), stream), "cudaMallocAsync");
    Check(cudaMemsetAsync(memory, 0, kCount * sizeof(unsigned), stream), "cudaMemsetAsync");
    Launch(memory, kCount, stream);
    Check(cudaMemcpyAsync(result.data(), memory, kCount * sizeof(unsigned), cudaMemcpyDeviceToHost, stream),
          "cudaMemcpyAsync");
    Check(cudaFreeAsync(memory, stream), "cudaFreeAsync");
    stream.Wait();
    Expect(result == Counted(kCount, 1, 1), "a value of round " + std::to_string(round) + " is wrong");
  }
  return Fingerprint(result);
}

std::uint64_t ManagedMemory() {
  constexpr unsigned kCount = 1u << 18;
  unsigned* memory = nullptr;
  Check(cudaMallocManaged(&memory, kCount * sizeof(unsigned)), "cudaMallocManaged");
  const std::unique_ptr<unsigned, FreeDevice> owner(memory);
  std::fill_n(memory, kCount, 5u);
  Launch(memory, kCount, nullptr);
  Check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  Expect(std::equal(memory, memory + kCount, Counted(kCount, 6, 1).begin()), "the host sees a wrong value");
  memory[17] = 1000;  // and back again
  Launch(memory, kCount, nullptr);
  Check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  Expect(memory[17] == 1018 && memory[18] == 43, "a value of the second round is wrong");
  return Fingerprint(memory, kCount * sizeof(unsigned));
}

std::uint64_t Copies2D() {
  constexpr std::size_t kWidth = 1000;
  constexpr std::size_t kHeight = 123;
  std::vector<unsigned char> picture(kWidth * kHeight);
  for (std::size_t i = 0; i < picture.size(); ++i) picture[i] = static_cast<unsigned char>(i * 7 + i / kWidth);
  void* pitched = nullptr;
  std::size_t pitch = 0;
  Check(cudaMallocPitch(&pitched, &pitch, kWidth, kHeight), "cudaMallocPitch");
  const std::unique_ptr<void, FreeDevice> owner(pitched);
  Expect(pitch >= kWidth, "the pitch is less than a row");
  Check(cudaMemcpy2D(pitched, pitch, picture.data(), kWidth, kWidth, kHeight, cudaMemcpyHostToDevice),
        "cudaMemcpy2D in");
  const DeviceArray<unsigned char> packed(kWidth * kHeight);
  Check(cudaMemcpy2DAsync(packed.data(), kWidth, pitched, pitch, kWidth, kHeight, cudaMemcpyDeviceToDevice, nullptr),
        "cudaMemcpy2DAsync on the device");
  Expect(packed.Read() == picture, "the packed rows are wrong");
  std::vector<unsigned char> part(100 * 50);
  const unsigned char* corner = static_cast<const unsigned char*>(pitched) + 20 * pitch + 10;
  Check(cudaMemcpy2D(part.data(), 100, corner, pitch, 100, 50, cudaMemcpyDeviceToHost), "cudaMemcpy2D out");
  for (std::size_t y = 0; y < 50; ++y) {
    const bool same = std::memcmp(&part[y * 100], &picture[(y + 20) * kWidth + 10], 100) == 0;
    Expect(same, "row " + std::to_string(y) + " is wrong");
  }
  return Fingerprint(part);
}

std::uint64_t Fills() {
  constexpr std::size_t kBytes = (1u << 20) + 7;
  const DeviceArray<unsigned char> device(kBytes);
  Check(cudaMemset(device.data(), 0x11, kBytes), "cudaMemset");
  Check(cudaMemset(device.data() + 13, 0x22, 1001), "cudaMemset");
  Check(cudaMemset2D(device.data() + 4096, 512, 0x33, 100, 64), "cudaMemset2D");
  std::vector<unsigned char> expected(kBytes, 0x11);
  std::fill_n(expected.begin() + 13, 1001, 0x22);
  for (std::size_t row = 0; row < 64; ++row) std::fill_n(expected.begin() + 4096 + row * 512, 100, 0x33);
  const std::vector<unsigned char> result = device.Read();
  Expect(result == expected, "a byte is wrong");
  return Fingerprint(result);
}

std::uint64_t PointerAttributes() {
  const DeviceArray<unsigned> device(16);
  cudaPointerAttributes attributes = {};
  Check(cudaPointerGetAttributes(&attributes, device.data() + 3), "cudaPointerGetAttributes");
  Expect(attributes.type == cudaMemoryTypeDevice && attributes.device == 0, "device memory is not known as such");
  Expect(attributes.devicePointer == device.data() + 3, "the device pointer is another");
  unsigned on_stack = 0;
  Check(cudaPointerGetAttributes(&attributes, &on_stack), "cudaPointerGetAttributes of ordinary memory");
  Expect(attributes.type == cudaMemoryTypeUnregistered, "ordinary memory is known to CUDA");
  std::size_t free_bytes = 0;
  std::size_t total_bytes = 0;
  Check(cudaMemGetInfo(&free_bytes, &total_bytes), "cudaMemGetInfo");
  Expect(free_bytes <= total_bytes && total_bytes > 0, "more memory is free than there is");
  return Fingerprint(&attributes.type, sizeof attributes.type);
}

}  // namespace paella::gpu_test
