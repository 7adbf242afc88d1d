// Loading code, what is said of it, launches, and the calls that need no context.
#include <cstring>

#include "tests/simulated_gpu/test/support.h"

namespace paella::simulated_gpu {
namespace {

using ModuleTest = GpuTest;

// A fat binary of one entry, as nvcc lays it out.
std::vector<std::uint8_t> Fatbin(std::uint16_t kind, const std::string& payload) {
  const std::uint64_t padded = (payload.size() + 8) / 8 * 8;
  std::vector<std::uint8_t> image(16 + 64 + padded);
  const auto put = [&](std::size_t at, auto value) { std::memcpy(image.data() + at, &value, sizeof value); };
  put(0, std::uint32_t{0xba55ed50});
  put(4, std::uint16_t{1});
  put(6, std::uint16_t{16});
  put(8, std::uint64_t{64 + padded});
  put(16, kind);
  put(20, std::uint32_t{64});
  put(24, padded);
  put(44, std::uint32_t{80});
  std::memcpy(image.data() + 80, payload.data(), payload.size());
  return image;
}

TEST_F(ModuleTest, NamesAnInstructionThatItDoesNotKnow) {
  CUmodule module = nullptr;
  testing::internal::CaptureStderr();
  EXPECT_EQ(cuModuleLoadData(&module, KernelText("K", "tld4.r.2d.v4.f32.f32 {%f1,%f2,%f3,%f4}, [%rd1, {%f1,%f2}];").c_str()),
            CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("tld4.r.2d.v4.f32.f32"), std::string::npos);
}

TEST_F(ModuleTest, NamesAModifierThatItDoesNotKnow) {
  CUmodule module = nullptr;
  testing::internal::CaptureStderr();
  EXPECT_EQ(cuModuleLoadData(&module, KernelText("K", "add.sat.s32 %r1, %r1, 1;").c_str()), CUDA_ERROR_INVALID_PTX);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("sat"), std::string::npos);
}

TEST_F(ModuleTest, RefusesWhatIsNoCode) {
  CUmodule module = nullptr;
  EXPECT_EQ(cuModuleLoadData(&module, "nothing of the kind"), CUDA_ERROR_INVALID_IMAGE);
  EXPECT_EQ(cuModuleLoadData(&module, "\x7f" "ELF and so on"), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_EQ(cuModuleLoadData(&module, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ModuleTest, TakesThePtxOfAFatBinary) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  ASSERT_CU(cuModuleLoadData(&module, Fatbin(1, StoreText()).data()));
  EXPECT_CU(cuModuleGetFunction(&function, module, "Store"));
  EXPECT_EQ(cuModuleGetFunction(&function, module, "Other"), CUDA_ERROR_NOT_FOUND);
  EXPECT_CU(cuModuleUnload(module));
  EXPECT_EQ(cuModuleLoadData(&module, Fatbin(2, "machine code").data()), CUDA_ERROR_NO_BINARY_FOR_GPU);
}

TEST_F(ModuleTest, EnumeratesFunctionsAndTheirParameters) {
  CUmodule module = nullptr;
  ASSERT_CU(cuModuleLoadData(&module, StoreText().c_str()));
  unsigned count = 0;
  ASSERT_CU(cuModuleGetFunctionCount(&count, module));
  ASSERT_EQ(count, 1u);
  CUfunction function = nullptr;
  ASSERT_CU(cuModuleEnumerateFunctions(&function, 1, module));
  const char* name = nullptr;
  ASSERT_CU(cuFuncGetName(&name, function));
  EXPECT_STREQ(name, "Store");
  std::size_t offset = 0, bytes = 0;
  ASSERT_CU(cuFuncGetParamInfo(function, 2, &offset, &bytes));
  EXPECT_EQ(offset, 16u);
  EXPECT_EQ(bytes, 4u);
  EXPECT_EQ(cuFuncGetParamInfo(function, 3, &offset, &bytes), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ModuleTest, ALibraryIsAModule) {
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  CUfunction function = nullptr;
  ASSERT_CU(cuLibraryLoadData(&library, StoreText().c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0));
  ASSERT_CU(cuLibraryGetKernel(&kernel, library, "Store"));
  ASSERT_CU(cuKernelGetFunction(&function, kernel));
  const CUdeviceptr word = ToDevice<unsigned>({0});
  ASSERT_CU(Launch(function, 1, 1, nullptr, word, CUdeviceptr{0}, 3u));
  EXPECT_EQ(FromDevice<unsigned>(word, 1)[0], 3u);
  ASSERT_CU(cuLibraryUnload(library));
  EXPECT_EQ(Launch(function, 1, 1, nullptr, word, CUdeviceptr{0}, 3u), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(ModuleTest, TakesParametersInOneBuffer) {
  const CUdeviceptr word = ToDevice<unsigned>({0});
  struct {
    CUdeviceptr p0, p1;
    unsigned p2;
  } parameters{word, 0, 99};
  std::size_t bytes = 20;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &parameters, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
  CUlaunchConfig config{};
  config.gridDimX = config.gridDimY = config.gridDimZ = config.blockDimX = config.blockDimY = config.blockDimZ = 1;
  const CUfunction store = Load(StoreText(), "Store");
  ASSERT_CU(cuLaunchKernelEx(&config, store, nullptr, extra));
  EXPECT_EQ(FromDevice<unsigned>(word, 1)[0], 99u);
  bytes = 16;
  EXPECT_EQ(cuLaunchKernelEx(&config, store, nullptr, extra), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ModuleTest, RefusesImpossibleLaunches) {
  const CUfunction store = Load(StoreText(), "Store");
  const CUdeviceptr none = 0;
  EXPECT_EQ(Launch(store, 0, 1, nullptr, none, none, 0u), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(Launch(store, 1, 1025, nullptr, none, none, 0u), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(Launch(nullptr, 1, 1, nullptr, none, none, 0u), CUDA_ERROR_INVALID_HANDLE);
  void* parameters[] = {nullptr, nullptr, nullptr};
  EXPECT_EQ(cuLaunchKernel(store, 1, 1, 1, 1, 1, 1, 60'000, nullptr, parameters, nullptr), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ModuleTest, OccupancyFollowsThreadsAndSharedMemory) {
  const CUfunction store = Load(StoreText(), "Store");
  int small = 0, large = 0, sharing = 0;
  ASSERT_CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&small, store, 32, 0));
  ASSERT_CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&large, store, 1024, 0));
  ASSERT_CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&sharing, store, 32, 40'000));
  EXPECT_EQ(small, 32);
  EXPECT_EQ(large, 2);
  EXPECT_EQ(sharing, 5);
  ASSERT_CU(cuFuncSetAttribute(store, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 200'000));
  ASSERT_CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&sharing, store, 32, 200'000));
  EXPECT_EQ(sharing, 1);
  EXPECT_EQ(cuFuncSetAttribute(store, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 300'000), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ModuleTest, ACooperativeGridMustFitAtOnce) {
  CUdeviceptr p0 = ToDevice<unsigned>({0}), p1 = 0;
  unsigned p2 = 1;
  void* parameters[] = {&p0, &p1, &p2};
  const CUfunction store = Load(StoreText(), "Store");
  EXPECT_EQ(cuLaunchCooperativeKernel(store, 100'000, 1, 1, 1024, 1, 1, 0, nullptr, parameters),
            CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  EXPECT_CU(cuLaunchCooperativeKernel(store, 2, 1, 1, 1024, 1, 1, 0, nullptr, parameters));
}

TEST(DriverTest, DescribesTheDevice) {
  ASSERT_CU(cuInit(0));
  int count = 0, warp = 0, sms = 0, version = 0;
  char name[64];
  std::size_t bytes = 0;
  ASSERT_CU(cuDeviceGetCount(&count));
  EXPECT_EQ(count, 1);
  ASSERT_CU(cuDeviceGetName(name, sizeof name, 0));
  EXPECT_STREQ(name, "Simulated GPU");
  ASSERT_CU(cuDeviceTotalMem(&bytes, 0));
  EXPECT_GT(bytes, 0u);
  ASSERT_CU(cuDeviceGetAttribute(&warp, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0));
  EXPECT_EQ(warp, 32);
  ASSERT_CU(cuDeviceGetAttribute(&sms, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0));
  EXPECT_GT(sms, 0);
  ASSERT_CU(cuDriverGetVersion(&version));
  EXPECT_EQ(version, CUDA_VERSION);
  EXPECT_EQ(cuDeviceGetName(name, sizeof name, 1), CUDA_ERROR_INVALID_DEVICE);
}

TEST(DriverTest, NeedsAContextAndNamesErrors) {
  ASSERT_CU(cuInit(0));
  CUdeviceptr address = 0;
  EXPECT_EQ(cuMemAlloc(&address, 16), CUDA_ERROR_INVALID_CONTEXT);
  const char* name = nullptr;
  ASSERT_CU(cuGetErrorName(CUDA_ERROR_INVALID_CONTEXT, &name));
  EXPECT_STREQ(name, "CUDA_ERROR_INVALID_CONTEXT");
  EXPECT_EQ(cuGetErrorName(static_cast<CUresult>(4242), &name), CUDA_ERROR_INVALID_VALUE);
}

TEST(DriverTest, FindsItsFunctionsByName) {
  void* function = nullptr;
  CUdriverProcAddressQueryResult status{};
  ASSERT_CU(cuGetProcAddress("cuMemAlloc", &function, CUDA_VERSION, CU_GET_PROC_ADDRESS_DEFAULT, &status));
  EXPECT_EQ(function, reinterpret_cast<void*>(&cuMemAlloc));
  EXPECT_EQ(cuGetProcAddress("cuNothing", &function, CUDA_VERSION, 0, &status), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
}

}  // namespace
}  // namespace paella::simulated_gpu
