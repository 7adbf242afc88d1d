// Memory of the host that the GPU comes to know: registered, managed with hints. And memory pools.
#include <algorithm>
#include <memory>
#include <numeric>

#include "tests/gpu/cudart/check.h"
#include "tests/gpu/cudart/checks.h"

namespace paella::gpu_test {
namespace {

constexpr unsigned kThreads = 256;

__global__ void AddIndex(unsigned* values, unsigned count) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) values[i] += i;
}

void Launch(unsigned* values, unsigned count, cudaStream_t stream) {
  AddIndex<<<(count + kThreads - 1) / kThreads, kThreads, 0, stream>>>(values, count);
  Check(cudaGetLastError(), "launch");
}

struct FreeDevice {
  void operator()(void* memory) const { cudaFree(memory); }
};

std::vector<unsigned> Counted(unsigned count, unsigned factor) {
  std::vector<unsigned> values(count);
  for (unsigned i = 0; i < count; ++i) values[i] = i * factor;
  return values;
}

class Pool {
 public:
  Pool() {
    cudaMemPoolProps properties = {};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location.type = cudaMemLocationTypeDevice;
    Check(cudaMemPoolCreate(&pool_, &properties), "cudaMemPoolCreate");
  }
  ~Pool() { cudaMemPoolDestroy(pool_); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  operator cudaMemPool_t() const { return pool_; }

  std::uint64_t Value(cudaMemPoolAttr attribute) const {
    std::uint64_t value = 0;
    Check(cudaMemPoolGetAttribute(pool_, attribute, &value), "cudaMemPoolGetAttribute");
    return value;
  }

 private:
  cudaMemPool_t pool_ = nullptr;
};

std::uint64_t CodeOf(cudaError_t result) {
  cudaGetLastError();
  return static_cast<std::uint64_t>(result) & 0xffff;
}

}  // namespace

