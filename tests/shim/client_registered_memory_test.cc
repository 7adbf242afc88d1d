// cuMemHostRegister: memory that the program has becomes the GPU's too, where it is and as it is.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "client_fixture.h"
#include "shim/client.h"
#include "shim/page_exchange.h"

namespace paella {
namespace {

constexpr std::size_t kPage = 4096;

// Some pages of the program's own.
class Pages {
 public:
  explicit Pages(std::size_t count, int protection = PROT_READ | PROT_WRITE,
                 int flags = MAP_PRIVATE | MAP_ANONYMOUS)
      : size_(count * kPage) {
    void* const memory = mmap(nullptr, size_, protection, flags, -1, 0);
    data_ = memory == MAP_FAILED ? nullptr : static_cast<unsigned char*>(memory);
    if (data_ != nullptr && (protection & PROT_WRITE) != 0) std::iota(data_, data_ + size_, 0);
  }
  ~Pages() { munmap(data_, size_); }
  Pages(const Pages&) = delete;

  unsigned char* data() const { return data_; }
  std::size_t size() const { return size_; }
  CUdeviceptr address(std::size_t offset = 0) const { return reinterpret_cast<CUdeviceptr>(data_ + offset); }
  bool HoldsWhatItHeld(std::size_t from = 0) const {
    for (std::size_t i = from; i < size_; ++i) {
      if (data_[i] != static_cast<unsigned char>(i)) return false;
    }
    return true;
  }

 private:
  std::size_t size_;
  unsigned char* data_;
};

class ClientRegisteredMemoryTest : public ClientTest {
 protected:
  // What a kernel would do: it writes at the program's own address, without asking for another.
  static void WriteByGpu(CUdeviceptr address, unsigned char value, std::size_t bytes) {
    EXPECT_EQ(cuMemsetD8_v2(address, value, bytes), CUDA_SUCCESS);
  }
};

TEST_F(ClientRegisteredMemoryTest, TheGpuSeesWhatTheProgramSeesAtItsAddress) {
  const Pages pages(3);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data(), pages.size(), CU_MEMHOSTREGISTER_DEVICEMAP), CUDA_SUCCESS);
  EXPECT_TRUE(pages.HoldsWhatItHeld());
  const CUdeviceptr device = Allocate(pages.size());
  EXPECT_EQ(cuMemcpyHtoD_v2(device, pages.data(), pages.size()), CUDA_SUCCESS);
  std::vector<unsigned char> read(pages.size());
  EXPECT_EQ(cuMemcpyDtoH_v2(read.data(), device, read.size()), CUDA_SUCCESS);
  EXPECT_EQ(std::memcmp(read.data(), pages.data(), read.size()), 0);

  WriteByGpu(pages.address(100), 0xee, 5000);
  EXPECT_EQ(pages.data()[99], 99);
  EXPECT_EQ(pages.data()[100], 0xee);
  EXPECT_EQ(pages.data()[5099], 0xee);
  EXPECT_EQ(pages.data()[5100], static_cast<unsigned char>(5100));
  EXPECT_EQ(cuMemcpyDtoH_v2(pages.data() + 7, device + 7, 8000), CUDA_SUCCESS);
  EXPECT_TRUE(pages.HoldsWhatItHeld());
}

TEST_F(ClientRegisteredMemoryTest, IsPinnedMemoryToWhoAsks) {
  const Pages pages(2);
  unsigned char* const inside = pages.data() + 300;
  ASSERT_EQ(cuMemHostRegister_v2(inside, 5000, CU_MEMHOSTREGISTER_PORTABLE), CUDA_SUCCESS);
  const auto address = reinterpret_cast<CUdeviceptr>(inside);
  unsigned type = 0;
  EXPECT_EQ(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address + 4999), CUDA_SUCCESS);
  EXPECT_EQ(type, unsigned{CU_MEMORYTYPE_HOST});
  CUdeviceptr pointer = 0;
  EXPECT_EQ(cuPointerGetAttribute(&pointer, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, address + 8), CUDA_SUCCESS);
  EXPECT_EQ(pointer, address + 8);
  EXPECT_EQ(cuPointerGetAttribute(&pointer, CU_POINTER_ATTRIBUTE_HOST_POINTER, address + 8), CUDA_SUCCESS);
  EXPECT_EQ(pointer, address + 8);
  EXPECT_EQ(cuPointerGetAttribute(&pointer, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, address + 8), CUDA_SUCCESS);
  EXPECT_EQ(pointer, address);
  EXPECT_EQ(cuMemHostGetDevicePointer_v2(&pointer, inside + 1, 0), CUDA_SUCCESS);
  EXPECT_EQ(pointer, address + 1);
  // What else is in its pages is the program's alone.
  EXPECT_EQ(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address - 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address + 5000), CUDA_ERROR_INVALID_VALUE);
  int value = 0;
  EXPECT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 1);
}

