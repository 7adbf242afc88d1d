// Which kernels may print: in images that nvcc makes, in every form, and in those that nobody should hand in.
#include "scheduler_daemon/executor/kernel_text.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/images/test_images.h"

namespace paella::scheduler_daemon {
namespace {

class ImageText : public testing::TestWithParam<const char*> {};

TEST_P(ImageText, TellsWhoPrintsAndWhoAsserts) {
  const KernelText text = FindKernelText(Image("prints." + std::string(GetParam())), kHopper);
  EXPECT_TRUE(text.prints.contains("Prints"));
  EXPECT_TRUE(text.prints.contains("PrintsInAFunction"));
  EXPECT_TRUE(text.asserts.contains("Asserts"));
  EXPECT_FALSE(text.asserts.contains("Prints"));
  EXPECT_FALSE(text.asserts.contains("Silent"));
}

TEST_P(ImageText, SaysNothingOfCodeWithoutAny) {
  const KernelText text = FindKernelText(Image("variable." + std::string(GetParam())), kHopper);
  EXPECT_FALSE(text.prints.contains("Kernel"));
  EXPECT_FALSE(text.asserts.contains("Kernel"));
}

// No answer is wrong but a read outside, which AddressSanitizer sees, and a call that never ends.
TEST_P(ImageText, MayBeAnything) {
  const auto image = Image("prints." + std::string(GetParam()));
  std::mt19937 random(1);
  constexpr int kRounds = 1000;
  for (int round = 0; round < kRounds; ++round) {
    auto changed = image;
    for (int i = 0; i < 4; ++i) changed[random() % changed.size()] = static_cast<std::byte>(random());
    FindKernelText(changed, kHopper);
    changed.resize(random() % changed.size());
    changed.shrink_to_fit();
    FindKernelText(changed, kHopper);
  }
}

INSTANTIATE_TEST_SUITE_P(All, ImageText, EveryForm(), FormName);

// UndefinedBehaviorSanitizer sees null pointers where none may be.
TEST(ImageTextTest, OfNoBytesCallsNothing) {
  const KernelText text = FindKernelText({}, kHopper);
  EXPECT_FALSE(text.prints.contains("Any"));
  EXPECT_FALSE(text.asserts.contains("Any"));
}

// Machine code names who calls what, kernel by kernel; a kernel beside one that prints may go as it likes.
TEST(MachineCode, IsToldApartByKernels) {
  const KernelText text = FindKernelText(Image("prints.cubin"), kHopper);
  EXPECT_FALSE(text.prints.contains("Silent"));
  EXPECT_FALSE(text.prints.contains("Asserts"));
}

TEST(Text, OfAFunctionMayBeOfEveryKernel) {
  constexpr std::string_view kPtx =
      ".version 8.0\n.target sm_80\n.extern .func (.param .b32 r) vprintf (.param .b64 a, .param .b64 b);\n"
      ".func (.param .b32 x) Tell (.param .b32 p) { call.uni (r), vprintf, (a, b); ret; }\n"
      ".visible .entry Kernel() { ret; }\n";
  KernelText text;
  EXPECT_TRUE(AddTextOfPtx(kPtx, text));
  EXPECT_TRUE(text.prints.all);
  EXPECT_FALSE(text.asserts.contains("Kernel"));
}

TEST(Text, OfAKernelIsItsOwn) {
  constexpr std::string_view kPtx =
      ".extern .func __assertfail (.param .b64 a);\n// vprintf is not called\n"
      ".entry One(.param .u64 p) { { call.uni __assertfail, (a); } ret; }\n.entry Two() { ret; }\n";
  KernelText text;
  EXPECT_TRUE(AddTextOfPtx(kPtx, text));
  EXPECT_TRUE(text.asserts.contains("One"));
  EXPECT_FALSE(text.asserts.contains("Two"));
  EXPECT_FALSE(text.prints.contains("One"));
}

TEST(Text, OfWhatIsNotUnderstoodMayBeAnybodys) {
  const std::vector<std::byte> rubbish{std::byte{0x7f}, std::byte{'E'}, std::byte{'L'}, std::byte{'F'}, std::byte{1}};
  KernelText text;
  EXPECT_FALSE(AddTextOfElf(rubbish, text));
  auto image = Image("prints.cubin");
  image.resize(image.size() / 2);  // the tables of its sections are at its end
  EXPECT_TRUE(FindKernelText(image, kHopper).prints.contains("Kernel"));
  EXPECT_TRUE(FindKernelText(image, kHopper).asserts.contains("Kernel"));
}

}  // namespace
}  // namespace paella::scheduler_daemon
