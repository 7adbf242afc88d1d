// What the driver API says of arguments: CUDA's own error, at once, and nothing of it reaches the daemon.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "client_fixture.h"

namespace paella {
namespace {

using ClientArgumentsTest = ClientTest;

TEST_F(ClientArgumentsTest, TheDeviceHasOnlyWhatTheShimHas) {
  int value = -1;
  EXPECT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 4);
  EXPECT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 1);
}

TEST_F(ClientArgumentsTest, HostMemoryOfACopyMustBeSomewhere) {
  const CUdeviceptr device = Allocate(64);
  EXPECT_EQ(cuMemcpyHtoD_v2(device, nullptr, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoH_v2(nullptr, device, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyHtoD_v2(device, nullptr, 0), CUDA_SUCCESS);
  unsigned char host[64];
  EXPECT_EQ(cuMemcpyDtoH_v2(host, device + 60, 8), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoD_v2(device, reinterpret_cast<CUdeviceptr>(host), 8), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyHtoD_v2(device, host, ~std::size_t{0}), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemsetD8_v2(reinterpret_cast<CUdeviceptr>(host), 0, 8), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemsetD32_v2(device + 2, 0, 4), CUDA_ERROR_INVALID_VALUE);  // not aligned
  EXPECT_EQ(cuMemsetD32_v2(device, 0, ~std::size_t{0} / 2), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemsetD2D8_v2(device, 4, 0, 8, 2), CUDA_ERROR_INVALID_VALUE);  // rows overlap
}

// Sums that wrap around must not end at an address that is valid again.
TEST_F(ClientArgumentsTest, BoxesThatWrapAroundAreRefused) {
  const CUdeviceptr device = Allocate(1024);
  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.srcDevice = copy.dstDevice = device;
  copy.srcPitch = copy.dstPitch = 16;
  copy.srcHeight = copy.dstHeight = 4;
  copy.WidthInBytes = 8;
  copy.Height = 4;
  copy.Depth = 2;
  EXPECT_EQ(cuMemcpy3D_v2(&copy), CUDA_SUCCESS);
  const auto refused = [](CUDA_MEMCPY3D bad) { EXPECT_EQ(cuMemcpy3D_v2(&bad), CUDA_ERROR_INVALID_VALUE); };
  auto bad = copy;
  bad.srcY = std::size_t{1} << 60;  // times the pitch: 0
  refused(bad);
  bad = copy;
  bad.srcXInBytes = ~std::size_t{0} - 3;
  refused(bad);
  bad = copy;
  bad.Height = (std::size_t{1} << 60) + 1;
  bad.srcHeight = bad.dstHeight = bad.Height;
  refused(bad);
  bad = copy;
  bad.srcPitch = 4;
  refused(bad);
  bad = copy;
  bad.dstMemoryType = static_cast<CUmemorytype>(9);
  refused(bad);
  EXPECT_EQ(cuMemcpy3D_v2(nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientArgumentsTest, ACopyToManagedMemoryIsThereWhenTheCallReturns) {
  CUdeviceptr managed;
  ASSERT_EQ(cuMemAllocManaged(&managed, 64, CU_MEM_ATTACH_GLOBAL), CUDA_SUCCESS);
  const CUdeviceptr device = Allocate(64);
  ASSERT_EQ(cuMemsetD8_v2(device, 42, 64), CUDA_SUCCESS);
  daemon_.Pause();
  std::thread resume([this] {
    usleep(50000);  // long enough for a copy that does not wait to be seen returning too early
    daemon_.Resume();
  });
  EXPECT_EQ(cuMemcpyDtoH_v2(reinterpret_cast<void*>(managed), device, 64), CUDA_SUCCESS);
  EXPECT_EQ(*reinterpret_cast<unsigned char*>(managed + 63), 42);
  resume.join();
  unsigned is_managed = 0;
  EXPECT_EQ(cuPointerGetAttribute(&is_managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, managed), CUDA_SUCCESS);
  EXPECT_EQ(is_managed, 1u);
  EXPECT_EQ(cuMemFree_v2(managed), CUDA_SUCCESS);
}

TEST_F(ClientArgumentsTest, BothFormsOfParameters) {
  const CUfunction add = Function("add"), plain = Function("plain");
  const auto launch = [](CUfunction function, void** parameters, void** extra) {
    return cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, extra);
  };
  unsigned char block[12] = {};
  std::size_t size = sizeof block - 1;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, block, CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_END};
  EXPECT_EQ(launch(add, nullptr, extra), CUDA_ERROR_INVALID_VALUE);  // too short
  size = sizeof block;
  EXPECT_EQ(launch(add, nullptr, extra), CUDA_SUCCESS);
  void* parameters[] = {block, block + 8};
  EXPECT_EQ(launch(add, parameters, extra), CUDA_ERROR_INVALID_VALUE);  // both
  void* unknown[] = {reinterpret_cast<void*>(7), block, CU_LAUNCH_PARAM_END};
  EXPECT_EQ(launch(add, nullptr, unknown), CUDA_ERROR_INVALID_VALUE);
  void* nothing[] = {CU_LAUNCH_PARAM_END};
  EXPECT_EQ(launch(add, nullptr, nothing), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(plain, nullptr, nothing), CUDA_SUCCESS);
  EXPECT_EQ(launch(plain, nullptr, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.launches().size(), 3u);
}

TEST_F(ClientArgumentsTest, ShapesThatDoNotFit) {
  const CUfunction plain = Function("plain"), fat = Function("fat");
  const auto launch = [&](CUfunction function, unsigned grid_y, unsigned threads, unsigned block_z) {
    unsigned char block[12] = {};
    void* parameters[] = {block, block + 8};
    return cuLaunchKernel(function, 1, grid_y, 1, threads, 1, block_z, 0, nullptr, parameters, nullptr);
  };
  EXPECT_EQ(launch(plain, 65536, 1, 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(plain, 1, 1, 65), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(plain, 1, 0, 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(fat, 1, 513, 1), CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  EXPECT_EQ(launch(fat, 1, 1025, 1), CUDA_ERROR_INVALID_VALUE);
  // Of one-thread blocks, four multiprocessors take 8192 at once.
  const auto cooperate = [&](unsigned grid) {
    return cuLaunchCooperativeKernel(plain, grid, 1, 1, 1, 1, 1, 0, nullptr, nullptr);
  };
  EXPECT_EQ(cooperate(8192), CUDA_SUCCESS);
  EXPECT_EQ(cooperate(8193), CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
}

TEST_F(ClientArgumentsTest, LaunchAttributes) {
  const CUfunction plain = Function("plain");
  CUlaunchAttribute attribute{};
  CUlaunchConfig config{};
  config.gridDimX = 6;
  config.gridDimY = config.gridDimZ = config.blockDimX = config.blockDimY = config.blockDimZ = 1;
  config.attrs = &attribute;
  config.numAttrs = 1;
  const auto launch = [&] { return cuLaunchKernelEx(&config, plain, nullptr, nullptr); };
  attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attribute.value.clusterDim = {2, 1, 1};
  EXPECT_EQ(launch(), CUDA_SUCCESS);
  attribute.value.clusterDim = {4, 1, 1};
  EXPECT_EQ(launch(), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT;
  EXPECT_EQ(launch(), CUDA_ERROR_NOT_SUPPORTED);
  attribute.id = static_cast<CUlaunchAttributeID>(999);
  EXPECT_EQ(launch(), CUDA_ERROR_INVALID_VALUE);
  config.attrs = nullptr;
  EXPECT_EQ(launch(), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuLaunchKernelEx(nullptr, plain, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientArgumentsTest, QuestionsAboutPointers) {
  const CUdeviceptr device = Allocate(100);
  CUcontext context = nullptr;
  EXPECT_EQ(cuPointerGetAttribute(&context, CU_POINTER_ATTRIBUTE_CONTEXT, device + 99), CUDA_SUCCESS);
  EXPECT_EQ(context, context_);
  EXPECT_EQ(cuPointerGetAttribute(&context, CU_POINTER_ATTRIBUTE_CONTEXT, device + 100), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuPointerGetAttribute(nullptr, CU_POINTER_ATTRIBUTE_CONTEXT, device), CUDA_ERROR_INVALID_VALUE);
  void* host = nullptr;
  EXPECT_EQ(cuPointerGetAttribute(&host, CU_POINTER_ATTRIBUTE_HOST_POINTER, device), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuPointerGetAttribute(&host, static_cast<CUpointer_attribute>(99), device), CUDA_ERROR_INVALID_VALUE);
  CUpointer_attribute unknown[] = {static_cast<CUpointer_attribute>(99)};
  void* data[] = {&host};
  EXPECT_EQ(cuPointerGetAttributes(1, unknown, data, device), CUDA_ERROR_INVALID_VALUE);
  CUdeviceptr base;
  std::size_t size;
  EXPECT_EQ(cuMemGetAddressRange_v2(&base, &size, device + 50), CUDA_SUCCESS);
  EXPECT_EQ(base, device);
  EXPECT_EQ(size, 100u);
  EXPECT_EQ(cuMemGetAddressRange_v2(&base, &size, device + 100), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(cuMemHostGetDevicePointer_v2(&base, &base, 0), CUDA_ERROR_INVALID_VALUE);  // pageable
}

TEST_F(ClientArgumentsTest, StreamsEventsAndTheRest) {
  CUstream stream;
  CUevent event;
  EXPECT_EQ(cuStreamCreate(&stream, 2), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamCreate(nullptr, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamDestroy_v2(nullptr), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuEventCreate(&event, 64), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuEventCreate(&event, CU_EVENT_INTERPROCESS), CUDA_ERROR_INVALID_VALUE);  // needs no timing
  ASSERT_EQ(cuEventCreate(&event, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(nullptr, event, 2), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuEventRecordWithFlags(event, nullptr, 2), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuLaunchHostFunc(nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE);
  std::size_t bytes;
  EXPECT_EQ(cuMemGetInfo_v2(&bytes, nullptr), CUDA_SUCCESS);  // as natively: what is not asked for is not told
  EXPECT_EQ(cuMemAlloc_v2(nullptr, 4), CUDA_ERROR_INVALID_VALUE);
  void* host = nullptr;
  EXPECT_EQ(cuMemHostAlloc(&host, 4, 64), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemFreeHost(&host), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 512), CUDA_SUCCESS);
  EXPECT_EQ(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 64 << 10), CUDA_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 1 << 20), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuCtxSetLimit(static_cast<CUlimit>(99), 1), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace paella
