// The driver API as a program sees it, against a daemon that is a thread here. Each test runs in a process of its own.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <thread>

#include "client_fixture.h"

namespace paella {
namespace {

TEST_F(ClientTest, Device) {
  EXPECT_EQ(daemon_.tenant(), "team-a");
  int count = 0, value = 0;
  EXPECT_EQ(cuDeviceGetCount(&count), CUDA_SUCCESS);
  EXPECT_EQ(count, 1);
  CUdevice device;
  EXPECT_EQ(cuDeviceGet(&device, 1), CUDA_ERROR_INVALID_DEVICE);
  EXPECT_EQ(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 32);
  EXPECT_EQ(cuDeviceGetAttribute(&value, static_cast<CUdevice_attribute>(100000), 0), CUDA_ERROR_INVALID_VALUE);
  char name[64];
  EXPECT_EQ(cuDeviceGetName(name, sizeof name, 0), CUDA_SUCCESS);
  EXPECT_STREQ(name, "Fake GPU");
  EXPECT_EQ(cuDeviceGetByPCIBusId(&device, "0000:3b:00.0"), CUDA_SUCCESS);
  EXPECT_EQ(cuDeviceGetByPCIBusId(&device, "0000:3c:00.0"), CUDA_ERROR_INVALID_DEVICE);
  const char* text = nullptr;
  EXPECT_EQ(cuGetErrorName(CUDA_ERROR_INVALID_VALUE, &text), CUDA_SUCCESS);
  EXPECT_STREQ(text, "CUDA_ERROR_INVALID_VALUE");
  EXPECT_EQ(cuGetErrorString(CUDA_ERROR_NOT_FOUND, &text), CUDA_SUCCESS);
  EXPECT_STREQ(text, "named symbol not found");
  EXPECT_EQ(cuGetErrorString(static_cast<CUresult>(12345), &text), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientTest, ContextStack) {
  CUcontext own, found;
  ASSERT_EQ(cuCtxCreate_v2(&own, CU_CTX_SCHED_BLOCKING_SYNC, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuCtxGetCurrent(&found), CUDA_SUCCESS);
  EXPECT_EQ(found, own);
  unsigned flags;
  EXPECT_EQ(cuCtxGetFlags(&flags), CUDA_SUCCESS);
  EXPECT_EQ(flags, static_cast<unsigned>(CU_CTX_SCHED_BLOCKING_SYNC));
  EXPECT_EQ(cuCtxPopCurrent_v2(&found), CUDA_SUCCESS);
  EXPECT_EQ(found, own);
  EXPECT_EQ(cuCtxGetCurrent(&found), CUDA_SUCCESS);
  EXPECT_EQ(found, context_);
  EXPECT_EQ(cuCtxSetCurrent(own), CUDA_SUCCESS);
  EXPECT_EQ(cuCtxDestroy_v2(own), CUDA_SUCCESS);
  EXPECT_EQ(cuCtxDestroy_v2(own), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(cuCtxSetCurrent(reinterpret_cast<CUcontext>(0x1234)), CUDA_ERROR_INVALID_CONTEXT);
  unsigned state_flags;
  int active = 0;
  EXPECT_EQ(cuDevicePrimaryCtxGetState(0, &state_flags, &active), CUDA_SUCCESS);
  EXPECT_EQ(active, 1);
}

TEST_F(ClientTest, PageableCopiesOfEverySize) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{4096}, std::size_t{1} << 20, (std::size_t{25} << 20) + 3}) {
    std::vector<unsigned char> in(bytes), out(bytes);
    std::iota(in.begin(), in.end(), 7);
    const CUdeviceptr address = Allocate(bytes);
    ASSERT_EQ(cuMemcpyHtoD_v2(address, in.data(), bytes), CUDA_SUCCESS);
    ASSERT_EQ(cuMemcpyDtoH_v2(out.data(), address, bytes), CUDA_SUCCESS);
    EXPECT_EQ(in, out) << bytes;
    EXPECT_EQ(cuMemcpyHtoD_v2(address, in.data(), bytes + 1), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(cuMemFree_v2(address), CUDA_SUCCESS);
    EXPECT_EQ(cuMemFree_v2(address), CUDA_ERROR_INVALID_VALUE);
  }
  EXPECT_EQ(cuMemcpyHtoD_v2(0x1000, kPtx, 4), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemFree_v2(0), CUDA_SUCCESS);
  CUdeviceptr address;
  EXPECT_EQ(cuMemAlloc_v2(&address, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAlloc_v2(&address, 1ull << 40), CUDA_ERROR_OUT_OF_MEMORY);
}

TEST_F(ClientTest, PinnedMemoryIsOneAddressOnBothSides) {
  void* host = nullptr;
  ASSERT_EQ(cuMemHostAlloc(&host, 4096, 0), CUDA_SUCCESS);
  std::memset(host, 5, 4096);
  CUdeviceptr seen;
  EXPECT_EQ(cuMemHostGetDevicePointer_v2(&seen, host, 0), CUDA_SUCCESS);
  EXPECT_EQ(seen, reinterpret_cast<CUdeviceptr>(host));
  const CUdeviceptr device = Allocate(4096);
  EXPECT_EQ(cuMemcpyHtoDAsync_v2(device, host, 4096, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD32_v2(device, 0x01020304, 4), CUDA_SUCCESS);
  unsigned char back[32];
  EXPECT_EQ(cuMemcpy(reinterpret_cast<CUdeviceptr>(back), device, sizeof back), CUDA_SUCCESS);
  EXPECT_EQ(back[0], 4);
  EXPECT_EQ(back[15], 1);
  EXPECT_EQ(back[16], 5);
  unsigned type = 0;
  EXPECT_EQ(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, seen + 8), CUDA_SUCCESS);
  EXPECT_EQ(type, static_cast<unsigned>(CU_MEMORYTYPE_HOST));
  EXPECT_EQ(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, 0x1234), CUDA_ERROR_INVALID_VALUE);
  int ordinal = 0;
  CUpointer_attribute which[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
  void* data[] = {&type, &ordinal};
  EXPECT_EQ(cuPointerGetAttributes(2, which, data, 0x1234), CUDA_SUCCESS);
  EXPECT_EQ(type, 0u);
  EXPECT_EQ(ordinal, -2);
  EXPECT_EQ(cuMemFreeHost(host), CUDA_SUCCESS);
}

TEST_F(ClientTest, BoxesOfPageableMemory) {
  const CUdeviceptr device = Allocate(64 * 16);
  unsigned char in[10 * 8], out[10 * 8] = {};
  std::iota(in, in + sizeof in, 1);
  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = in;
  copy.srcPitch = 10;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  copy.dstDevice = device;
  copy.dstPitch = 64;
  copy.WidthInBytes = 10;
  copy.Height = 8;
  ASSERT_EQ(cuMemcpy2D_v2(&copy), CUDA_SUCCESS);
  CUDA_MEMCPY2D move{};  // on the device, from one place to another
  move.srcMemoryType = move.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  move.srcDevice = move.dstDevice = device;
  move.srcPitch = move.dstPitch = 64;
  move.dstY = 8;
  move.WidthInBytes = 10;
  move.Height = 8;
  ASSERT_EQ(cuMemcpy2DAsync_v2(&move, nullptr), CUDA_SUCCESS);
  CUDA_MEMCPY2D back{};
  back.srcMemoryType = CU_MEMORYTYPE_DEVICE;
  back.srcDevice = device;
  back.srcPitch = 64;
  back.srcY = 8;
  back.dstMemoryType = CU_MEMORYTYPE_HOST;
  back.dstHost = out;
  back.dstPitch = 10;
  back.WidthInBytes = 10;
  back.Height = 8;
  ASSERT_EQ(cuMemcpy2D_v2(&back), CUDA_SUCCESS);
  EXPECT_EQ(std::memcmp(in, out, sizeof in), 0);
  back.srcMemoryType = CU_MEMORYTYPE_ARRAY;  // and no array
  EXPECT_EQ(cuMemcpy2D_v2(&back), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientTest, Launches) {
  const CUfunction function = Function();
  std::uint64_t pointer = 0x123;
  int number = 4;
  void* parameters[] = {&pointer, &number};
  ASSERT_EQ(cuLaunchKernel(function, 1, 2, 3, 4, 5, 6, 7, nullptr, parameters, nullptr), CUDA_SUCCESS);
  unsigned char block[12] = {9};
  std::size_t size = sizeof block;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, block, CU_LAUNCH_PARAM_BUFFER_SIZE, &size, CU_LAUNCH_PARAM_END};
  ASSERT_EQ(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, extra), CUDA_SUCCESS);
  ASSERT_EQ(cuLaunchCooperativeKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters), CUDA_SUCCESS);
  ASSERT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
  const auto launches = daemon_.launches();
  ASSERT_EQ(launches.size(), 3u);
  EXPECT_EQ(launches[0].kernel, 9u);
  EXPECT_EQ(launches[0].sequence, 1u);
  EXPECT_EQ(launches[0].block_z, 6u);
  ASSERT_EQ(launches[0].parameters.size(), 12u);
  EXPECT_EQ(std::memcmp(launches[0].parameters.data(), &pointer, 8), 0);
  EXPECT_EQ(std::memcmp(launches[0].parameters.data() + 8, &number, 4), 0);
  EXPECT_EQ(launches[1].parameters[0], std::byte{9});
  EXPECT_EQ(launches[2].attributes.size(), sizeof(CUlaunchAttribute));

  const auto launch = [&](unsigned grid, unsigned threads, unsigned shared, void** with) {
    return cuLaunchKernel(function, grid, 1, 1, threads, 1, 1, shared, nullptr, with, nullptr);
  };
  EXPECT_EQ(launch(0, 1, 0, parameters), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(1, 513, 0, parameters), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(1, 1, 49153, parameters), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch(1, 1, 0, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuLaunchKernel(reinterpret_cast<CUfunction>(0x77), 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr),
            CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, reinterpret_cast<CUstream>(0x77), parameters, nullptr),
            CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(ClientTest, PerThreadStreamIsNotTheLegacyOne) {
  const CUfunction function = Function();
  std::uint64_t pointer = 0;
  int number = 0;
  void* parameters[] = {&pointer, &number};
  ASSERT_EQ(cuLaunchKernel_ptsz(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, CU_STREAM_PER_THREAD, parameters, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr), CUDA_SUCCESS);
  std::thread([&] {
    EXPECT_EQ(cuCtxSetCurrent(context_), CUDA_SUCCESS);
    EXPECT_EQ(cuLaunchKernel_ptsz(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr), CUDA_SUCCESS);
    EXPECT_EQ(cuStreamSynchronize_ptsz(nullptr), CUDA_SUCCESS);
  }).join();
  ASSERT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
  const auto launches = daemon_.launches();
  ASSERT_EQ(launches.size(), 4u);
  EXPECT_NE(launches[0].stream, 0u);
  EXPECT_EQ(launches[1].stream, launches[0].stream);
  EXPECT_EQ(launches[2].stream, 0u);
  EXPECT_NE(launches[3].stream, launches[0].stream);
}

TEST_F(ClientTest, StreamsAndEvents) {
  CUstream stream;
  CUevent timed, plain;
  ASSERT_EQ(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, -100), CUDA_SUCCESS);
  int priority = 0;
  EXPECT_EQ(cuStreamGetPriority(stream, &priority), CUDA_SUCCESS);
  EXPECT_EQ(priority, -5);
  ASSERT_EQ(cuEventCreate(&timed, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuEventCreate(&plain, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
  EXPECT_EQ(cuEventQuery(plain), CUDA_SUCCESS);  // never recorded
  float milliseconds = 0;
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, timed, timed), CUDA_ERROR_INVALID_HANDLE);

  const CUdeviceptr device = Allocate(64);
  daemon_.Pause();
  EXPECT_EQ(cuMemsetD8Async(device, 1, 64, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuEventRecord(plain, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuEventRecord(timed, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(nullptr, plain, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuEventQuery(plain), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuStreamQuery(nullptr), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, timed, timed), CUDA_ERROR_NOT_READY);
  daemon_.Resume();
  EXPECT_EQ(cuEventSynchronize(timed), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamQuery(stream), CUDA_SUCCESS);
  EXPECT_EQ(cuEventElapsedTime_v2(&milliseconds, timed, timed), CUDA_SUCCESS);
  EXPECT_EQ(milliseconds, 1.5f);
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, timed, plain), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuEventDestroy_v2(timed), CUDA_SUCCESS);
  EXPECT_EQ(cuEventQuery(timed), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuStreamDestroy_v2(stream), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamDestroy_v2(stream), CUDA_ERROR_INVALID_HANDLE);
  CUstreamCaptureStatus status;
  EXPECT_EQ(cuStreamIsCapturing(nullptr, &status), CUDA_SUCCESS);
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_NONE);
}

TEST_F(ClientTest, LegacyStreamWaitsForBlockingStreamsOnly) {
  CUstream blocking, free;
  ASSERT_EQ(cuStreamCreate(&blocking, CU_STREAM_DEFAULT), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamCreate(&free, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  const CUdeviceptr device = Allocate(64);
  daemon_.Pause();
  EXPECT_EQ(cuMemsetD8Async(device, 1, 64, free), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamQuery(nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8Async(device, 1, 64, blocking), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamQuery(nullptr), CUDA_ERROR_NOT_READY);
  daemon_.Resume();
  EXPECT_EQ(cuStreamSynchronize(CU_STREAM_LEGACY), CUDA_SUCCESS);
}

TEST_F(ClientTest, StreamNumbersAreUsedAgain) {
  for (int i = 0; i < 3000; ++i) {
    CUstream stream;
    ASSERT_EQ(cuStreamCreate(&stream, 0), CUDA_SUCCESS) << i;
    ASSERT_EQ(cuStreamDestroy_v2(stream), CUDA_SUCCESS);
  }
}

TEST_F(ClientTest, HostFunctionsRunInOrderAndMayNotCallCuda) {
  // The order comes from the daemon through a second mapping of the channel, which ThreadSanitizer cannot follow: the
  // lock is for it alone. That all ten have run by the time of the check is what the call itself must guarantee.
  static std::mutex lock;
  static std::vector<int> ran;
  static CUresult inside = CUDA_SUCCESS;
  CUstream stream;
  ASSERT_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  for (int i = 0; i < 10; ++i) {
    const auto run = [](void* number) {
      CUdeviceptr address;
      const CUresult result = cuMemAlloc_v2(&address, 4);
      const std::lock_guard guard(lock);
      inside = result;
      ran.push_back(static_cast<int>(reinterpret_cast<std::intptr_t>(number)));
    };
    ASSERT_EQ(cuLaunchHostFunc(stream, run, reinterpret_cast<void*>(static_cast<std::intptr_t>(i))), CUDA_SUCCESS);
  }
  ASSERT_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
  const std::lock_guard guard(lock);
  ASSERT_EQ(ran.size(), 10u);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ran[i], i);
  EXPECT_EQ(inside, CUDA_ERROR_NOT_PERMITTED);
}

TEST_F(ClientTest, Libraries) {
  CUlibrary library;
  ASSERT_EQ(cuLibraryLoadData(&library, kPtx, nullptr, nullptr, 0, nullptr, nullptr, 0), CUDA_SUCCESS);
  unsigned count = 0;
  EXPECT_EQ(cuLibraryGetKernelCount(&count, library), CUDA_SUCCESS);
  EXPECT_EQ(count, 2u);
  CUkernel kernels[2], missing, again;
  EXPECT_EQ(cuLibraryEnumerateKernels(kernels, 2, library), CUDA_SUCCESS);
  EXPECT_EQ(cuLibraryGetKernel(&again, library, "add"), CUDA_SUCCESS);
  EXPECT_EQ(again, kernels[0]);
  EXPECT_EQ(cuLibraryGetKernel(&missing, library, "missing"), CUDA_ERROR_NOT_FOUND);
  const char* name = nullptr;
  EXPECT_EQ(cuKernelGetName(&name, kernels[1]), CUDA_SUCCESS);
  EXPECT_STREQ(name, "sub");
  CUfunction function;
  EXPECT_EQ(cuKernelGetFunction(&function, kernels[0]), CUDA_SUCCESS);
  int value = 0;
  EXPECT_EQ(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function), CUDA_SUCCESS);
  EXPECT_EQ(value, 512);
  EXPECT_EQ(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 65536), CUDA_SUCCESS);
  EXPECT_EQ(cuKernelGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, kernels[0], 0), CUDA_SUCCESS);
  EXPECT_EQ(value, 65536);
  std::size_t offset = 0, size = 0;
  EXPECT_EQ(cuFuncGetParamInfo(function, 1, &offset, &size), CUDA_SUCCESS);
  EXPECT_EQ(offset, 8u);
  EXPECT_EQ(cuFuncGetParamInfo(function, 2, &offset, &size), CUDA_ERROR_INVALID_VALUE);
  int grid = 0, block = 0;
  EXPECT_EQ(cuOccupancyMaxPotentialBlockSize(&grid, &block, function, nullptr, 0, 0), CUDA_SUCCESS);
  EXPECT_EQ(block, 512);
  EXPECT_EQ(grid, 16);
  CUdeviceptr global;
  EXPECT_EQ(cuLibraryGetGlobal(&global, &size, library, "state"), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyHtoD_v2(global, kPtx, 8), CUDA_SUCCESS);
  EXPECT_EQ(cuLibraryUnload(library), CUDA_SUCCESS);
  EXPECT_EQ(cuLibraryUnload(library), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(cuKernelGetFunction(&function, kernels[0]), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(ClientTest, CompilerLogsComeBack) {
  char error_log[64], info_log[64];
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, CU_JIT_INFO_LOG_BUFFER,
                            CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, CU_JIT_OPTIMIZATION_LEVEL};
  void* values[] = {error_log, reinterpret_cast<void*>(sizeof error_log), info_log,
                    reinterpret_cast<void*>(sizeof info_log), reinterpret_cast<void*>(3)};
  CUmodule module;
  EXPECT_EQ(cuModuleLoadDataEx(&module, "// short", 5, options, values), CUDA_ERROR_INVALID_PTX);
  EXPECT_STREQ(error_log, "too short");
  EXPECT_EQ(values[1], reinterpret_cast<void*>(std::strlen("too short")));  // the sizes are answers too
  values[1] = values[3] = reinterpret_cast<void*>(sizeof info_log);
  EXPECT_EQ(cuModuleLoadDataEx(&module, kPtx, 5, options, values), CUDA_SUCCESS);
  const std::string expected = "loaded " + std::to_string(sizeof kPtx);
  EXPECT_EQ(info_log, expected);
  EXPECT_EQ(values[3], reinterpret_cast<void*>(expected.size()));
  EXPECT_EQ(values[1], nullptr);
  EXPECT_EQ(cuModuleLoadData(&module, "rubbish"), CUDA_ERROR_INVALID_IMAGE);
  EXPECT_EQ(cuModuleLoad(&module, "/nonexistent"), CUDA_ERROR_FILE_NOT_FOUND);
}

TEST_F(ClientTest, ManyThreadsKeepEachStreamInOrder) {
  const CUfunction function = Function();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      ASSERT_EQ(cuCtxSetCurrent(context_), CUDA_SUCCESS);
      CUstream stream;
      ASSERT_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
      std::uint64_t pointer = 0;
      int number = 0;
      void* parameters[] = {&pointer, &number};
      for (number = 0; number < 5000; ++number) {
        ASSERT_EQ(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, parameters, nullptr), CUDA_SUCCESS);
        std::size_t free, total;
        if (number % 500 == 0) { ASSERT_EQ(cuMemGetInfo_v2(&free, &total), CUDA_SUCCESS); }
      }
      ASSERT_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
    });
  }
  for (auto& thread : threads) thread.join();
  std::map<std::uint32_t, std::uint64_t> last;
  for (const auto& launch : daemon_.launches()) {
    ASSERT_EQ(launch.sequence, ++last[launch.stream]);
    int number;
    std::memcpy(&number, launch.parameters.data() + 8, sizeof number);
    ASSERT_EQ(static_cast<std::uint64_t>(number) + 1, launch.sequence);
  }
  EXPECT_EQ(last.size(), 4u);
}

TEST_F(ClientTest, AFailureOfTheClientIsSticky) {
  const CUdeviceptr device = Allocate(64);
  daemon_.Fail(CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuMemsetD8Async(device, 0, 64, nullptr), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuMemFree_v2(device), CUDA_ERROR_ILLEGAL_ADDRESS);
  CUcontext current;
  EXPECT_EQ(cuCtxGetCurrent(&current), CUDA_SUCCESS);
}

TEST_F(ClientTest, NobodyHangsWhenTheDaemonDies) {
  const CUdeviceptr device = Allocate(64);
  daemon_.Die();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(cuMemsetD8Async(device, 0, 64, nullptr), CUDA_SUCCESS);  // nobody has looked yet
  EXPECT_EQ(cuStreamSynchronize(nullptr), CUDA_ERROR_DEVICE_UNAVAILABLE);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_DEVICE_UNAVAILABLE);
}

TEST_F(ClientTest, AFullRingOfADeadDaemonDoesNotHang) {
  const CUfunction function = Function();
  std::uint64_t pointer = 0;
  int number = 0;
  void* parameters[] = {&pointer, &number};
  daemon_.Die();
  CUresult result = CUDA_SUCCESS;
  for (int i = 0; i < 100000 && result == CUDA_SUCCESS; ++i) {
    result = cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr);
  }
  EXPECT_EQ(result, CUDA_ERROR_DEVICE_UNAVAILABLE);
}

TEST_F(ClientTest, AForkedChildIsNotAClient) {
  const CUdeviceptr device = Allocate(64);
  const pid_t child = fork();
  if (child == 0) {
    int count;
    const bool right = cuMemsetD8Async(device, 0, 64, nullptr) == CUDA_ERROR_NOT_INITIALIZED &&
                       cuDeviceGetCount(&count) == CUDA_ERROR_NOT_INITIALIZED &&
                       cuInit(0) == CUDA_ERROR_NOT_INITIALIZED;
    _exit(right ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(cuMemsetD8_v2(device, 0, 64), CUDA_SUCCESS);  // the parent goes on
  EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
}

}  // namespace
}  // namespace paella