// The middle of an ordinary array, which kernels use by its own address; what is around it stays the program's.
std::uint64_t RegisteredMemory() {
  constexpr unsigned kAll = 1u << 20;
  constexpr unsigned kFirst = 1001;
  constexpr unsigned kCount = kAll - 5003;
  std::vector<unsigned> values = Counted(kAll, 1);
  unsigned* const middle = values.data() + kFirst;
  Check(cudaHostRegister(middle, kCount * sizeof(unsigned), cudaHostRegisterMapped), "cudaHostRegister");
  Expect(values == Counted(kAll, 1), "registering has changed the content");
  void* pointer = nullptr;
  Check(cudaHostGetDevicePointer(&pointer, middle, 0), "cudaHostGetDevicePointer");
  Expect(pointer == middle, "the GPU knows the memory by another address");
  cudaPointerAttributes attributes = {};
  Check(cudaPointerGetAttributes(&attributes, middle + 5), "cudaPointerGetAttributes");
  Expect(attributes.type == cudaMemoryTypeHost && attributes.hostPointer == middle + 5, "it is not known as pinned");

  const Stream stream;
  Launch(middle, kCount, stream);
  const DeviceArray<unsigned> device(kCount);
  Check(cudaMemcpyAsync(device.data(), middle, device.bytes(), cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync in");
  Launch(device.data(), kCount, stream);
  Check(cudaMemcpyAsync(middle, device.data(), device.bytes(), cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync out");
  stream.Wait();
  Check(cudaHostUnregister(middle), "cudaHostUnregister");
  std::vector<unsigned> expected = Counted(kAll, 1);
  for (unsigned i = 0; i < kCount; ++i) expected[kFirst + i] += 2 * i;
  Expect(values == expected, "a value is wrong");
  return Fingerprint(values);
}

// Two arrays that share a page, each beyond it in its own direction: used at once, and one of them still when the other
// is not registered any more.
std::uint64_t RegisteredNeighbours() {
  constexpr unsigned kAll = 1u << 16;
  constexpr unsigned kBorder = 30011;  // inside a page
  std::vector<unsigned> values = Counted(kAll, 1);
  unsigned* const first = values.data() + 5;
  unsigned* const second = values.data() + kBorder;
  constexpr unsigned kFirstCount = kBorder - 5, kSecondCount = kAll - kBorder - 7;
  Check(cudaHostRegister(first, kFirstCount * sizeof(unsigned), cudaHostRegisterMapped), "cudaHostRegister");
  Check(cudaHostRegister(second, kSecondCount * sizeof(unsigned), cudaHostRegisterMapped), "cudaHostRegister beside");
  const Stream stream;
  Launch(first, kFirstCount, stream);
  Launch(second, kSecondCount, stream);
  stream.Wait();
  Check(cudaHostUnregister(first), "cudaHostUnregister");
  const DeviceArray<unsigned> device(kSecondCount);
  Check(cudaMemcpyAsync(device.data(), second, device.bytes(), cudaMemcpyHostToDevice, stream), "cudaMemcpyAsync in");
  Launch(device.data(), kSecondCount, stream);
  Check(cudaMemcpyAsync(second, device.data(), device.bytes(), cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync out");
  Launch(second, kSecondCount, stream);
  stream.Wait();
  Check(cudaHostUnregister(second), "cudaHostUnregister beside it");
  std::vector<unsigned> expected = Counted(kAll, 1);
  for (unsigned i = 0; i < kFirstCount; ++i) expected[5 + i] += i;
  for (unsigned i = 0; i < kSecondCount; ++i) expected[kBorder + i] += 3 * i;
  Expect(values == expected, "a value is wrong");
  return Fingerprint(values);
}

// Codes of four calls, 16 bits each: memory in a page where something is registered already, pinned memory, flags of
// memory that is registered and not allocated, and freeing it.
std::uint64_t RegistrationErrors() {
  std::vector<unsigned char> values(1 << 20);
  Check(cudaHostRegister(values.data(), 1 << 18, cudaHostRegisterDefault), "cudaHostRegister");
  unsigned flags = 0;
  const std::uint64_t flags_of_it = CodeOf(cudaHostGetFlags(&flags, values.data()));
  const std::uint64_t freed = CodeOf(cudaFreeHost(values.data()));
  const std::uint64_t again = CodeOf(cudaHostRegister(values.data(), 1 << 18, cudaHostRegisterDefault));
  Expect(freed == cudaSuccess || again == cudaErrorHostMemoryAlreadyRegistered, "memory can be registered twice");
  const std::uint64_t same_page = CodeOf(cudaHostRegister(values.data() + (1 << 18), 16, cudaHostRegisterDefault));
  if (same_page == cudaSuccess) Check(cudaHostUnregister(values.data() + (1 << 18)), "cudaHostUnregister beside it");
  Check(cudaHostUnregister(values.data()), "cudaHostUnregister");
  Expect(CodeOf(cudaHostUnregister(values.data())) == cudaErrorHostMemoryNotRegistered, "it is registered still");
  void* pinned = nullptr;
  Check(cudaMallocHost(&pinned, 4096), "cudaMallocHost");
  const std::uint64_t is_pinned = CodeOf(cudaHostRegister(pinned, 4096, cudaHostRegisterDefault));
  Check(cudaFreeHost(pinned), "cudaFreeHost");
  return same_page << 48 | is_pinned << 32 | flags_of_it << 16 | freed;
}

std::uint64_t MemoryPools() {
  constexpr unsigned kCount = 1u << 18;
  constexpr std::uint64_t kBytes = kCount * sizeof(unsigned);
  const Pool pool;
  const Stream stream;
  unsigned* memory = nullptr;
  Check(cudaMallocFromPoolAsync(&memory, kBytes, pool, stream), "cudaMallocFromPoolAsync");
  Expect(pool.Value(cudaMemPoolAttrUsedMemCurrent) >= kBytes, "the pool does not count what is used");
  Expect(pool.Value(cudaMemPoolAttrReservedMemCurrent) >= kBytes, "the pool does not count what it has");
  Check(cudaMemsetAsync(memory, 0, kBytes, stream), "cudaMemsetAsync");
  Launch(memory, kCount, stream);
  std::vector<unsigned> result(kCount);
  Check(cudaMemcpyAsync(result.data(), memory, kBytes, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
  Check(cudaFreeAsync(memory, stream), "cudaFreeAsync");
  stream.Wait();
  Expect(result == Counted(kCount, 1), "a value is wrong");
  Expect(pool.Value(cudaMemPoolAttrUsedMemCurrent) == 0, "freed memory is still counted");
  Expect(pool.Value(cudaMemPoolAttrUsedMemHigh) >= kBytes, "the mark is too low");

  Check(cudaDeviceSetMemPool(0, pool), "cudaDeviceSetMemPool");
  cudaMemPool_t current = nullptr;
  Check(cudaDeviceGetMemPool(&current, 0), "cudaDeviceGetMemPool");
  Expect(current == pool, "another pool is the current one");
  Check(cudaMallocAsync(&memory, kBytes, stream), "cudaMallocAsync");
  Expect(pool.Value(cudaMemPoolAttrUsedMemCurrent) >= kBytes, "memory did not come from the current pool");
  Check(cudaFreeAsync(memory, stream), "cudaFreeAsync");
  stream.Wait();
  Check(cudaMemPoolTrimTo(pool, 0), "cudaMemPoolTrimTo");
  Check(cudaDeviceGetDefaultMemPool(&current, 0), "cudaDeviceGetDefaultMemPool");
  Check(cudaDeviceSetMemPool(0, current), "cudaDeviceSetMemPool");
  return Fingerprint(result);
}

std::uint64_t ManagedHints() {
  constexpr unsigned kCount = 1u << 18;
  constexpr std::size_t kBytes = kCount * sizeof(unsigned);
  unsigned* memory = nullptr;
  Check(cudaMallocManaged(&memory, kBytes), "cudaMallocManaged");
  const std::unique_ptr<unsigned, FreeDevice> owner(memory);
  cudaMemLocation gpu = {};
  gpu.type = cudaMemLocationTypeDevice;
  cudaMemLocation host = {};
  host.type = cudaMemLocationTypeHost;
  const Stream stream;
  Check(cudaMemAdvise(memory, kBytes, cudaMemAdviseSetPreferredLocation, gpu), "cudaMemAdvise");
  Check(cudaMemAdvise(memory, kBytes, cudaMemAdviseSetAccessedBy, host), "cudaMemAdvise");
  std::iota(memory, memory + kCount, 0u);
  Check(cudaMemPrefetchAsync(memory, kBytes, gpu, 0, stream), "cudaMemPrefetchAsync");
  Launch(memory, kCount, stream);
  Check(cudaMemPrefetchAsync(memory, kBytes, host, 0, stream), "cudaMemPrefetchAsync");
  stream.Wait();
  Expect(std::equal(memory, memory + kCount, Counted(kCount, 2).begin()), "a value is wrong");
  int told[3] = {};
  const auto ask = [&](int& value, cudaMemRangeAttribute attribute) {
    Check(cudaMemRangeGetAttribute(&value, sizeof value, attribute, memory, kBytes), "cudaMemRangeGetAttribute");
  };
  ask(told[0], cudaMemRangeAttributePreferredLocation);
  ask(told[1], cudaMemRangeAttributeLastPrefetchLocation);
  ask(told[2], cudaMemRangeAttributeReadMostly);
  Expect(told[0] == 0 && told[1] == cudaCpuDeviceId && told[2] == 0, "hints are not told as they were given");
  Check(cudaStreamAttachMemAsync(stream, memory, 0, cudaMemAttachGlobal), "cudaStreamAttachMemAsync");
  stream.Wait();
  return Fingerprint(memory, kBytes);
}

}  // namespace paella::gpu_test
