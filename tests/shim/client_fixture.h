// A process that is a client: connected to the fake daemon, the primary context current. For tests that run in a process
// of their own, since cuInit happens once.
#ifndef PAELLA_TESTS_SHIM_CLIENT_FIXTURE_H_
#define PAELLA_TESTS_SHIM_CLIENT_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdlib>

#include "fake_daemon.h"
#include "shim/cuda_api.h"

namespace paella {

inline constexpr char kPtx[] = "//\n.version 8.0\n.target sm_90\n";

class ClientTest : public testing::Test {
 protected:
  void SetUp() override {
    setenv("PAELLA_REAL_DRIVER", "/nonexistent", 1);  // what is tested must not depend on the machine
    setenv("PAELLA_TENANT", "team-a", 1);
    EXPECT_EQ(cuCtxGetCurrent(&context_), CUDA_ERROR_NOT_INITIALIZED);
    ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
    CUdeviceptr address;
    EXPECT_EQ(cuMemAlloc_v2(&address, 4), CUDA_ERROR_INVALID_CONTEXT);
    ASSERT_EQ(cuDevicePrimaryCtxRetain(&context_, 0), CUDA_SUCCESS);
    ASSERT_EQ(cuCtxSetCurrent(context_), CUDA_SUCCESS);
  }

  CUdeviceptr Allocate(std::size_t bytes) {
    CUdeviceptr address = 0;
    EXPECT_EQ(cuMemAlloc_v2(&address, bytes), CUDA_SUCCESS);
    return address;
  }

  CUfunction Function(const char* name = "add") {
    CUmodule module;
    CUfunction function = nullptr;
    EXPECT_EQ(cuModuleLoadData(&module, kPtx), CUDA_SUCCESS);
    EXPECT_EQ(cuModuleGetFunction(&function, module, name), CUDA_SUCCESS);
    return function;
  }

  FakeDaemon daemon_;
  CUcontext context_ = nullptr;
};

}  // namespace paella

#endif  // PAELLA_TESTS_SHIM_CLIENT_FIXTURE_H_
