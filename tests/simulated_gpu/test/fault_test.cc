// What a faulting kernel does to its context, and to nothing else.
#include "tests/simulated_gpu/test/support.h"

namespace paella::simulated_gpu {
namespace {

class FaultTest : public GpuTest {
 protected:
  // Launches a kernel with such a body and returns what the context says when it is over.
  CUresult Run(const std::string& body, CUdeviceptr p0 = 0) {
    EXPECT_CU(Launch(Load(KernelText("Faulty", body), "Faulty"), 1, 32, nullptr, p0, CUdeviceptr{0}, 0u));
    return cuCtxSynchronize();
  }
};

TEST_F(FaultTest, AWildReadIsAStickyError) {
  EXPECT_EQ(Run("mov.u64 %rd1, 0xdeadbeef0000; ld.global.u32 %r1, [%rd1];"), CUDA_ERROR_ILLEGAL_ADDRESS);
  CUdeviceptr address = 0;
  CUstream stream = nullptr;
  CUmodule module = nullptr;
  EXPECT_EQ(cuMemAlloc(&address, 16), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuStreamCreate(&stream, 0), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuModuleLoadData(&module, StoreText().c_str()), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuStreamSynchronize(nullptr), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(FaultTest, AWriteBeyondAnAllocationIsAStickyError) {
  const CUdeviceptr address = ToDevice(std::vector<unsigned>(4));
  EXPECT_EQ(Run("ld.param.u64 %rd1, [p0]; st.global.u32 [%rd1+16], 1;", address), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(FaultTest, AGenericNullPointerIsAStickyError) {
  EXPECT_EQ(Run("mov.u64 %rd1, 0; atom.add.u32 %r1, [%rd1], 1;"), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(FaultTest, SharedMemoryHasAnEnd) {
  EXPECT_EQ(Run(".shared .b8 s[64]; mov.u32 %r1, s; st.shared.u32 [%r1+64], 1;"), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(FaultTest, AMisalignedAccessIsAStickyError) {
  const CUdeviceptr address = ToDevice(std::vector<unsigned>(4));
  EXPECT_EQ(Run("ld.param.u64 %rd1, [p0]; ld.global.u32 %r1, [%rd1+2];", address), CUDA_ERROR_MISALIGNED_ADDRESS);
}

TEST_F(FaultTest, ATrapFailsTheLaunch) {
  EXPECT_EQ(Run("trap;"), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_LAUNCH_FAILED);
}

TEST_F(FaultTest, ABarrierThatNobodyCompletesFailsTheLaunch) { EXPECT_EQ(Run("bar.sync 0, 64;"), CUDA_ERROR_LAUNCH_FAILED); }

TEST_F(FaultTest, WaitingWorkIsDroppedWithTheContext) {
  const CUdeviceptr flag = ToDevice<unsigned>({0});
  CUstream waits = nullptr;
  ASSERT_CU(cuStreamCreate(&waits, CU_STREAM_NON_BLOCKING));
  ASSERT_CU(Launch(Load(AwaitText(), "Await"), 1, 1, waits, flag, flag, 0u));  // would never end
  ASSERT_CU(cuStreamWaitValue32(waits, flag, 5, CU_STREAM_WAIT_VALUE_EQ));
  ASSERT_CU(cuMemsetD32Async(flag, 1, 1, waits));
  EXPECT_EQ(Run("trap;"), CUDA_ERROR_LAUNCH_FAILED);
  EXPECT_EQ(cuStreamSynchronize(waits), CUDA_ERROR_LAUNCH_FAILED);
}

TEST_F(FaultTest, AnotherContextGoesOn) {
  CUcontext other = nullptr;
  ASSERT_CU(cuCtxCreate(&other, nullptr, 0, device_));
  const CUdeviceptr word = ToDevice<unsigned>({0});
  const CUfunction store = Load(StoreText(), "Store");
  ASSERT_CU(cuCtxPopCurrent(nullptr));
  EXPECT_EQ(Run("trap;"), CUDA_ERROR_LAUNCH_FAILED);
  ASSERT_CU(cuCtxPushCurrent(other));
  ASSERT_CU(Launch(store, 1, 1, nullptr, word, CUdeviceptr{0}, 9u));
  EXPECT_EQ(FromDevice<unsigned>(word, 1)[0], 9u);
  EXPECT_CU(cuCtxDestroy(other));
}

TEST_F(FaultTest, APrimaryContextStartsAfreshWhenItWasReleased) {
  CUcontext primary = nullptr;
  ASSERT_CU(cuDevicePrimaryCtxRetain(&primary, device_));
  ASSERT_CU(cuCtxPushCurrent(primary));
  EXPECT_EQ(Run("trap;"), CUDA_ERROR_LAUNCH_FAILED);
  ASSERT_CU(cuDevicePrimaryCtxRelease(device_));
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_CONTEXT_IS_DESTROYED);
  ASSERT_CU(cuDevicePrimaryCtxRetain(&primary, device_));
  EXPECT_CU(Run("exit;"));
  ASSERT_CU(cuDevicePrimaryCtxRelease(device_));
  ASSERT_CU(cuCtxPopCurrent(nullptr));
}

TEST_F(FaultTest, AContextWithAnEndlessKernelCanBeDestroyed) {
  CUcontext other = nullptr;
  ASSERT_CU(cuCtxCreate(&other, nullptr, 0, device_));
  ASSERT_CU(Launch(Load(KernelText("Endless", "loop: bra loop;"), "Endless"), 64, 64, nullptr, CUdeviceptr{0}, CUdeviceptr{0}, 0u));
  EXPECT_CU(cuCtxDestroy(other));
}

}  // namespace
}  // namespace paella::simulated_gpu
