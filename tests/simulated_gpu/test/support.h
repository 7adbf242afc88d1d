// A context on the simulated GPU for each test, and device memory that is freed at its end.
#ifndef PAELLA_TESTS_SIMULATED_GPU_TEST_SUPPORT_H_
#define PAELLA_TESTS_SIMULATED_GPU_TEST_SUPPORT_H_

#include <cuda.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace paella::simulated_gpu {

#define ASSERT_CU(call) ASSERT_EQ(call, CUDA_SUCCESS)
#define EXPECT_CU(call) EXPECT_EQ(call, CUDA_SUCCESS)

class GpuTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_CU(cuInit(0));
    ASSERT_CU(cuDeviceGet(&device_, 0));
    ASSERT_CU(cuCtxCreate(&context_, nullptr, 0, device_));
  }
  void TearDown() override { EXPECT_CU(cuCtxDestroy(context_)); }

  CUfunction Load(const std::string& ptx, const char* name) {
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    EXPECT_CU(cuModuleLoadData(&module, ptx.c_str()));
    EXPECT_CU(cuModuleGetFunction(&function, module, name));
    return function;
  }

  CUdevice device_ = 0;
  CUcontext context_ = nullptr;
};

// Freed with the context.
template <typename T>
CUdeviceptr ToDevice(const std::vector<T>& values) {
  CUdeviceptr address = 0;
  EXPECT_CU(cuMemAlloc(&address, values.size() * sizeof(T)));
  EXPECT_CU(cuMemcpyHtoD(address, values.data(), values.size() * sizeof(T)));
  return address;
}

template <typename T>
std::vector<T> FromDevice(CUdeviceptr address, std::size_t count) {
  std::vector<T> values(count);
  EXPECT_CU(cuMemcpyDtoH(values.data(), address, count * sizeof(T)));
  return values;
}

template <typename... Parameters>
CUresult Launch(CUfunction function, unsigned blocks, unsigned threads, CUstream stream, Parameters... parameters) {
  void* pointers[] = {&parameters..., nullptr};
  return cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, pointers, nullptr);
}

// PTX with one kernel of `name` whose body is given; registers %p, %r, %rd, %f, %h are there, and parameters p0 to p2.
inline std::string KernelText(const std::string& name, const std::string& body) {
  return ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry " + name +
         "(.param .u64 p0, .param .u64 p1, .param .u32 p2)\n{\n.reg .pred %p<8>; .reg .b16 %h<8>; .reg .b32 %r<16>;"
         " .reg .b64 %rd<16>; .reg .f32 %f<8>;\n" + body + "\nret;\n}\n";
}

// Writes *p0 = p2.
inline std::string StoreText() { return KernelText("Store", "ld.param.u64 %rd1, [p0]; ld.param.u32 %r1, [p2]; st.global.u32 [%rd1], %r1;"); }

// Waits until *p0 is not 0, then writes it to *p1.
inline std::string AwaitText() {
  return KernelText("Await",
                    "ld.param.u64 %rd1, [p0]; ld.param.u64 %rd2, [p1];\nloop: ld.volatile.global.u32 %r1, [%rd1];\n"
                    "setp.eq.u32 %p1, %r1, 0; @%p1 bra loop;\nst.global.u32 [%rd2], %r1;");
}

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_TEST_SUPPORT_H_