TEST_F(ClientRegisteredMemoryTest, UnregisteredItIsTheProgramsAloneWithItsContent) {
  const std::size_t before = daemon_.live_allocations();
  const Pages pages(4);
  unsigned char* const inside = pages.data() + 10;
  ASSERT_EQ(cuMemHostRegister_v2(inside, 2 * kPage, 0), CUDA_SUCCESS);
  WriteByGpu(reinterpret_cast<CUdeviceptr>(inside), 0x55, 20);
  EXPECT_EQ(cuMemHostUnregister(inside + 1), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  EXPECT_EQ(cuMemFreeHost(inside), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(cuMemHostUnregister(inside), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_allocations(), before);
  for (int i = 10; i < 30; ++i) EXPECT_EQ(pages.data()[i], 0x55);
  EXPECT_TRUE(pages.HoldsWhatItHeld(30));
  EXPECT_EQ(pages.data()[9], 9);
  EXPECT_EQ(cuMemHostUnregister(inside), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
  unsigned type = 0;
  constexpr auto kType = CU_POINTER_ATTRIBUTE_MEMORY_TYPE;
  EXPECT_EQ(cuPointerGetAttribute(&type, kType, pages.address(10)), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemHostRegister_v2(inside, 2 * kPage, 0), CUDA_SUCCESS);  // and once more
  EXPECT_EQ(cuMemHostUnregister(inside), CUDA_SUCCESS);
}

TEST_F(ClientRegisteredMemoryTest, MemoryIsRegisteredOnce) {
  const Pages pages(4);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data() + 100, kPage, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data() + 100, kPage, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data(), 4 * kPage, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data() + 50, 51, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data() + kPage + 99, 1, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data() + kPage + 100, 1, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data() + 2 * kPage, kPage, 0), CUDA_SUCCESS);
  void* pinned = nullptr;
  ASSERT_EQ(cuMemAllocHost_v2(&pinned, 64), CUDA_SUCCESS);
  EXPECT_EQ(cuMemHostRegister_v2(pinned, 64, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemHostUnregister(pinned), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

// Two small arrays on the heap, and one that begins beside them and goes on: the pages that they share are exchanged
// once, and stay until the last of them goes.
TEST_F(ClientRegisteredMemoryTest, NeighboursInAPageComeAndGoAlone) {
  const std::size_t before = daemon_.live_allocations();
  const Pages pages(4);
  const struct {
    std::size_t begin, bytes;
  } ranges[] = {{100, 50}, {150, 50}, {1000, 2 * kPage}, {2 * kPage + 2000, 8}, {3 * kPage + 10, 20}};
  std::vector<unsigned char> expected(pages.data(), pages.data() + pages.size());
  unsigned char value = 0x80;
  const auto write_by_gpu = [&](std::size_t i) {
    WriteByGpu(pages.address(ranges[i].begin), ++value, ranges[i].bytes);
    std::memset(expected.data() + ranges[i].begin, value, ranges[i].bytes);
    return std::memcmp(expected.data(), pages.data(), pages.size()) == 0;
  };
  // Each of them first, in the middle and last, so that every page is also given back by every one of its owners.
  for (const std::vector<std::size_t>& order : {std::vector<std::size_t>{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0},
                                               {2, 0, 3, 1, 4}, {3, 1, 4, 0, 2}}) {
    std::vector<std::size_t> registered;
    for (const std::size_t i : order) {
      ASSERT_EQ(cuMemHostRegister_v2(pages.data() + ranges[i].begin, ranges[i].bytes, 0), CUDA_SUCCESS);
      registered.push_back(i);
      for (const std::size_t other : registered) EXPECT_TRUE(write_by_gpu(other)) << i << " " << other;
    }
    while (!registered.empty()) {
      const std::size_t gone = registered.front();
      ASSERT_EQ(cuMemHostUnregister(pages.data() + ranges[gone].begin), CUDA_SUCCESS);
      registered.erase(registered.begin());
      for (const std::size_t other : registered) EXPECT_TRUE(write_by_gpu(other)) << gone << " " << other;
      expected[ranges[gone].begin] = pages.data()[ranges[gone].begin] = ++value;  // by the program
    }
    EXPECT_EQ(daemon_.live_allocations(), before);
  }
}

// One copy over the end of the shared page, whose pages lie apart in the arena.
TEST_F(ClientRegisteredMemoryTest, ACopyRunsOutOfASharedPage) {
  const Pages pages(3);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data() + 10, 10, 0), CUDA_SUCCESS);
  const Pages other(1);
  ASSERT_EQ(cuMemHostRegister_v2(other.data(), other.size(), 0), CUDA_SUCCESS);  // takes the arena's next pages
  ASSERT_EQ(cuMemHostRegister_v2(pages.data() + 20, 2 * kPage, 0), CUDA_SUCCESS);
  const CUdeviceptr device = Allocate(2 * kPage);
  EXPECT_EQ(cuMemcpyHtoD_v2(device, pages.data() + 20, 2 * kPage), CUDA_SUCCESS);
  WriteByGpu(pages.address(20), 0, 2 * kPage);
  EXPECT_EQ(pages.data()[19], 19);
  EXPECT_EQ(pages.data()[20], 0);
  EXPECT_EQ(pages.data()[2 * kPage + 19], 0);
  EXPECT_EQ(cuMemcpyDtoH_v2(pages.data() + 20, device, 2 * kPage), CUDA_SUCCESS);
  EXPECT_TRUE(pages.HoldsWhatItHeld());
}

// A page that was exchanged, and is not there any more: what the program has instead is not what the GPU would see.
TEST_F(ClientRegisteredMemoryTest, NoNeighbourWhereThePageWasReplaced) {
  const Pages pages(2);
  unsigned char* const first = pages.data() + kPage + 10;
  ASSERT_EQ(cuMemHostRegister_v2(first, 10, 0), CUDA_SUCCESS);
  ASSERT_EQ(mmap(pages.data() + kPage, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
            pages.data() + kPage);
  EXPECT_EQ(cuMemHostRegister_v2(first + 100, 10, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data(), kPage + 10, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  first[100] = 42;
  EXPECT_EQ(cuMemHostUnregister(first), CUDA_SUCCESS);
  ASSERT_EQ(cuMemHostRegister_v2(first + 100, 10, 0), CUDA_SUCCESS);
  WriteByGpu(pages.address(kPage + 111), 7, 1);
  EXPECT_EQ(first[100], 42);
  EXPECT_EQ(first[101], 7);
}

// It has moved with both of them, and goes back to the program with the second.
TEST_F(ClientRegisteredMemoryTest, ASharedPageThatTheProgramHasMoved) {
  const Pages pages(2);
  unsigned char* const registered = pages.data() + 100;
  ASSERT_EQ(cuMemHostRegister_v2(registered, 10, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuMemHostRegister_v2(registered + 10, 10, 0), CUDA_SUCCESS);
  ASSERT_EQ(mremap(pages.data(), kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, pages.data() + kPage),
            pages.data() + kPage);
  EXPECT_EQ(cuMemHostUnregister(registered), CUDA_SUCCESS);
  WriteByGpu(pages.address(110), 0x99, 10);
  EXPECT_EQ(pages.data()[kPage + 110], 0x99);
  EXPECT_EQ(cuMemHostUnregister(registered + 10), CUDA_SUCCESS);
  EXPECT_EQ(pages.data()[kPage + 110], 0x99);
  EXPECT_EQ(pages.data()[kPage + 5], 5);
}

// As realloc() moves a large block. The pages are given back to the arena afterwards, so none of them may stay in use.
TEST_F(ClientRegisteredMemoryTest, PagesThatTheProgramHasMovedBecomePrivateWhereTheyAre) {
  constexpr std::size_t kBytes = 3 * kPage;
  void* const place = mmap(nullptr, 2 * kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(place, MAP_FAILED);
  auto* const before = static_cast<unsigned char*>(place);
  std::iota(before, before + kBytes, 0);
  ASSERT_EQ(cuMemHostRegister_v2(before, kBytes, 0), CUDA_SUCCESS);
  void* const moved = mremap(before, 2 * kPage, 2 * kPage, MREMAP_MAYMOVE | MREMAP_FIXED, before + kBytes);
  ASSERT_EQ(moved, before + kBytes);
  EXPECT_EQ(cuMemHostUnregister(before), CUDA_SUCCESS);
  void* pinned = nullptr;
  ASSERT_EQ(cuMemHostAlloc(&pinned, kBytes, 0), CUDA_SUCCESS);
  std::memset(pinned, 77, kBytes);
  const auto* const after = static_cast<unsigned char*>(moved);
  for (std::size_t i = 0; i < 2 * kPage; ++i) ASSERT_EQ(after[i], static_cast<unsigned char>(i)) << i;
  for (std::size_t i = 2 * kPage; i < kBytes; ++i) ASSERT_EQ(before[i], static_cast<unsigned char>(i)) << i;
  EXPECT_EQ(munmap(before + 2 * kPage, 2 * kBytes - 2 * kPage), 0);
}

TEST_F(ClientRegisteredMemoryTest, WhatIsNoSuchMemoryIsRefusedAndStaysAsItIs) {
  const Pages pages(3);
  const auto refused = [](const void* p, std::size_t bytes, CUresult error, unsigned flags = 0) {
    EXPECT_EQ(cuMemHostRegister_v2(const_cast<void*>(p), bytes, flags), error);
  };
  refused(nullptr, 1, CUDA_ERROR_INVALID_VALUE);
  refused(pages.data(), 0, CUDA_ERROR_INVALID_VALUE);
  refused(pages.data(), ~std::size_t{0}, CUDA_ERROR_INVALID_VALUE);
  refused(pages.data(), 1, CUDA_ERROR_INVALID_VALUE, 0x100);
  refused(pages.data(), 1, CUDA_ERROR_NOT_SUPPORTED, CU_MEMHOSTREGISTER_READ_ONLY);
  refused(pages.data(), 1, CUDA_ERROR_NOT_SUPPORTED, CU_MEMHOSTREGISTER_IOMEMORY);
  refused(reinterpret_cast<void*>(Allocate(64)), 64, CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(munmap(pages.data() + kPage, kPage), 0);
  refused(pages.data(), 3 * kPage, CUDA_ERROR_INVALID_VALUE);  // a hole
  const Pages read_only(1, PROT_READ);
  refused(read_only.data(), kPage, CUDA_ERROR_INVALID_VALUE);
  const Pages shared(1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS);
  refused(shared.data(), kPage, CUDA_ERROR_NOT_SUPPORTED);
  const Pages code(1, PROT_READ | PROT_WRITE | PROT_EXEC);
  refused(code.data(), kPage, CUDA_ERROR_NOT_SUPPORTED);
  int on_stack = 17;
  refused(&on_stack, sizeof on_stack, CUDA_ERROR_NOT_SUPPORTED);
  std::thread([&] {
    EXPECT_EQ(cuCtxSetCurrent(context_), CUDA_SUCCESS);
    int on_its_stack = 18;
    refused(&on_its_stack, sizeof on_its_stack, CUDA_ERROR_NOT_SUPPORTED);
  }).join();
  EXPECT_EQ(pages.data()[5], 5);
  EXPECT_TRUE(shared.HoldsWhatItHeld());
  EXPECT_TRUE(code.HoldsWhatItHeld());
}

TEST_F(ClientRegisteredMemoryTest, WhatTheDaemonCannotTakeStaysAsItIs) {
  const Pages pages(2);
  daemon_.RefuseToRegister(CUDA_ERROR_NOT_SUPPORTED);  // its own memory is at that address
  EXPECT_EQ(cuMemHostRegister_v2(pages.data(), pages.size(), 0), CUDA_ERROR_NOT_SUPPORTED);
  daemon_.RefuseToRegister(CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data(), pages.size(), 0), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_TRUE(pages.HoldsWhatItHeld());
  daemon_.RefuseToRegister(0);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data(), pages.size(), 0), CUDA_SUCCESS);
}

// What an allocator gives begins and ends somewhere in a page, beside what others were given and its own notes.
TEST_F(ClientRegisteredMemoryTest, AllocatedMemoryCanBeRegisteredAndItsNeighboursGoOn) {
  std::vector<std::vector<unsigned char>> neighbours;
  for (int i = 0; i < 20; ++i) neighbours.emplace_back(5000 + i, static_cast<unsigned char>(i));
  for (const int i : {3, 9, 15}) {
    ASSERT_EQ(cuMemHostRegister_v2(neighbours[i].data(), neighbours[i].size(), 0), CUDA_SUCCESS);
    WriteByGpu(reinterpret_cast<CUdeviceptr>(neighbours[i].data()), 0xab, neighbours[i].size());
  }
  for (const int i : {2, 4, 8, 10, 14, 16}) neighbours[i].assign(9000, static_cast<unsigned char>(i));
  for (const int i : {3, 9, 15}) {
    EXPECT_EQ(neighbours[i], std::vector<unsigned char>(5000 + i, 0xab));
    EXPECT_EQ(cuMemHostUnregister(neighbours[i].data()), CUDA_SUCCESS);
    EXPECT_EQ(neighbours[i], std::vector<unsigned char>(5000 + i, 0xab));
  }
  for (const int i : {2, 4, 8, 10, 14, 16}) {
    EXPECT_EQ(neighbours[i], std::vector<unsigned char>(9000, static_cast<unsigned char>(i)));
  }
}

// Variables of the program are private pages of its file.
TEST_F(ClientRegisteredMemoryTest, GlobalVariablesCanBeRegistered) {
  alignas(kPage) static unsigned char variable[2 * kPage] = {1, 2, 3};
  ASSERT_EQ(cuMemHostRegister_v2(variable, sizeof variable, 0), CUDA_SUCCESS);
  EXPECT_EQ(variable[2], 3);
  WriteByGpu(reinterpret_cast<CUdeviceptr>(variable + 1), 9, 1);
  EXPECT_EQ(variable[1], 9);
  ASSERT_EQ(cuMemHostUnregister(variable), CUDA_SUCCESS);
  EXPECT_EQ(variable[1], 9);
  EXPECT_EQ(variable[2], 3);
}

// A thread that writes meanwhile waits while the pages are exchanged: nothing that it wrote is lost.
TEST_F(ClientRegisteredMemoryTest, WritesOfOtherThreadsAreNotLost) {
  constexpr std::size_t kPages = 64;
  const Pages pages(kPages);
  if (const shim::WriteHold hold(pages.address(), pages.size()); !hold.holds()) {
    GTEST_SKIP() << "this kernel does not let writes wait";
  }
  std::atomic<bool> stop{false};
  const auto word = [&](std::size_t page) {
    return reinterpret_cast<volatile unsigned*>(pages.data() + page * kPage + 64);
  };
  for (std::size_t page = 0; page < kPages; ++page) *word(page) = 0;
  std::atomic<unsigned> rounds{0};
  std::thread writer([&] {
    while (!stop) {
      for (std::size_t page = 0; page < kPages; ++page) *word(page) = *word(page) + 1;
      ++rounds;
    }
  });
  for (int i = 0; i < 100; ++i) {
    const unsigned before = rounds;
    ASSERT_EQ(cuMemHostRegister_v2(pages.data(), pages.size(), 0), CUDA_SUCCESS);
    ASSERT_EQ(cuMemHostUnregister(pages.data()), CUDA_SUCCESS);
    while (rounds == before) std::this_thread::yield();
  }
  stop = true;
  writer.join();
  for (std::size_t page = 0; page < kPages; ++page) EXPECT_EQ(*word(page), rounds);
}

TEST_F(ClientRegisteredMemoryTest, AForkedChildHasItForItself) {
  const Pages pages(5);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data() + 40, pages.size() - 80, 0), CUDA_SUCCESS);
  const pid_t child = fork();
  if (child == 0) {
    if (!pages.HoldsWhatItHeld()) _exit(1);
    std::memset(pages.data(), 0x77, pages.size());
    _exit(pages.data()[2 * kPage] == 0x77 ? 0 : 2);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(pages.HoldsWhatItHeld());
  WriteByGpu(pages.address(kPage), 0x11, 1);  // and it is still the GPU's
  EXPECT_EQ(pages.data()[kPage], 0x11);
}

// Other things of the program are in these pages, so the child has a copy of its own from the start. Two of them lie
// side by side here and in the arena.
TEST_F(ClientRegisteredMemoryTest, AForkedChildHasPartsOfPagesAsTheyWere) {
  const Pages pages(4);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data() + 10, 2 * kPage - 20, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data() + 2 * kPage + 10, 2 * kPage - 20, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data(), 5, 0), CUDA_SUCCESS);
  int begun[2], written[2];
  ASSERT_TRUE(pipe(begun) == 0 && pipe(written) == 0);
  char byte = 0;
  const pid_t child = fork();
  if (child == 0) {
    const bool is_told = write(begun[1], &byte, 1) == 1 && read(written[0], &byte, 1) == 1;
    _exit(is_told && pages.HoldsWhatItHeld() ? 0 : 1);
  }
  ASSERT_EQ(read(begun[0], &byte, 1), 1);
  std::memset(pages.data(), 0x77, pages.size());
  ASSERT_EQ(write(written[1], &byte, 1), 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  for (const int end : {begun[0], begun[1], written[0], written[1]}) close(end);
}

// What the program has put there meanwhile is not touched.
TEST_F(ClientRegisteredMemoryTest, MemoryThatWasUnmappedBeforeItWasUnregistered) {
  const std::size_t before = daemon_.live_allocations();
  const Pages pages(2);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data(), pages.size(), 0), CUDA_SUCCESS);
  ASSERT_EQ(mmap(pages.data(), pages.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
            pages.data());
  pages.data()[0] = 42;
  EXPECT_EQ(cuMemHostUnregister(pages.data()), CUDA_SUCCESS);
  EXPECT_EQ(pages.data()[0], 42);
  EXPECT_EQ(pages.data()[1], 0);
  EXPECT_EQ(daemon_.live_allocations(), before);
}

// Pages that cannot be found must not be given back: the daemon would hand them to others.
TEST_F(ClientRegisteredMemoryTest, StaysRegisteredWhileAnotherFileHasTheArenasDescriptor) {
  const std::size_t before = daemon_.live_allocations();
  const Pages pages(2);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data(), pages.size(), 0), CUDA_SUCCESS);
  const int arena = shim::ready_client.load()->connection.arena_memory.get();
  const int kept = dup(arena), other = open("/dev/null", O_RDWR | O_CLOEXEC);
  ASSERT_EQ(dup2(other, arena), arena);
  EXPECT_EQ(cuMemHostUnregister(pages.data()), CUDA_ERROR_OPERATING_SYSTEM);
  ASSERT_EQ(dup2(kept, arena), arena);
  close(kept);
  close(other);
  WriteByGpu(pages.address(), 0x11, 8);
  EXPECT_EQ(pages.data()[7], 0x11);
  EXPECT_EQ(cuMemHostUnregister(pages.data()), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_allocations(), before);
  EXPECT_TRUE(pages.HoldsWhatItHeld(8));
}

TEST_F(ClientRegisteredMemoryTest, GoesWithItsContext) {
  const std::size_t before = daemon_.live_allocations();
  const Pages pages(2);
  ASSERT_EQ(cuMemHostRegister_v2(pages.data(), pages.size(), 0), CUDA_SUCCESS);
  ASSERT_EQ(cuDevicePrimaryCtxReset_v2(0), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.live_allocations(), before);
  EXPECT_TRUE(pages.HoldsWhatItHeld());
}

TEST_F(ClientRegisteredMemoryTest, IsNotRegisteredDuringACapture) {
  const Pages pages(1);
  CUstream stream;
  ASSERT_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_SUCCESS);
  EXPECT_EQ(cuMemHostRegister_v2(pages.data(), kPage, 0), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_TRUE(pages.HoldsWhatItHeld());
}

}  // namespace
}  // namespace paella
