// Order within streams and none between them: streams, events, waits on values, host functions.
#include <atomic>

#include "tests/simulated_gpu/test/support.h"

namespace paella::simulated_gpu {
namespace {

class StreamTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    await_ = Load(AwaitText(), "Await");
    store_ = Load(StoreText(), "Store");
    flag_ = ToDevice<unsigned>({0});
    result_ = ToDevice<unsigned>({0, 0, 0, 0});
  }
  // Resources of the running context go with it.
  CUstream Stream(unsigned flags = CU_STREAM_NON_BLOCKING, int priority = 0) {
    CUstream stream = nullptr;
    EXPECT_CU(cuStreamCreateWithPriority(&stream, flags, priority));
    return stream;
  }
  CUevent Event(unsigned flags = 0) {
    CUevent event = nullptr;
    EXPECT_CU(cuEventCreate(&event, flags));
    return event;
  }
  // A kernel in `stream` that ends when Open() was called, and then writes result_[index].
  void Hold(CUstream stream, unsigned index = 0) { ASSERT_CU(Launch(await_, 1, 1, stream, flag_, result_ + 4 * index, 0u)); }
  void Open() { ASSERT_CU(cuMemsetD32Async(flag_, 1, 1, opener_ = opener_ != nullptr ? opener_ : Stream())); }

  CUfunction await_ = nullptr, store_ = nullptr;
  CUdeviceptr flag_ = 0, result_ = 0;
  CUstream opener_ = nullptr;
};

TEST_F(StreamTest, KernelsOfTwoStreamsRunAtTheSameTime) {
  CUstream first = Stream(), second = Stream();
  Hold(first);
  ASSERT_CU(Launch(store_, 1, 1, second, flag_, CUdeviceptr{0}, 42u));  // the first kernel waits for this one
  ASSERT_CU(cuStreamSynchronize(first));
  EXPECT_EQ(FromDevice<unsigned>(result_, 1)[0], 42u);
}

TEST_F(StreamTest, KernelsOfOneStreamRunInOrder) {
  CUstream stream = Stream();
  Hold(stream);
  for (unsigned i = 1; i <= 20; ++i) ASSERT_CU(Launch(store_, 1, 1, stream, result_, CUdeviceptr{0}, i));
  EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  Open();
  ASSERT_CU(cuStreamSynchronize(stream));
  EXPECT_CU(cuStreamQuery(stream));
  EXPECT_EQ(FromDevice<unsigned>(result_, 1)[0], 20u);
}

TEST_F(StreamTest, TheLegacyStreamWaitsForBlockingStreamsOnly) {
  CUstream blocking = Stream(CU_STREAM_DEFAULT), free = Stream(), later = Stream(CU_STREAM_DEFAULT);
  Hold(blocking, 1);
  CUevent legacy_done = Event(), free_done = Event(), later_done = Event();
  ASSERT_CU(cuMemsetD32Async(result_, 7, 1, CU_STREAM_LEGACY));
  ASSERT_CU(cuEventRecord(legacy_done, CU_STREAM_LEGACY));
  ASSERT_CU(cuMemsetD32Async(result_ + 8, 8, 1, free));
  ASSERT_CU(cuEventRecord(free_done, free));
  ASSERT_CU(cuMemsetD32Async(result_ + 12, 9, 1, later));
  ASSERT_CU(cuEventRecord(later_done, later));
  ASSERT_CU(cuEventSynchronize(free_done));
  EXPECT_EQ(cuEventQuery(legacy_done), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuEventQuery(later_done), CUDA_ERROR_NOT_READY) << "a blocking stream waits for the legacy one";
  Open();
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(FromDevice<unsigned>(result_, 4), (std::vector<unsigned>{7, 1, 8, 9}));
}

TEST_F(StreamTest, AStreamWaitsForAnEventOfAnother) {
  CUstream first = Stream(), second = Stream();
  CUevent event = Event();
  Hold(first);
  ASSERT_CU(cuEventRecord(event, first));
  ASSERT_CU(cuStreamWaitEvent(second, event, 0));
  ASSERT_CU(Launch(store_, 1, 1, second, result_, CUdeviceptr{0}, 5u));
  EXPECT_EQ(cuStreamQuery(second), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuEventQuery(event), CUDA_ERROR_NOT_READY);
  Open();
  ASSERT_CU(cuStreamSynchronize(second));
  EXPECT_EQ(FromDevice<unsigned>(result_, 1)[0], 5u);
}

