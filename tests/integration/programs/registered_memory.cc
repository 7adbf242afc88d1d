// Memory that the program has already and registers: kernels use its own address, copies go to it and from it.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <numeric>
#include <vector>

#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

using examples::Check;
using examples::DeviceBuffer;

// Mapped by itself: what a sanitizer's allocator gives has the same addresses in every process, also in the daemon's.
class Numbers {
 public:
  explicit Numbers(std::size_t count) : bytes_(count * sizeof(unsigned)) {
    void* const memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Expect(memory != MAP_FAILED, "no memory");
    values_ = static_cast<unsigned*>(memory);
    std::iota(values_, values_ + count, 0u);
  }
  ~Numbers() { munmap(values_, bytes_); }
  Numbers(const Numbers&) = delete;
  unsigned* data() const { return values_; }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
  unsigned* values_;
};

CUdeviceptr Address(const unsigned* values) { return reinterpret_cast<CUdeviceptr>(values); }

// The middle of it, from an odd place: what is around it in the same pages stays the program's.
void ByKernelsAndCopies(const Kernels& kernels) {
  constexpr unsigned kAll = 100000, kFirst = 77, kCount = 60001;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  const Numbers numbers(kAll);
  unsigned* const middle = numbers.data() + kFirst;
  const std::size_t bytes = kCount * sizeof(unsigned);
  Check(cuMemHostRegister(middle, bytes, CU_MEMHOSTREGISTER_DEVICEMAP), "cuMemHostRegister");
  ExpectResult(cuMemHostRegister(middle, bytes, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "registering twice");
  CUdeviceptr pointer = 0;
  Check(cuMemHostGetDevicePointer(&pointer, middle, 0), "cuMemHostGetDevicePointer");
  Expect(pointer == Address(middle), "the GPU knows the memory by its own address");

  kernels.Mix(Address(middle), kCount, 3, stream);
  stream.Synchronize();
  for (unsigned i = 0; i < kAll; ++i) {
    const bool inside = i >= kFirst && i < kFirst + kCount;
    Expect(numbers.data()[i] == (inside ? Mixed(i, 3) : i), "what a kernel made of registered memory");
  }
  const DeviceBuffer device(bytes);
  for (unsigned i = 0; i < kCount; ++i) middle[i] = 5 * i;
  Check(cuMemcpyHtoDAsync(device.address(), middle, bytes, stream), "cuMemcpyHtoDAsync");
  kernels.Mix(device.address(), kCount, 1, stream);
  Check(cuMemcpyDtoHAsync(middle, device.address(), bytes, stream), "cuMemcpyDtoHAsync");
  stream.Synchronize();
  for (unsigned i = 0; i < kCount; ++i) Expect(middle[i] == Mixed(5 * i, 1), "copies of registered memory");

  Check(cuMemHostUnregister(middle), "cuMemHostUnregister");
  for (unsigned i = 0; i < kCount; ++i) Expect(middle[i] == Mixed(5 * i, 1), "memory that was registered");
  Expect(numbers.data()[kFirst - 1] == kFirst - 1, "what lies before it");
  ExpectResult(cuMemHostUnregister(middle), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "unregistering twice");
}

void ManyTimes(const Kernels& kernels) {
  constexpr unsigned kCount = 5000;
  const Numbers numbers(kCount);
  for (unsigned round = 0; round < 30; ++round) {
    Check(cuMemHostRegister(numbers.data(), numbers.bytes(), 0), "cuMemHostRegister");
    kernels.Fill(Address(numbers.data()), kCount, round, nullptr);
    Check(cuCtxSynchronize(), "cuCtxSynchronize");
    Check(cuMemHostUnregister(numbers.data()), "cuMemHostUnregister");
    for (unsigned i = 0; i < kCount; ++i) Expect(numbers.data()[i] == round + i, "memory registered again");
  }
}

// Arrays that share pages, the third of which goes on where nothing is registered yet: each is used by kernels and
// copies while others come and go.
void NeighboursInAPage(const Kernels& kernels) {
  const Stream stream(CU_STREAM_NON_BLOCKING);
  const Numbers numbers(8192);
  std::vector<unsigned> expected(numbers.data(), numbers.data() + 8192);
  struct Part {
    unsigned first, count;
  };
  const Part parts[] = {{10, 20}, {30, 1}, {500, 3000}, {3500, 7}, {3600, 2000}};
  const DeviceBuffer device(8192 * sizeof(unsigned));
  unsigned seed = 0;
  const auto use = [&](const Part& part) {
    unsigned* const begin = numbers.data() + part.first;
    const std::size_t bytes = part.count * sizeof(unsigned);
    kernels.Fill(Address(begin), part.count, ++seed, stream);
    Check(cuMemcpyHtoDAsync(device.address(), begin, bytes, stream), "cuMemcpyHtoDAsync");
    kernels.Mix(device.address(), part.count, 1, stream);
    Check(cuMemcpyDtoHAsync(begin, device.address(), bytes, stream), "cuMemcpyDtoHAsync");
    for (unsigned i = 0; i < part.count; ++i) expected[part.first + i] = Mixed(seed + i, 1);
  };
  for (unsigned round = 0; round < 5; ++round) {
    for (unsigned i = 0; i < 5; ++i) {
      const Part& part = parts[(round + i) % 5];
      Check(cuMemHostRegister(numbers.data() + part.first, part.count * sizeof(unsigned), 0), "a neighbour comes");
      for (unsigned other = 0; other <= i; ++other) use(parts[(round + other) % 5]);
    }
    ExpectResult(cuMemHostRegister(numbers.data() + 29, 8, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED,
                 "registering what is registered in part");
    for (unsigned i = 0; i < 5; ++i) {
      stream.Synchronize();
      for (unsigned other = i + 1; other < 5; ++other) use(parts[(2 * round + other) % 5]);  // meanwhile
      Check(cuMemHostUnregister(numbers.data() + parts[(2 * round + i) % 5].first), "a neighbour goes");
    }
    for (unsigned i = 0; i < 8192; ++i) Expect(numbers.data()[i] == expected[i], "memory beside registered memory");
  }
}

void InTheChildOfAFork() {
  const Numbers numbers(4096);
  Check(cuMemHostRegister(numbers.data(), numbers.bytes(), 0), "cuMemHostRegister");
  const pid_t child = fork();
  if (child == 0) {
    const bool has_it = numbers.data()[4095] == 4095;
    for (unsigned i = 0; i < 4096; ++i) numbers.data()[i] = 1;
    _exit(has_it ? 0 : 1);
  }
  int status = -1;
  Expect(waitpid(child, &status, 0) == child && status == 0, "the child has the content");
  for (unsigned i = 0; i < 4096; ++i) Expect(numbers.data()[i] == i, "what the child writes is the child's");
  Check(cuMemHostUnregister(numbers.data()), "cuMemHostUnregister");
}

}  // namespace

int RegisteredMemory(Arguments) {
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  ByKernelsAndCopies(kernels);
  ManyTimes(kernels);
  NeighboursInAPage(kernels);
  InTheChildOfAFork();
  Say("registered memory: every byte is right");
  return 0;
}

}  // namespace paella::integration
