// What kernels print is fetched by the calls that wait, and written before they return; and the linker.
#include <cstring>
#include <string>

#include "client_fixture.h"

namespace paella {
namespace {

CUresult Launch(CUfunction function, CUstream stream = nullptr) {
  return cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, nullptr, nullptr);
}

TEST_F(ClientTest, TextIsWrittenBeforeAWaitReturns) {
  daemon_.HavePrinted("one line\nand another\n");
  ASSERT_EQ(Launch(Function("talker")), CUDA_SUCCESS);
  testing::internal::CaptureStdout();
  EXPECT_EQ(cuStreamSynchronize(nullptr), CUDA_SUCCESS);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "one line\nand another\n");
  const int taken = daemon_.texts_taken();
  EXPECT_EQ(taken, 2) << "two pieces";
  EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.texts_taken(), taken) << "nothing was launched since";
}

// What a query finds done, the next wait brings; one that has nothing to wait for does too.
TEST_F(ClientTest, TextIsBroughtByAWaitForWhatIsDone) {
  daemon_.HavePrinted("late");
  CUstream stream = nullptr;
  ASSERT_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  ASSERT_EQ(Launch(Function("talker"), stream), CUDA_SUCCESS);
  while (cuStreamQuery(stream) == CUDA_ERROR_NOT_READY) {
  }
  EXPECT_EQ(daemon_.texts_taken(), 0);
  testing::internal::CaptureStdout();
  EXPECT_EQ(cuCtxSynchronize(), CUDA_SUCCESS);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "late");
}

TEST_F(ClientTest, TextOfKernelsThatDoNotPrintIsNotAskedFor) {
  ASSERT_EQ(Launch(Function("plain")), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(nullptr), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.texts_taken(), 0);
}

TEST_F(ClientTest, LastWordsComeBeforeTheError) {
  daemon_.LeaveLastWords("printed\n", "asserted\n");
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  daemon_.Fail(CUDA_ERROR_ASSERT);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ASSERT);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ASSERT);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "printed\n") << "once";
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "asserted\n");
}

TEST_F(ClientTest, LinksWhatWasAdded) {
  char info[64] = "", error[64] = "";
  CUjit_option options[] = {CU_JIT_INFO_LOG_BUFFER,  CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES,
                            CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES,
                            CU_JIT_MAX_REGISTERS};
  void* values[] = {info, reinterpret_cast<void*>(sizeof info), error, reinterpret_cast<void*>(sizeof error),
                    reinterpret_cast<void*>(40)};
  CUlinkState link = nullptr;
  ASSERT_EQ(cuLinkCreate_v2(5, options, values, &link), CUDA_SUCCESS);
  std::string first(2500, 'a'), second = "second";
  CUjit_option level = CU_JIT_OPTIMIZATION_LEVEL;
  void* two = reinterpret_cast<void*>(2);
  EXPECT_EQ(cuLinkAddData_v2(link, CU_JIT_INPUT_PTX, first.data(), first.size(), "first", 0, nullptr, nullptr),
            CUDA_SUCCESS);
  EXPECT_EQ(cuLinkAddData_v2(link, CU_JIT_INPUT_CUBIN, second.data(), second.size(), nullptr, 1, &level, &two),
            CUDA_SUCCESS);
  EXPECT_EQ(cuLinkAddData_v2(link, CU_JIT_NUM_INPUT_TYPES, second.data(), 1, nullptr, 0, nullptr, nullptr),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuLinkAddData_v2(link, CU_JIT_INPUT_PTX, second.data(), 0, nullptr, 0, nullptr, nullptr),
            CUDA_ERROR_INVALID_VALUE);
  void* image = nullptr;
  std::size_t size = 0;
  ASSERT_EQ(cuLinkComplete(link, &image, &size), CUDA_SUCCESS);
  EXPECT_EQ(std::string(static_cast<const char*>(image), size), first + second);
  EXPECT_STREQ(info, "linked");
  EXPECT_STREQ(error, "no errors");
  EXPECT_EQ(values[1], reinterpret_cast<void*>(std::strlen("linked")));
  const auto links = daemon_.links();
  ASSERT_EQ(links.size(), 1u);
  EXPECT_EQ(links[0].jit_options, std::vector<std::uint32_t>{CU_JIT_MAX_REGISTERS});
  EXPECT_EQ(links[0].input_types, (std::vector<std::uint32_t>{CU_JIT_INPUT_PTX, CU_JIT_INPUT_CUBIN}));
  EXPECT_EQ(links[0].input_names, (std::vector<std::string>{"first", ""}));
  EXPECT_EQ(links[0].input_option_counts, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(links[0].input_jit_values, std::vector<std::uint64_t>{2});
  EXPECT_EQ(cuLinkDestroy(link), CUDA_SUCCESS);
  EXPECT_EQ(cuLinkComplete(link, &image, &size), CUDA_ERROR_INVALID_HANDLE);
}

}  // namespace
}  // namespace paella
