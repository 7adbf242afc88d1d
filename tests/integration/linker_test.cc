// The linker from end to end. The simulated driver's gives one PTX text back.
#include "tests/integration/support.h"

namespace paella::integration {
namespace {

class Linker : public DaemonTest {};

TEST_F(Linker, GivesWhatTheDriversGives) {
  test::ChildProcess native({PAELLA_TEST_LINKER}, test::NativeEnvironment());
  EXPECT_TRUE(EndsWell(native));
  const auto client = StartClient(*daemon_, "linker", {PAELLA_TEST_LINKER});
  EXPECT_TRUE(EndsWell(*client));
  EXPECT_EQ(client->output(), native.output());
}

}  // namespace
}  // namespace paella::integration
