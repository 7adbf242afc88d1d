// On how many SMs its kernels run: says so for each line of the test's, as often as the argument tells, once for an ordinary kernel and
// once for a cooperative one that fills the whole GPU.
#include <set>

#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

using examples::Check;

constexpr unsigned kThreads = 1024;

std::size_t CountSms(const Kernels& kernels, unsigned blocks, bool cooperative) {
  const examples::PinnedArray<unsigned> sms(blocks);
  const Stream stream(CU_STREAM_NON_BLOCKING);
  kernels.NoteSms(sms.device_address(), {blocks, kThreads}, cooperative, stream);
  stream.Synchronize();
  return std::set<unsigned>(sms.data(), sms.data() + blocks).size();
}

}  // namespace

int SmShares(Arguments arguments) {
  const unsigned long times = arguments.empty() ? 1 : std::stoul(arguments[0]);
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  const auto sms = static_cast<unsigned>(gpu.Attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  Say("ready");
  for (unsigned long i = 1; i <= times; ++i) {
    AwaitLine();
    const std::size_t ordinary = CountSms(kernels, 2 * sms, false);
    const std::size_t cooperative = CountSms(kernels, sms, true);
    Say("run " + std::to_string(i) + ": " + std::to_string(ordinary) + " SMs, " + std::to_string(cooperative));
  }
  return 0;
}

}  // namespace paella::integration
