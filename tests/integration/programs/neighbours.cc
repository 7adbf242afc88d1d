// Clients that a test uses as scenery: one that works until it is told to end, one that holds memory with work in flight
// until it is killed, one that stops at a chosen point, one whose blocks end one by one.
#include <poll.h>
#include <unistd.h>

#include <memory>

#include "examples/common/fail.h"
#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

using examples::Check;

constexpr unsigned kCount = 256;
constexpr std::size_t kBytes = kCount * sizeof(unsigned);

bool HasInput() {
  pollfd input{STDIN_FILENO, POLLIN, 0};
  return poll(&input, 1, 0) == 1;
}

// The first error of a round of work whose values are checked, if there was none.
CUresult Round(const Kernels& kernels, CUdeviceptr values, std::vector<unsigned>& host, unsigned round) {
  for (unsigned i = 0; i < kCount; ++i) host[i] = round + i;
  CUresult result = cuMemcpyHtoD(values, host.data(), kBytes);
  for (unsigned i = 0; i < 5 && result == CUDA_SUCCESS; ++i) result = kernels.TryToMix(values, kCount, 10, nullptr);
  if (result == CUDA_SUCCESS) result = cuMemcpyDtoH(host.data(), values, kBytes);
  if (result != CUDA_SUCCESS) return result;
  for (unsigned i = 0; i < kCount; ++i) Expect(host[i] == Mixed(round + i, 50), "a neighbour's value");
  return cuCtxSynchronize();
}

[[noreturn]] void PauseHere(const std::string& point) {
  Say(point);
  for (;;) pause();
}

}  // namespace

// Exit status 2, with the failing call on standard error, at the first error: example programs do that too.
int Neighbour(Arguments) {
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  const examples::DeviceBuffer values(kBytes);
  std::vector<unsigned> host(kCount);
  for (unsigned round = 0; round == 0 || !HasInput(); ++round) {
    const CUresult result = Round(kernels, values.address(), host, round);
    if (result != CUDA_SUCCESS) {
      Say(cuCtxSynchronize() == result ? "the error stays" : "the error went away");
      Check(result, "a round of work");
    }
    if (round == 0) Say("ready");
  }
  Say("neighbour: every value was right");
  return 0;
}

int Hold(Arguments) {
  constexpr std::size_t kHeldBytes = 64 << 20;
  constexpr unsigned kLongRounds = 20'000;
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  const examples::DeviceBuffer held(kHeldBytes);
  const examples::PinnedArray<unsigned> pinned(1 << 20);
  for (unsigned round = 0;; ++round) {  // what is launched before each wait is in flight whenever the kill comes
    for (int i = 0; i < 8; ++i) kernels.Mix(held.address(), kCount, kLongRounds, nullptr);
    if (round == 0) Say("ready");
    Check(cuCtxSynchronize(), "cuCtxSynchronize");
  }
}

// A kernel of three blocks, of which one more ends with each line of the test's.
int Turnstile(Arguments) {
  constexpr unsigned kBlocks = 3;
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  examples::PinnedArray<unsigned> passed(1);
  *passed.data() = 0;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  kernels.AwaitTurns(passed.device_address(), kBlocks, stream);
  Say("ready");
  while (*passed.data() < kBlocks) {
    char letter = 0;
    if (read(STDIN_FILENO, &letter, 1) != 1) return 1;
    if (letter == '\n') __atomic_store_n(passed.data(), *passed.data() + 1, __ATOMIC_RELEASE);
  }
  stream.Synchronize();
  return 0;
}

// More commands than anybody keeps for a program, behind a host function that returns when the test writes a line.
int Backlog(Arguments) {
  constexpr unsigned kCommands = 90'000;
  const examples::Gpu gpu(integration_client_kernels);
  const examples::DeviceBuffer values(kBytes);
  const Stream stream(CU_STREAM_NON_BLOCKING);
  const auto wait_for_the_test = [](void*) {
    Say("in-callback");
    AwaitLine();
  };
  Check(cuLaunchHostFunc(stream, wait_for_the_test, nullptr), "cuLaunchHostFunc");
  for (unsigned i = 1; i <= kCommands; ++i) {
    Check(cuMemsetD32Async(values.address(), i, kCount, stream), "cuMemsetD32Async");
  }
  Say("posted");
  stream.Synchronize();
  std::vector<unsigned> host(kCount);
  Check(cuMemcpyDtoH(host.data(), values.address(), kBytes), "cuMemcpyDtoH");
  for (const unsigned value : host) Expect(value == kCommands, "what the last of many commands wrote");
  return 0;
}

// The test names the point; whatever was asked for before it is in flight or waits when the test kills the program.
int StopAt(Arguments arguments) {
  const std::string point = arguments.empty() ? "" : arguments[0];
  const auto here = [&](const char* name) {
    if (point == name) PauseHere(name);
  };
  Check(cuInit(0), "cuInit");
  here("after-init");
  const examples::Gpu gpu(integration_client_kernels);
  here("after-load");
  const Kernels kernels(gpu);
  const examples::DeviceBuffer values(32 << 20);
  here("after-allocation");
  const examples::PinnedArray<unsigned> pinned(1 << 20);
  here("after-pinned");
  const Stream stream(CU_STREAM_NON_BLOCKING), other(CU_STREAM_NON_BLOCKING);
  kernels.Mix(values.address(), kCount, 20'000, stream);
  here("kernel-in-flight");
  Check(cuMemcpyHtoDAsync(values.address(), pinned.data(), 1 << 20, stream), "cuMemcpyHtoDAsync");
  std::vector<unsigned> pageable(2 << 20);
  Check(cuMemcpyHtoDAsync(values.address(), pageable.data(), 8 << 20, other), "cuMemcpyHtoDAsync");
  here("copies-in-flight");
  CUevent event = nullptr;
  Check(cuEventCreate(&event, CU_EVENT_DEFAULT), "cuEventCreate");
  Check(cuEventRecord(event, stream), "cuEventRecord");
  Check(cuStreamWaitEvent(other, event, 0), "cuStreamWaitEvent");
  kernels.Mix(values.address(), kCount, 1000, other);
  here("streams-wait");
  CUdeviceptr ordered = 0;
  Check(cuMemAllocAsync(&ordered, 1 << 20, stream), "cuMemAllocAsync");
  Check(cuMemFreeAsync(ordered, stream), "cuMemFreeAsync");
  here("free-in-order");
  const auto in_callback = [](void* data) {
    if (*static_cast<const bool*>(data)) PauseHere("in-callback");
  };
  bool stops_in_callback = point == "in-callback";
  Check(cuLaunchHostFunc(stream, in_callback, &stops_in_callback), "cuLaunchHostFunc");
  kernels.Mix(values.address(), kCount, 100, stream);
  Check(cuEventRecord(event, stream), "cuEventRecord");
  Check(cuStreamWaitEvent(other, event, 0), "cuStreamWaitEvent");
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  here("after-work");
  examples::Fail(examples::kExitUsage, "there is no point '" + point + "'");
}

}  // namespace paella::integration
