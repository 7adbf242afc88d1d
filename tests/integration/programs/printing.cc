// integration_printing SCENARIO [ARGUMENT...]: programs whose kernels print, and which know nothing of Paella. What
// they print themselves shows by when the kernels' text came. Exits with 0 if all that the scenario checks holds.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "examples/common/fail.h"
#include "tests/integration/programs/scenarios.h"

extern "C" const unsigned long long integration_printing_kernels[];

namespace paella::integration {
namespace {

using examples::Check;
using Words = std::vector<std::string>;

struct Program {
  examples::Gpu gpu{integration_printing_kernels};

  template <typename... Parameters>
  void Launch(const char* kernel, CUstream stream, Parameters... parameters) const {
    void* pointers[] = {&parameters..., nullptr};
    Check(cuLaunchKernel(gpu.Function(kernel), 1, 1, 1, 1, 1, 1, 0, stream, pointers, nullptr), "cuLaunchKernel");
  }
};

unsigned Number(const Words& words, std::size_t index) {
  if (index >= words.size()) examples::Fail(examples::kExitUsage, "a number is missing");
  return static_cast<unsigned>(std::stoul(words[index]));
}

int Formats(const Words&) {
  const Program program;
  program.Launch("SayFormats", nullptr, -5, 1ll << 40, 0.25);
  Check(cuStreamSynchronize(nullptr), "cuStreamSynchronize");
  Say("synchronised");
  return 0;
}

// WHO COUNT: one kernel a round, and the program's own word after each.
int Rounds(const Words& words) {
  const Program program;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  const unsigned who = Number(words, 0), count = Number(words, 1);
  for (unsigned round = 0; round < count; ++round) {
    program.Launch("Say", stream, who, round);
    stream.Synchronize();
    std::printf("%u synchronised %u\n", who, round);  // and no flush: the order is that of the calls all the same
  }
  return 0;
}

// Several kernels in order, then each way of waiting.
int EachWait(const Words&) {
  const Program program;
  const Stream stream;
  CUevent event = nullptr;
  Check(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  unsigned round = 0;
  const auto say_twice = [&] {
    program.Launch("Say", stream, 1u, round++);
    program.Launch("Say", stream, 1u, round++);
  };
  say_twice();
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  std::puts("context");
  say_twice();
  Check(cuEventRecord(event, stream), "cuEventRecord");
  Check(cuEventSynchronize(event), "cuEventSynchronize");
  std::puts("event");
  say_twice();
  Check(cuStreamSynchronize(nullptr), "cuStreamSynchronize");  // the legacy stream covers the other one
  Check(cuStreamSynchronize(stream), "cuStreamSynchronize");
  std::puts("stream");
  return 0;
}

// WHO COUNT: more than one answer of the daemon holds.
int Lines(const Words& words) {
  const Program program;
  program.Launch("SayLines", nullptr, Number(words, 0), Number(words, 1));
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  std::puts("synchronised");
  return 0;
}

// WHO: a kernel that has printed is on the GPU until a line comes on standard input.
int Hold(const Words& words) {
  const Program program;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  Flag flag;
  program.Launch("SayAndAwait", stream, Number(words, 0), flag.address());
  integration::Say("ready");
  std::getchar();
  flag.Raise();
  stream.Synchronize();
  integration::Say("synchronised");
  return 0;
}

// WHO: prints until it is killed.
int ForEver(const Words& words) {
  const Program program;
  const unsigned who = Number(words, 0);
  for (unsigned round = 0;; ++round) {
    program.Launch("Say", nullptr, who, round);
    Check(cuStreamSynchronize(nullptr), "cuStreamSynchronize");
    std::fflush(stdout);
  }
}

int InGraph(const Words&) {
  const Program program;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  Check(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), "cuStreamBeginCapture");
  for (unsigned i = 0; i < 3; ++i) program.Launch("Say", stream, 2u, i);
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  Check(cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
  Check(cuGraphInstantiate(&exec, graph, 0), "cuGraphInstantiate");
  for (int launch = 0; launch < 2; ++launch) {
    Check(cuGraphLaunch(exec, stream), "cuGraphLaunch");
    stream.Synchronize();
    std::printf("launch %d\n", launch);
  }
  return 0;
}

int Assertion(const Words&) {
  const Program program;
  program.Launch("SayAndAssert", nullptr, 1u);
  Check(cuStreamSynchronize(nullptr), "cuStreamSynchronize");
  program.Launch("SayAndAssert", nullptr, 7u);
  ExpectResult(cuStreamSynchronize(nullptr), CUDA_ERROR_ASSERT, "cuStreamSynchronize");
  std::fputs("told\n", stderr);
  integration::Say("told");
  std::_Exit(0);  // the error stays, and destructors would meet it
}

// Works without printing until standard input ends or an error comes, which is no fault of it.
int Quiet(const Words&) {
  const Program program;
  const examples::DeviceBuffer value(sizeof(unsigned));
  integration::Say("ready");
  for (;;) {
    CUdeviceptr address = value.address();
    void* parameters[] = {&address, nullptr};
    const CUresult launched =
        cuLaunchKernel(program.gpu.Function("SayNothing"), 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr);
    const CUresult result = launched == CUDA_SUCCESS ? cuStreamSynchronize(nullptr) : launched;
    if (result == CUDA_SUCCESS) continue;
    ExpectResult(result, CUDA_ERROR_DEVICE_UNAVAILABLE, "an error that others made");
    integration::Say("unavailable");
    std::_Exit(0);
  }
}

}  // namespace
}  // namespace paella::integration

int main(int argc, char** argv) {
  using namespace paella::integration;
  const std::map<std::string, int (*)(const Words&)> scenarios{
      {"formats", Formats},   {"rounds", Rounds},  {"each_wait", EachWait},  {"lines", Lines}, {"hold", Hold},
      {"for_ever", ForEver}, {"in_graph", InGraph}, {"assertion", Assertion}, {"quiet", Quiet},
  };
  const Words words(argv + 1, argv + argc);
  if (words.empty() || !scenarios.contains(words[0])) examples::Fail(examples::kExitUsage, "name a scenario");
  return scenarios.at(words[0])({words.begin() + 1, words.end()});
}
