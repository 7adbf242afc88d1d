// Allocation, virtual memory management, pointers, copies and fills.
#include <sys/mman.h>
#include <unistd.h>

#include "tests/simulated_gpu/test/support.h"

namespace paella::simulated_gpu {
namespace {

constexpr std::size_t kGranularity = 2 << 20;

using MemoryTest = GpuTest;

CUmemAllocationProp DeviceMemory() {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  return properties;
}

CUresult SetReadWrite(CUdeviceptr address, std::size_t bytes) {
  CUmemAccessDesc access{};
  access.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  return cuMemSetAccess(address, bytes, &access, 1);
}

TEST_F(MemoryTest, CountsWhatIsAllocated) {
  std::size_t free_before = 0, free_after = 0, total = 0;
  ASSERT_CU(cuMemGetInfo(&free_before, &total));
  CUdeviceptr address = 0;
  ASSERT_CU(cuMemAlloc(&address, 1 << 20));
  ASSERT_CU(cuMemGetInfo(&free_after, &total));
  EXPECT_EQ(free_before - free_after, std::size_t{1} << 20);
  EXPECT_EQ(cuMemAlloc(&address, total + 1), CUDA_ERROR_OUT_OF_MEMORY);
  ASSERT_CU(cuMemFree(address));
  EXPECT_EQ(cuMemFree(address), CUDA_ERROR_INVALID_VALUE);
  ASSERT_CU(cuMemGetInfo(&free_after, &total));
  EXPECT_EQ(free_before, free_after);
}

TEST_F(MemoryTest, AMappingIsReachedOnlyWithAccess) {
  const CUmemAllocationProp properties = DeviceMemory();
  CUmemGenericAllocationHandle handle = 0;
  CUdeviceptr window = 0;
  ASSERT_CU(cuMemCreate(&handle, kGranularity, &properties, 0));
  ASSERT_CU(cuMemAddressReserve(&window, 4 * kGranularity, 0, 0, 0));
  const CUdeviceptr address = window + kGranularity;
  EXPECT_EQ(cuMemsetD8(address, 1, 16), CUDA_ERROR_INVALID_VALUE);
  ASSERT_CU(cuMemMap(address, kGranularity, 0, handle, 0));
  EXPECT_EQ(cuMemsetD8(address, 1, 16), CUDA_ERROR_INVALID_VALUE);
  ASSERT_CU(SetReadWrite(address, kGranularity));
  EXPECT_CU(cuMemsetD8(address, 1, 16));
  EXPECT_EQ(cuMemMap(address, kGranularity, 0, handle, 0), CUDA_ERROR_INVALID_VALUE) << "mapped already";
  EXPECT_EQ(cuMemAddressFree(window, 4 * kGranularity), CUDA_ERROR_INVALID_VALUE) << "still mapped";
  ASSERT_CU(cuMemUnmap(address, kGranularity));
  EXPECT_EQ(cuMemsetD8(address, 1, 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CU(cuMemAddressFree(window, 4 * kGranularity));
  EXPECT_CU(cuMemRelease(handle));
  EXPECT_EQ(cuMemRelease(handle), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(MemoryTest, ReservesAtTheHintIfItIsFree) {
  constexpr CUdeviceptr kHint = 0x2000'0000'0000;
  CUdeviceptr first = 0, second = 0;
  ASSERT_CU(cuMemAddressReserve(&first, 64 * kGranularity, kGranularity, kHint, 0));
  EXPECT_EQ(first, kHint);
  ASSERT_CU(cuMemAddressReserve(&second, 64 * kGranularity, kGranularity, kHint, 0));
  EXPECT_NE(second, kHint);
  EXPECT_EQ(second % kGranularity, 0u);
  EXPECT_CU(cuMemAddressFree(first, 64 * kGranularity));
  EXPECT_CU(cuMemAddressFree(second, 64 * kGranularity));
}

TEST_F(MemoryTest, AKernelWorksInAReservedWindow) {
  const CUmemAllocationProp properties = DeviceMemory();
  CUmemGenericAllocationHandle handle = 0;
  CUdeviceptr window = 0;
  ASSERT_CU(cuMemCreate(&handle, kGranularity, &properties, 0));
  ASSERT_CU(cuMemAddressReserve(&window, kGranularity, 0, 0x2000'0000'0000, 0));
  ASSERT_CU(cuMemMap(window, kGranularity, 0, handle, 0));
  ASSERT_CU(SetReadWrite(window, kGranularity));
  ASSERT_CU(Launch(Load(StoreText(), "Store"), 1, 1, nullptr, window, CUdeviceptr{0}, 77u));
  EXPECT_EQ(FromDevice<unsigned>(window, 1)[0], 77u);
  EXPECT_CU(cuMemUnmap(window, kGranularity));
  EXPECT_CU(cuMemAddressFree(window, kGranularity));
  EXPECT_CU(cuMemRelease(handle));
}

// Maps `descriptor` as another process would that holds only the descriptor, and returns the address.
CUdeviceptr ImportAndMap(int descriptor, CUmemGenericAllocationHandle& handle) {
  CUdeviceptr address = 0;
  EXPECT_CU(cuMemImportFromShareableHandle(&handle, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)),
                                           CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR));
  EXPECT_CU(cuMemAddressReserve(&address, kGranularity, 0, 0, 0));
  EXPECT_CU(cuMemMap(address, kGranularity, 0, handle, 0));
  EXPECT_CU(SetReadWrite(address, kGranularity));
  return address;
}

TEST_F(MemoryTest, ExportedMemoryHoldsTheSameBytesEverywhere) {
  const CUmemAllocationProp properties = DeviceMemory();
  CUmemGenericAllocationHandle handle = 0, imported[2] = {};
  int descriptor = -1;
  ASSERT_CU(cuMemCreate(&handle, kGranularity, &properties, 0));
  ASSERT_CU(cuMemExportToShareableHandle(&descriptor, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  ASSERT_CU(cuMemRelease(handle));  // the descriptor keeps the memory
  const CUdeviceptr one = ImportAndMap(descriptor, imported[0]), other = ImportAndMap(descriptor, imported[1]);
  ASSERT_CU(cuMemsetD32(one, 0xabcd1234, 4));
  EXPECT_EQ(FromDevice<unsigned>(other, 4), std::vector<unsigned>(4, 0xabcd1234));
  // Any process can map it.
  void* const plain = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, descriptor, 0);
  ASSERT_NE(plain, MAP_FAILED);
  EXPECT_EQ(*static_cast<const unsigned*>(plain), 0xabcd1234);
  munmap(plain, 4096);
  close(descriptor);
  for (const CUdeviceptr address : {one, other}) {
    EXPECT_CU(cuMemUnmap(address, kGranularity));
    EXPECT_CU(cuMemAddressFree(address, kGranularity));
  }
  for (const auto import : imported) EXPECT_CU(cuMemRelease(import));
}

TEST_F(MemoryTest, KernelsReachRegisteredHostMemory) {
  const CUfunction store = Load(StoreText(), "Store");
  alignas(8) static unsigned word = 0;
  ASSERT_CU(cuMemHostRegister(&word, sizeof word, CU_MEMHOSTREGISTER_DEVICEMAP));
  EXPECT_EQ(cuMemHostRegister(&word, sizeof word, 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
  CUdeviceptr address = 0;
  ASSERT_CU(cuMemHostGetDevicePointer(&address, &word, 0));
  ASSERT_CU(Launch(store, 1, 1, nullptr, address, CUdeviceptr{0}, 5u));
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(word, 5u);
  ASSERT_CU(cuMemHostUnregister(&word));
  EXPECT_EQ(cuMemHostUnregister(&word), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

TEST_F(MemoryTest, AnswersQuestionsAboutPointers) {
  const CUdeviceptr address = ToDevice(std::vector<int>(100));
  CUmemorytype type{};
  ASSERT_CU(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address + 40));
  EXPECT_EQ(type, CU_MEMORYTYPE_DEVICE);
  CUdeviceptr base = 0;
  std::size_t bytes = 0;
  ASSERT_CU(cuMemGetAddressRange(&base, &bytes, address + 40));
  EXPECT_EQ(base, address);
  EXPECT_EQ(bytes, 400u);
  void* host = nullptr;
  ASSERT_CU(cuMemHostAlloc(&host, 64, 0));
  ASSERT_CU(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(host)));
  EXPECT_EQ(type, CU_MEMORYTYPE_HOST);
  ASSERT_CU(cuMemFreeHost(host));
  int plain = 0;
  EXPECT_EQ(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, reinterpret_cast<CUdeviceptr>(&plain)), CUDA_ERROR_INVALID_VALUE);
  CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE};
  void* answers[] = {&type};
  ASSERT_CU(cuPointerGetAttributes(1, attributes, answers, reinterpret_cast<CUdeviceptr>(&plain)));
  EXPECT_EQ(static_cast<int>(type), 0);
}

TEST_F(MemoryTest, CopiesToBadAddressesAreRefusedAndHarmless) {
  const CUdeviceptr good = ToDevice(std::vector<int>(16));
  int host[32] = {};
  EXPECT_EQ(cuMemcpyHtoD(0xdead0000, host, 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoH(host, 0x7000'0000'0000, 16), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyHtoD(good, host, sizeof host), CUDA_ERROR_INVALID_VALUE) << "beyond the end";
  EXPECT_EQ(cuMemcpyDtoD(good, good + 64, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpy(good, 0x1000, 16), CUDA_ERROR_INVALID_VALUE) << "no memory of anybody";
  EXPECT_EQ(cuMemcpyAsync(0x1000, good, 16, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemsetD32(good + 60, 0, 2), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CU(cuMemcpyHtoD(good, host, 64));
  EXPECT_CU(cuCtxSynchronize());
}

TEST_F(MemoryTest, AnAsynchronousCopyTakesPageableMemoryAtOnce) {
  const CUdeviceptr flag = ToDevice<unsigned>({0}), seen = ToDevice<unsigned>({0}), copy = ToDevice<unsigned>({0});
  CUstream stream = nullptr, other = nullptr;
  ASSERT_CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  ASSERT_CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  ASSERT_CU(Launch(Load(AwaitText(), "Await"), 1, 1, stream, flag, seen, 0u));
  unsigned value = 11;
  ASSERT_CU(cuMemcpyHtoDAsync(copy, &value, sizeof value, stream));
  value = 22;
  ASSERT_CU(cuMemsetD32Async(flag, 9, 1, other));
  ASSERT_CU(cuStreamSynchronize(stream));
  EXPECT_EQ(FromDevice<unsigned>(copy, 1)[0], 11u);
  EXPECT_EQ(FromDevice<unsigned>(seen, 1)[0], 9u);
}

TEST_F(MemoryTest, CopiesAndFillsRectangles) {
  std::vector<unsigned char> rows(8 * 6);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<unsigned char>(i);
  const CUdeviceptr device = ToDevice(std::vector<unsigned char>(16 * 6, 0xee));
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = rows.data();
  copy.srcPitch = 8;
  copy.srcXInBytes = 2;
  copy.srcY = 1;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = device;
  copy.dstPitch = 16;
  copy.WidthInBytes = 3;
  copy.Height = 2;
  ASSERT_CU(cuMemcpy2D(&copy));
  ASSERT_CU(cuMemsetD2D16(device + 8, 16, 0x0102, 2, 3));
  const auto result = FromDevice<unsigned char>(device, 16 * 3);
  EXPECT_EQ(std::vector<unsigned char>(result.begin(), result.begin() + 4), (std::vector<unsigned char>{10, 11, 12, 0xee}));
  EXPECT_EQ(std::vector<unsigned char>(result.begin() + 16, result.begin() + 20), (std::vector<unsigned char>{18, 19, 20, 0xee}));
  EXPECT_EQ(std::vector<unsigned char>(result.begin() + 40, result.begin() + 45), (std::vector<unsigned char>{2, 1, 2, 1, 0xee}));
}

TEST_F(MemoryTest, CopiesBoxes) {
  std::vector<int> box(2 * 3 * 4);
  for (std::size_t i = 0; i < box.size(); ++i) box[i] = static_cast<int>(i);
  const CUdeviceptr device = ToDevice(std::vector<int>(box.size()));
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_UNIFIED;
  copy.srcDevice = reinterpret_cast<CUdeviceptr>(box.data());
  copy.srcPitch = 8;
  copy.srcHeight = 3;
  copy.srcZ = 1;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = device;
  copy.dstPitch = 8;
  copy.dstHeight = 2;
  copy.WidthInBytes = 8;
  copy.Height = 2;
  copy.Depth = 3;
  ASSERT_CU(cuMemcpy3DAsync(&copy, nullptr));
  EXPECT_EQ(FromDevice<int>(device, 12), (std::vector<int>{6, 7, 8, 9, 12, 13, 14, 15, 18, 19, 20, 21}));
}

TEST_F(MemoryTest, AllocatesAndFreesInStreamOrder) {
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
  CUmemoryPool pool = nullptr;
  ASSERT_CU(cuMemPoolCreate(&pool, &properties));
  CUdeviceptr address = 0;
  ASSERT_CU(cuMemAllocFromPoolAsync(&address, 256, pool, nullptr));
  ASSERT_CU(cuMemsetD8Async(address, 3, 256, nullptr));
  ASSERT_CU(cuMemFreeAsync(address, nullptr));
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(cuMemsetD8(address, 3, 256), CUDA_ERROR_INVALID_VALUE);
  EXPECT_CU(cuMemPoolDestroy(pool));
}

TEST_F(MemoryTest, TheHostReadsManagedMemory) {
  CUdeviceptr address = 0;
  ASSERT_CU(cuMemAllocManaged(&address, 4, CU_MEM_ATTACH_GLOBAL));
  ASSERT_CU(Launch(Load(StoreText(), "Store"), 1, 1, nullptr, address, CUdeviceptr{0}, 123u));
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(*reinterpret_cast<unsigned*>(address), 123u);
}

}  // namespace
}  // namespace paella::simulated_gpu
