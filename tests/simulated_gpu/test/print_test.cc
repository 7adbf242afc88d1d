// printf and assert in kernels: what is printed, and when it comes out.
#include <algorithm>
#include <fstream>
#include <iterator>

#include "tests/simulated_gpu/test/support.h"

namespace paella::simulated_gpu {
namespace {

class PrintTest : public GpuTest {
 protected:
  CUfunction Kernel(const char* name) {
    std::ifstream file(PAELLA_TEST_KERNELS);
    return Load({std::istreambuf_iterator<char>(file), {}}, name);
  }

  // What comes out by `wait`.
  template <typename Wait>
  static std::string PrintedBy(Wait wait) {
    testing::internal::CaptureStdout();
    wait();
    return testing::internal::GetCapturedStdout();
  }
};

TEST_F(PrintTest, ComesOutWhenAThreadWaits) {
  const std::string before = PrintedBy([&] {
    EXPECT_CU(Launch(Kernel("PrintNumbers"), 1, 1, nullptr, 7u, -3ll, 0.5));
    while (cuStreamQuery(nullptr) == CUDA_ERROR_NOT_READY) {
    }
  });
  EXPECT_EQ(before, "") << "a question is no wait";
  EXPECT_EQ(PrintedBy([] { EXPECT_CU(cuStreamSynchronize(nullptr)); }), "7 -3 0.500000 seven%\n");
  EXPECT_EQ(PrintedBy([] { EXPECT_CU(cuCtxSynchronize()); }), "");
}

TEST_F(PrintTest, EachLanePrintsItsOwn) {
  EXPECT_CU(Launch(Kernel("PrintLanes"), 2, 40, nullptr));
  const std::string text = PrintedBy([] { EXPECT_CU(cuCtxSynchronize()); });
  EXPECT_EQ(std::ranges::count(text, '\n'), 40) << "the odd lanes of both blocks";
  EXPECT_NE(text.find("block 1 thread 39\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("thread 38\n"), std::string::npos) << text;
}

TEST_F(PrintTest, AnAssertionTellsWhere) {
  EXPECT_CU(Launch(Kernel("PrintAndAssert"), 1, 1, nullptr, 3u));
  testing::internal::CaptureStderr();
  const std::string printed = PrintedBy([] { EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ASSERT); });
  const std::string errors = testing::internal::GetCapturedStderr();
  EXPECT_EQ(printed, "asserts 3\n");
  EXPECT_NE(errors.find("block: [0,0,0], thread: [0,0,0] Assertion `value < 3` failed.\n"), std::string::npos)
      << errors;
}

TEST_F(PrintTest, AWildFormatIsAFault) {
  const std::string text =
      ".version 8.0\n.target sm_80\n.address_size 64\n"
      ".extern .func (.param .b32 r) vprintf(.param .b64 a, .param .b64 b);\n"
      ".visible .entry Wild()\n{\n.reg .b32 %r<2>; .reg .b64 %rd<2>;\nmov.u64 %rd1, 0xdeadbeef0000;\n"
      "{\n.param .b64 p0;\nst.param.b64 [p0+0], %rd1;\n.param .b64 p1;\nst.param.b64 [p1+0], %rd1;\n.param .b32 r0;\n"
      "call.uni (r0), vprintf, (p0, p1);\nld.param.b32 %r1, [r0+0];\n}\nret;\n}\n";
  EXPECT_CU(Launch(Load(text, "Wild"), 1, 1, nullptr));
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
}

}  // namespace
}  // namespace paella::simulated_gpu
