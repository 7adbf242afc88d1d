// Which code images may be shared: those that nvcc makes, in every form, and those that nobody should hand in.
#include "scheduler_daemon/executor/image_variables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/images/test_images.h"

namespace paella::scheduler_daemon {
namespace {

class Images : public testing::TestWithParam<const char*> {};

TEST_P(Images, AreFreeOfVariablesIfTheirSourceIs) {
  const std::string form = GetParam();
  EXPECT_TRUE(IsFreeOfVariables(Image("no_variables." + form), kHopper));
  EXPECT_FALSE(IsFreeOfVariables(Image("variable." + form), kHopper));
  EXPECT_FALSE(IsFreeOfVariables(Image("constant." + form), kHopper));
}

// No answer is wrong but a read outside, which AddressSanitizer sees, and a call that never ends.
TEST_P(Images, MayBeCutOffAnywhere) {
  const auto image = Image("no_variables." + std::string(GetParam()));
  for (std::size_t size = 0; size < image.size(); size += 1 + size / 64) {
    // Of its own size, so that the byte behind it is nobody's.
    const std::vector<std::byte> begun(image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size));
    IsFreeOfVariables(begun, kHopper);
  }
}

TEST_P(Images, MayHaveAnyByteChanged) {
  const auto image = Image("no_variables." + std::string(GetParam()));
  std::mt19937 random(1);
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    auto changed = image;
    const std::size_t reach = round % 2 == 0 ? std::min<std::size_t>(changed.size(), 256) : changed.size();
    for (int i = 0; i < 4; ++i) changed[random() % reach] = static_cast<std::byte>(random());
    IsFreeOfVariables(changed, kHopper);
  }
}

INSTANTIATE_TEST_SUITE_P(All, Images, EveryForm(), FormName);

TEST(FatBinary, CountsOnlyWhatTheGpuCanLoad) {
  auto image = Image("variable.none.fatbin");
  EXPECT_FALSE(IsFreeOfVariables(image, kHopper));
  EXPECT_FALSE(IsFreeOfVariables(image, kHopper + 1)) << "its PTX is for later GPUs too";
  EXPECT_TRUE(IsFreeOfVariables(Image("mixed.fatbin"), kHopper));
  EXPECT_FALSE(IsFreeOfVariables(Image("mixed.fatbin"), kHopper + 1)) << "there is nothing in it for that GPU";
}

bool IsFree(std::string_view ptx) { return PtxIsFreeOfVariables(ptx); }

TEST(Ptx, MayUseMemoryThatIsNotItsOwn) {
  EXPECT_TRUE(IsFree(".version 9.0\n.target sm_90\n.address_size 64\n"
                     ".visible .entry k(.param .u64 .ptr .global .align 4 p, .param .u64 .ptr .const q) {\n"
                     ".reg .b32 %r<3>; .shared .align 4 .b8 s[16];\n"
                     "@%p1 ld.global.u32 %r1, [%rd1]; st.global.v2.u32 [%rd1], {%r1, %r2};\n"
                     "ld.const.u32 %r1, [%rd2]; cvta.to.global.u64 %rd1, %rd2; ret; }\n"));
}

TEST(Ptx, MayHaveWhatTheCompilerPutsThere) {
  EXPECT_TRUE(IsFree(".global .align 1 .b8 $str$1[5] = {98, 46, 99, 117};\n"
                     ".visible .global .align 4 .b8 __cudart_i2opi_f[24] = {65, 144};"));
  EXPECT_FALSE(IsFree(".global .align 1 .b8 $str[2] = {98, 46}, counter[4];"));
}

TEST(Ptx, MayNotHaveVariables) {
  for (const char* declaration :
       {".global .u32 a;", ".visible .global .align 8 .b8 a[8] = {1};", ".const .u32 a;", ".extern .const .u32 a;",
        ".extern.global.u32 a;", ".global .attribute(.managed) .u32 __cudart_a;", ".global .texref t;",
        ".tex .u32 t;", "// ends\n.global .u32 a;", "/* ends */.global.u32 a;", "k.x; .global .v2 .f32 a;",
        ".global", ".global .align", ".global .b8 $str[3] = {1"}) {
    EXPECT_FALSE(IsFree(declaration)) << declaration;
  }
}

TEST(Ptx, ReadsNoDeclarationOutOfCommentsAndTexts) {
  EXPECT_TRUE(IsFree("// .global .u32 a;\n/* .const .u32 b; */ .file 1 \" .global .u32 c;\"\n"));
  EXPECT_TRUE(IsFree("/* never closed .global .u32 a;"));
}

TEST(NeverWritten, IsToldByTheNamespaceOfThisOrAnyFile) {
  EXPECT_TRUE(IsNeverWritten("_ZN34_INTERNAL_8a2dee4e_4_c_cu__Z1fPiS_4cuda3std3__45__cpo5beginE"));
  EXPECT_TRUE(IsNeverWritten("_ZN6thrust12placeholders2_1E"));
  EXPECT_TRUE(IsNeverWritten("_ZTV6Policy"));
  EXPECT_FALSE(IsNeverWritten("_ZN3foo6thrust1aE"));
  EXPECT_FALSE(IsNeverWritten("_ZN7thruster1aE"));
  EXPECT_FALSE(IsNeverWritten("_ZN8CountersIN4cuda3std5tupleEE1nE"));
  EXPECT_FALSE(IsNeverWritten("_ZN99999999999999999999999thrustE"));
  EXPECT_FALSE(IsNeverWritten("_ZN"));
  EXPECT_FALSE(IsNeverWritten(""));
  EXPECT_FALSE(IsNeverWritten("counter"));
}

}  // namespace
}  // namespace paella::scheduler_daemon