TEST_F(StreamTest, EventsMeasureTime) {
  CUevent start = Event(), end = Event(), untimed = Event(CU_EVENT_DISABLE_TIMING);
  float milliseconds = -1;
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, end), CUDA_ERROR_INVALID_HANDLE) << "not recorded";
  ASSERT_CU(cuEventRecord(start, nullptr));
  Hold(nullptr);
  ASSERT_CU(cuEventRecord(end, nullptr));
  ASSERT_CU(cuEventRecord(untimed, nullptr));
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, end), CUDA_ERROR_NOT_READY);
  Open();
  ASSERT_CU(cuEventSynchronize(end));
  ASSERT_CU(cuEventElapsedTime(&milliseconds, start, end));
  EXPECT_GT(milliseconds, 0);
  EXPECT_EQ(cuEventElapsedTime(&milliseconds, start, untimed), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(StreamTest, WaitsForAValueThatTheHostWrites) {
  void* memory = nullptr;
  ASSERT_CU(cuMemHostAlloc(&memory, 8, 0));
  auto& word = *static_cast<std::atomic<std::uint64_t>*>(memory);
  const auto address = reinterpret_cast<CUdeviceptr>(memory);
  CUstream stream = Stream();
  ASSERT_CU(cuStreamWaitValue64(stream, address, 3, CU_STREAM_WAIT_VALUE_GEQ));
  ASSERT_CU(cuMemsetD32Async(result_, 6, 1, stream));
  ASSERT_CU(cuStreamWriteValue64(stream, address, 100, 0));
  word = 2;
  EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  word = 4;
  ASSERT_CU(cuStreamSynchronize(stream));
  EXPECT_EQ(word, 100u);
  EXPECT_EQ(FromDevice<unsigned>(result_, 1)[0], 6u);
  EXPECT_EQ(cuStreamWaitValue64(stream, address + 4, 3, 0), CUDA_ERROR_INVALID_VALUE) << "misaligned";
  EXPECT_EQ(cuStreamWaitValue32(stream, 0x1000, 3, 0), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(StreamTest, HostFunctionsRunInStreamOrder) {
  CUstream stream = Stream();
  Hold(stream);
  static std::atomic<int> calls;
  calls = 0;
  const CUhostFn count = [](void*) { ++calls; };
  ASSERT_CU(cuLaunchHostFunc(stream, count, nullptr));
  EXPECT_EQ(calls, 0);
  Open();
  ASSERT_CU(cuStreamSynchronize(stream));
  EXPECT_EQ(calls, 1);
}

TEST_F(StreamTest, WorkOutlivesItsStreamsHandle) {
  CUstream stream = Stream();
  Hold(stream);
  ASSERT_CU(cuStreamDestroy(stream));
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_INVALID_HANDLE);
  Open();
  ASSERT_CU(cuCtxSynchronize());
  EXPECT_EQ(FromDevice<unsigned>(result_, 1)[0], 1u);
}

TEST_F(StreamTest, AKernelOutlivesItsModule) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  ASSERT_CU(cuModuleLoadData(&module, AwaitText().c_str()));
  ASSERT_CU(cuModuleGetFunction(&function, module, "Await"));
  CUstream stream = Stream();
  ASSERT_CU(Launch(function, 1, 1, stream, flag_, result_, 0u));
  ASSERT_CU(cuModuleUnload(module));
  EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  Open();
  ASSERT_CU(cuStreamSynchronize(stream));
  EXPECT_EQ(FromDevice<unsigned>(result_, 1)[0], 1u);
}

TEST_F(StreamTest, PrioritiesAreClampedToTheirRange) {
  int least = 1, greatest = 1, priority = 1;
  ASSERT_CU(cuCtxGetStreamPriorityRange(&least, &greatest));
  EXPECT_EQ(least, 0);
  EXPECT_LT(greatest, 0);
  ASSERT_CU(cuStreamGetPriority(Stream(0, -1000), &priority));
  EXPECT_EQ(priority, greatest);
}

}  // namespace
}  // namespace paella::simulated_gpu
