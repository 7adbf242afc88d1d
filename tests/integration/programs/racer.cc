// A program with one kind of job, whose jobs' order beside others' tells what the daemon's policy does:
//
//   racer KERNELS ROUNDS          a job: so many kernels that fill the test's GPU, each of so many rounds
//   racer KERNELS ROUNDS graph    the same as one graph
//
// It runs some jobs, so that the daemon knows them, and says "ready". For each of the test's next two lines: posts a job behind a host
// function and says "posted"; lets it begin and says "begun". Then it says when the job was done, as the nanoseconds of CLOCK_MONOTONIC.
#include <time.h>

#include <functional>

#include "examples/common/fail.h"
#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

constexpr unsigned kJobsBefore = 3;
constexpr unsigned kCount = 1024;

CUgraphExec Capture(const Stream& stream, const std::function<void()>& post) {
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  examples::Check(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), "cuStreamBeginCapture");
  post();
  examples::Check(cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
  examples::Check(cuGraphInstantiate(&executable, graph, 0), "cuGraphInstantiate");
  return executable;
}

}  // namespace

int Racer(Arguments arguments) {
  const bool is_graph = arguments.size() == 3 && arguments[2] == "graph";
  if (arguments.size() != 2 && !is_graph) examples::Fail(examples::kExitUsage, "racer KERNELS ROUNDS [graph]");
  const auto kernels_of_job = std::stoul(arguments[0]);
  const auto rounds = static_cast<unsigned>(std::stoul(arguments[1]));
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  const examples::DeviceBuffer values(kCount * sizeof(unsigned));
  const Stream stream(CU_STREAM_NON_BLOCKING);
  const auto post_kernels = [&] {
    for (unsigned long i = 0; i < kernels_of_job; ++i) kernels.Mix(values.address(), kCount, rounds, stream);
  };
  CUgraphExec graph = is_graph ? Capture(stream, post_kernels) : nullptr;
  const auto post = [&] {
    if (!is_graph) return post_kernels();
    examples::Check(cuGraphLaunch(graph, stream), "cuGraphLaunch");
  };
  for (unsigned job = 0; job < kJobsBefore; ++job) {
    post();
    stream.Synchronize();
  }
  Say("ready");
  AwaitLine();
  const auto await_begin = [](void*) {
    AwaitLine();
    Say("begun");
  };
  examples::Check(cuLaunchHostFunc(stream, await_begin, nullptr), "cuLaunchHostFunc");
  post();
  Say("posted");
  stream.Synchronize();
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  Say("done at " + std::to_string(now.tv_sec * 1'000'000'000 + now.tv_nsec));
  if (is_graph) examples::Check(cuGraphExecDestroy(graph), "cuGraphExecDestroy");
  return 0;
}

}  // namespace paella::integration
