// integration_graphs SCENARIO: programs that capture, build, update and launch graphs, and know nothing of Paella.
// Exits with 0 if all that the scenario checks holds.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "examples/common/fail.h"
#include "tests/integration/programs/scenarios.h"

extern "C" const unsigned long long integration_graphs_kernels[];

namespace paella::integration {
namespace {

using examples::Check;
using examples::DeviceBuffer;
using examples::PinnedArray;

constexpr unsigned kCount = 300;
constexpr std::size_t kBytes = kCount * sizeof(unsigned);
constexpr unsigned kThreads = 128;

struct Program {
  examples::Gpu gpu{integration_graphs_kernels};
  Kernels kernels{gpu};
};

class Event {
 public:
  Event() { Check(cuEventCreate(&event_, CU_EVENT_DISABLE_TIMING), "cuEventCreate"); }
  ~Event() { cuEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator CUevent() const { return event_; }  // NOLINT: as Stream

 private:
  CUevent event_ = nullptr;
};

class Graph {
 public:
  Graph() { Check(cuGraphCreate(&graph_, 0), "cuGraphCreate"); }
  explicit Graph(CUgraph graph) : graph_(graph) {}
  ~Graph() { Check(cuGraphDestroy(graph_), "cuGraphDestroy"); }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  operator CUgraph() const { return graph_; }  // NOLINT: as Stream

 private:
  CUgraph graph_ = nullptr;
};

class Exec {
 public:
  explicit Exec(CUgraph graph) { Check(cuGraphInstantiate(&exec_, graph, 0), "cuGraphInstantiate"); }
  ~Exec() { Check(cuGraphExecDestroy(exec_), "cuGraphExecDestroy"); }
  Exec(const Exec&) = delete;
  Exec& operator=(const Exec&) = delete;
  operator CUgraphExec() const { return exec_; }  // NOLINT: as Stream
  void Launch(CUstream stream) const { Check(cuGraphLaunch(exec_, stream), "cuGraphLaunch"); }

 private:
  CUgraphExec exec_ = nullptr;
};

std::vector<unsigned> Read(const DeviceBuffer& device) {
  std::vector<unsigned> host(kCount);
  Check(cuMemcpyDtoH(host.data(), device.address(), kBytes), "cuMemcpyDtoH");
  return host;
}

void ExpectMixed(const std::vector<unsigned>& values, unsigned first, unsigned rounds, const char* what) {
  for (unsigned i = 0; i < kCount; ++i) Expect(values[i] == Mixed(first + i, rounds), what);
}

void BeginCapture(CUstream stream) {
  Check(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL), "cuStreamBeginCapture");
}

CUgraph EndCapture(CUstream stream) {
  CUgraph graph = nullptr;
  Check(cuStreamEndCapture(stream, &graph), "cuStreamEndCapture");
  return graph;
}

// A kernel node's parameters, kept where the structure can point at them.
class MixNode {
 public:
  MixNode(const Program& program, CUdeviceptr values, unsigned rounds)
      : values_(values), rounds_(rounds), pointers_{&values_, &count_, &rounds_} {
    parameters_.func = program.gpu.Function("Mix");
    parameters_.gridDimX = (kCount + kThreads - 1) / kThreads;
    parameters_.gridDimY = parameters_.gridDimZ = 1;
    parameters_.blockDimX = kThreads;
    parameters_.blockDimY = parameters_.blockDimZ = 1;
    parameters_.kernelParams = pointers_;
  }
  MixNode(const MixNode&) = delete;
  const CUDA_KERNEL_NODE_PARAMS* parameters() const { return &parameters_; }

 private:
  CUdeviceptr values_;
  unsigned count_ = kCount, rounds_;
  void* pointers_[3];
  CUDA_KERNEL_NODE_PARAMS parameters_{};
};

CUgraphNode AddMix(const Program& program, CUgraph graph, const std::vector<CUgraphNode>& after, CUdeviceptr values,
                   unsigned rounds) {
  const MixNode node(program, values, rounds);
  CUgraphNode added = nullptr;
  Check(cuGraphAddKernelNode(&added, graph, after.data(), after.size(), node.parameters()), "cuGraphAddKernelNode");
  return added;
}

// Two streams, one drawn in by an event and joined by another; launched often, in a stream that was not captured.
int CaptureForkJoin() {
  const Program program;
  const Stream main(CU_STREAM_NON_BLOCKING), side(CU_STREAM_NON_BLOCKING), other(CU_STREAM_NON_BLOCKING);
  const Event fork, join;
  const DeviceBuffer left(kBytes), right(kBytes), result(kBytes);
  BeginCapture(main);
  program.kernels.Fill(left.address(), kCount, 7, main);
  Check(cuEventRecord(fork, main), "cuEventRecord");
  Check(cuStreamWaitEvent(side, fork, 0), "cuStreamWaitEvent");
  Check(cuMemcpyDtoDAsync(right.address(), left.address(), kBytes, side), "cuMemcpyDtoDAsync");
  program.kernels.Mix(right.address(), kCount, 2, side);
  program.kernels.Mix(left.address(), kCount, 5, main);
  Check(cuEventRecord(join, side), "cuEventRecord");
  Check(cuStreamWaitEvent(main, join, 0), "cuStreamWaitEvent");
  Check(cuMemcpyDtoDAsync(result.address(), right.address(), kBytes, main), "cuMemcpyDtoDAsync");
  program.kernels.Mix(result.address(), kCount, 1, main);
  const Graph graph(EndCapture(main));
  std::size_t nodes = 0;
  Check(cuGraphGetNodes(graph, nullptr, &nodes), "cuGraphGetNodes");
  Expect(nodes == 6, "a captured graph has other nodes than the calls");
  const Exec exec(graph);
  for (int i = 0; i < 20; ++i) {
    Check(cuMemsetD32Async(left.address(), 0, kCount, other), "cuMemsetD32Async");
    exec.Launch(other);
  }
  Check(cuStreamSynchronize(other), "cuStreamSynchronize");
  ExpectMixed(Read(left), 7, 5, "the captured stream's work is wrong");
  ExpectMixed(Read(right), 7, 2, "the forked stream's work is wrong");
  ExpectMixed(Read(result), 7, 3, "the joined work is wrong");
  return 0;
}

// As compilers build them: nodes of every kind, a child, parameters changed one by one and by another graph.
int GraphApi() {
  const Program program;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  const DeviceBuffer values(kBytes), copy(kBytes);
  CUcontext context = nullptr;
  Check(cuCtxGetCurrent(&context), "cuCtxGetCurrent");

  const auto build = [&](CUgraph graph, unsigned value, unsigned rounds, CUgraphNode& mix) {
    CUDA_MEMSET_NODE_PARAMS fill{};
    fill.dst = values.address();
    fill.value = value;
    fill.elementSize = 4;
    fill.width = kCount;
    fill.height = 1;
    CUgraphNode set = nullptr, empty = nullptr, copied = nullptr, child_node = nullptr;
    Check(cuGraphAddMemsetNode(&set, graph, nullptr, 0, &fill, context), "cuGraphAddMemsetNode");
    mix = AddMix(program, graph, {set}, values.address(), rounds);
    Check(cuGraphAddEmptyNode(&empty, graph, &mix, 1), "cuGraphAddEmptyNode");
    CUDA_MEMCPY3D box{};
    box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    box.srcDevice = values.address();
    box.dstDevice = copy.address();
    box.WidthInBytes = kBytes;
    box.Height = box.Depth = 1;
    Check(cuGraphAddMemcpyNode(&copied, graph, &empty, 1, &box, context), "cuGraphAddMemcpyNode");
    const Graph child;
    CUgraphNode first = AddMix(program, child, {}, copy.address(), 1);
    AddMix(program, child, {first}, copy.address(), 1);
    Check(cuGraphAddChildGraphNode(&child_node, graph, &copied, 1, child), "cuGraphAddChildGraphNode");
  };
  const auto expect = [&](unsigned value, unsigned rounds, const char* what) {
    Check(cuStreamSynchronize(stream), "cuStreamSynchronize");
    for (const unsigned found : Read(values)) Expect(found == Mixed(value, rounds), what);
    for (const unsigned found : Read(copy)) Expect(found == Mixed(value, rounds + 2), what);
  };

  const Graph graph;
  CUgraphNode mix = nullptr, other_mix = nullptr;
  build(graph, 3, 4, mix);
  const Exec exec(graph);
  for (int i = 0; i < 5; ++i) exec.Launch(stream);
  expect(3, 4, "a graph of nodes is wrong");

  const MixNode changed(program, values.address(), 9);
  Check(cuGraphExecKernelNodeSetParams(exec, mix, changed.parameters()), "cuGraphExecKernelNodeSetParams");
  exec.Launch(stream);
  expect(3, 9, "a changed node is wrong");
  CUDA_KERNEL_NODE_PARAMS seen{};
  Check(cuGraphKernelNodeGetParams(mix, &seen), "cuGraphKernelNodeGetParams");
  Expect(*static_cast<unsigned*>(seen.kernelParams[2]) == 4, "changing an executable graph changed the graph");

  const Graph other;
  build(other, 11, 6, other_mix);
  CUgraphExecUpdateResultInfo info{};
  Check(cuGraphExecUpdate(exec, other, &info), "cuGraphExecUpdate");
  Expect(info.result == CU_GRAPH_EXEC_UPDATE_SUCCESS, "an update of a graph of the same form failed");
  exec.Launch(stream);
  expect(11, 6, "an updated graph is wrong");

  AddMix(program, other, {}, copy.address(), 1);
  ExpectResult(cuGraphExecUpdate(exec, other, &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, "cuGraphExecUpdate");
  Expect(info.result == CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, "another form was not noticed");
  exec.Launch(stream);
  expect(11, 6, "a failed update changed a graph");

  CUgraph cloned = nullptr;
  Check(cuGraphClone(&cloned, graph), "cuGraphClone");
  const Graph clone(cloned);
  CUgraphNode clone_mix = nullptr;
  Check(cuGraphNodeFindInClone(&clone_mix, mix, clone), "cuGraphNodeFindInClone");
  Check(cuGraphKernelNodeSetParams(clone_mix, changed.parameters()), "cuGraphKernelNodeSetParams");
  const Exec of_clone(clone);
  of_clone.Launch(stream);
  expect(3, 9, "a clone is wrong");

  Check(cuGraphNodeSetEnabled(of_clone, clone_mix, 0), "cuGraphNodeSetEnabled");
  of_clone.Launch(stream);
  expect(3, 0, "a node that was disabled did something");
  Check(cuGraphNodeSetEnabled(of_clone, clone_mix, 1), "cuGraphNodeSetEnabled");
  of_clone.Launch(stream);
  expect(3, 9, "a node that was enabled again did nothing");
  return 0;
}

// What only the program's process can do comes between what the GPU does, at every launch.
int HostNodes() {
  const Program program;
  const Stream stream(CU_STREAM_NON_BLOCKING), outside(CU_STREAM_NON_BLOCKING);
  const Event happened;
  const DeviceBuffer values(kBytes);
  std::vector<unsigned> input(kCount), output(kCount);
  struct State {
    std::vector<unsigned>* input;
    unsigned first = 0;
  } state{&input};

  BeginCapture(stream);
  Check(cuLaunchHostFunc(
            stream,
            [](void* data) {
              auto& of = *static_cast<State*>(data);
              for (unsigned i = 0; i < kCount; ++i) (*of.input)[i] = of.first + i;
            },
            &state),
        "cuLaunchHostFunc");
  Check(cuMemcpyHtoDAsync(values.address(), input.data(), kBytes, stream), "cuMemcpyHtoDAsync");
  program.kernels.Mix(values.address(), kCount, 3, stream);
  Check(cuEventRecordWithFlags(happened, stream, CU_EVENT_RECORD_EXTERNAL), "cuEventRecordWithFlags");
  Check(cuMemcpyDtoHAsync(output.data(), values.address(), kBytes, stream), "cuMemcpyDtoHAsync");
  Check(cuLaunchHostFunc(stream, [](void* data) { ++static_cast<State*>(data)->first; }, &state), "cuLaunchHostFunc");
  const Graph graph(EndCapture(stream));
  const Exec exec(graph);
  for (unsigned launch = 0; launch < 10; ++launch) {
    exec.Launch(stream);
    Check(cuStreamSynchronize(stream), "cuStreamSynchronize");
    // The event is recorded when the GPU comes to it: a wait before that would be for the launch before.
    Check(cuEventQuery(happened), "cuEventQuery");
    Check(cuStreamWaitEvent(outside, happened, 0), "cuStreamWaitEvent");
    Check(cuStreamSynchronize(outside), "cuStreamSynchronize");
    ExpectMixed(Read(values), launch, 3, "a graph's kernel did not see what its host function wrote");
    ExpectMixed(output, launch, 3, "bytes did not pass through a graph's pageable copies");
  }
  Expect(state.first == 10, "a graph's host function did not run at each launch");

  std::size_t count = 6;
  CUgraphNode nodes[6];
  Check(cuGraphGetNodes(graph, nodes, &count), "cuGraphGetNodes");
  CUDA_HOST_NODE_PARAMS host{};
  host.fn = [](void* data) { std::fill_n(static_cast<unsigned*>(data), kCount, 77u); };
  host.userData = input.data();
  Check(cuGraphExecHostNodeSetParams(exec, nodes[0], &host), "cuGraphExecHostNodeSetParams");
  exec.Launch(stream);
  stream.Synchronize();
  for (const unsigned value : output) Expect(value == Mixed(77, 3), "a changed host function did not run");
  // Pageable no longer: what a launch consists of is another thing then.
  PinnedArray<unsigned> pinned(kCount);
  for (unsigned i = 0; i < kCount; ++i) pinned.data()[i] = 500 + i;
  CUDA_MEMCPY3D copy{};
  Check(cuGraphMemcpyNodeGetParams(nodes[1], &copy), "cuGraphMemcpyNodeGetParams");
  copy.srcMemoryType = CU_MEMORYTYPE_HOST;
  copy.srcHost = pinned.data();
  CUcontext context = nullptr;
  Check(cuCtxGetCurrent(&context), "cuCtxGetCurrent");
  Check(cuGraphExecMemcpyNodeSetParams(exec, nodes[1], &copy, context), "cuGraphExecMemcpyNodeSetParams");
  exec.Launch(stream);
  stream.Synchronize();
  ExpectMixed(output, 500, 3, "a changed copy is wrong");
  return 0;
}

// Launches of one executable graph follow each other, whatever streams they are in.
int OneAfterTheOther() {
  const Program program;
  const Stream capture(CU_STREAM_NON_BLOCKING), first(CU_STREAM_NON_BLOCKING), second(CU_STREAM_NON_BLOCKING);
  const DeviceBuffer values(kBytes);
  program.kernels.Fill(values.address(), kCount, 1, first);
  first.Synchronize();
  BeginCapture(capture);
  for (int i = 0; i < 4; ++i) program.kernels.Mix(values.address(), kCount, 1, capture);
  const Graph graph(EndCapture(capture));
  const Exec exec(graph);
  constexpr unsigned kLaunches = 40;
  for (unsigned i = 0; i < kLaunches; ++i) exec.Launch(i % 2 == 0 ? first : second);
  first.Synchronize();
  second.Synchronize();
  ExpectMixed(Read(values), 1, 4 * kLaunches, "launches of one graph overlapped");
  return 0;
}

// A launch that waits does what the graph was when it was posted; also if the graph is gone by then.
int UpdateBehindLaunches() {
  const Program program;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  const DeviceBuffer values(kBytes);
  std::atomic<bool> go{false};
  const auto wait = [](void* data) {
    while (!static_cast<std::atomic<bool>*>(data)->load()) std::this_thread::yield();
  };
  const Graph graph;
  const CUgraphNode node = AddMix(program, graph, {}, values.address(), 1);
  {
    const Exec exec(graph);
    program.kernels.Fill(values.address(), kCount, 20, stream);
    Check(cuLaunchHostFunc(stream, wait, &go), "cuLaunchHostFunc");
    for (unsigned rounds = 2; rounds < 6; ++rounds) {
      exec.Launch(stream);
      const MixNode changed(program, values.address(), rounds);
      Check(cuGraphExecKernelNodeSetParams(exec, node, changed.parameters()), "cuGraphExecKernelNodeSetParams");
    }
    exec.Launch(stream);
  }
  ExpectResult(cuStreamQuery(stream), CUDA_ERROR_NOT_READY, "cuStreamQuery behind a host function that waits");
  go = true;
  stream.Synchronize();
  ExpectMixed(Read(values), 20, 1 + 2 + 3 + 4 + 5, "an update reached launches before it");
  return 0;
}

// Memory that a graph allocates, uses and frees; some of it outlives the launch, or the graph.
int GraphMemory() {
  const Program program;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  CUdeviceptr passing = 0, kept = 0;
  {
    BeginCapture(stream);
    Check(cuMemAllocAsync(&passing, kBytes, stream), "cuMemAllocAsync");
    Check(cuMemAllocAsync(&kept, kBytes, stream), "cuMemAllocAsync");
    program.kernels.Fill(passing, kCount, 40, stream);
    program.kernels.Mix(passing, kCount, 2, stream);
    Check(cuMemcpyDtoDAsync(kept, passing, kBytes, stream), "cuMemcpyDtoDAsync");
    Check(cuMemFreeAsync(passing, stream), "cuMemFreeAsync");
    const Graph graph(EndCapture(stream));
    const Exec exec(graph);
    for (int i = 0; i < 3; ++i) {
      if (i != 0) Check(cuMemFreeAsync(kept, stream), "cuMemFreeAsync of a graph's memory");
      exec.Launch(stream);
      program.kernels.Mix(kept, kCount, 1, stream);
    }
  }
  std::vector<unsigned> values(kCount);
  stream.Synchronize();
  Check(cuMemcpyDtoH(values.data(), kept, kBytes), "cuMemcpyDtoH");
  ExpectMixed(values, 40, 3, "memory of a graph is wrong");
  Check(cuMemFree(kept), "cuMemFree");
  return 0;
}

// Many nodes, more than a record or a reply could hold.
int LargeGraph() {
  const Program program;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  const DeviceBuffer values(kBytes);
  constexpr unsigned kNodes = 3000;
  BeginCapture(stream);
  program.kernels.Fill(values.address(), kCount, 8, stream);
  for (unsigned i = 0; i < kNodes; ++i) program.kernels.Mix(values.address(), kCount, 1, stream);
  const Graph graph(EndCapture(stream));
  const Exec exec(graph);
  exec.Launch(stream);
  stream.Synchronize();
  ExpectMixed(Read(values), 8, kNodes, "a large graph is wrong");
  return 0;
}

bool HasInput() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return poll(&input, 1, 0) != 0;
}

// Launched until the test says a line, and then changed, while the daemon may have cut it.
int OftenLaunched() {
  const Program program;
  const Stream main(CU_STREAM_NON_BLOCKING);
  const DeviceBuffer left(kBytes), right(kBytes);
  const Graph graph;
  const CUgraphNode left_mix = AddMix(program, graph, {}, left.address(), 40);
  const CUgraphNode right_mix = AddMix(program, graph, {}, right.address(), 30);
  const CUgraphNode left_again = AddMix(program, graph, {left_mix}, left.address(), 20);
  AddMix(program, graph, {left_again, right_mix}, right.address(), 10);
  const Exec exec(graph);
  const auto run = [&](unsigned first_rounds, int times) {
    for (int i = 0; i < times; ++i) {
      program.kernels.Fill(left.address(), kCount, 3, main);
      program.kernels.Fill(right.address(), kCount, 4, main);
      exec.Launch(main);
      if (i % 2 == 0) main.Synchronize();
    }
    main.Synchronize();
    ExpectMixed(Read(left), 3, first_rounds + 20, "one side of a graph that is launched often");
    ExpectMixed(Read(right), 4, 40, "the other side of a graph that is launched often");
  };
  const auto change = [&](unsigned rounds) {
    const MixNode changed(program, left.address(), rounds);
    Check(cuGraphExecKernelNodeSetParams(exec, left_mix, changed.parameters()), "cuGraphExecKernelNodeSetParams");
  };
  run(40, 12);
  Say("launched");
  while (!HasInput()) run(40, 3);
  for (const unsigned rounds : {41u, 17u, 60u}) {
    change(rounds);
    run(rounds, 3);
  }
  exec.Launch(main);  // and changed while it may wait
  change(40);
  main.Synchronize();
  run(40, 12);
  return 0;
}

// Memory that a graph copies to is gone at the launch: an error of this program, not a write into somebody's memory.
int FreedMemory() {
  const Program program;
  const Stream stream(CU_STREAM_NON_BLOCKING);
  CUdeviceptr freed = 0;
  Check(cuMemAlloc(&freed, kBytes), "cuMemAlloc");
  BeginCapture(stream);
  Check(cuMemsetD8Async(freed, 1, kBytes, stream), "cuMemsetD8Async");
  const Graph graph(EndCapture(stream));
  CUgraphExec exec = nullptr;
  Check(cuGraphInstantiate(&exec, graph, 0), "cuGraphInstantiate");
  Check(cuGraphLaunch(exec, stream), "cuGraphLaunch");
  stream.Synchronize();
  Check(cuMemFree(freed), "cuMemFree");
  const CUresult launched = cuGraphLaunch(exec, stream);  // the daemon may be that quick
  Expect(launched == CUDA_SUCCESS || launched == CUDA_ERROR_ILLEGAL_ADDRESS,
         "cuGraphLaunch of what names freed memory");
  ExpectResult(cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS, "cuStreamSynchronize");
  std::_Exit(0);  // the error stays, and destructors would meet it
}

}  // namespace
}  // namespace paella::integration

int main(int argc, char** argv) {
  using namespace paella::integration;
  const std::map<std::string, int (*)()> scenarios{
      {"capture_fork_join", CaptureForkJoin},
      {"graph_api", GraphApi},
      {"host_nodes", HostNodes},
      {"one_after_the_other", OneAfterTheOther},
      {"update_behind_launches", UpdateBehindLaunches},
      {"graph_memory", GraphMemory},
      {"large_graph", LargeGraph},
      {"often_launched", OftenLaunched},
      {"freed_memory", FreedMemory},
  };
  if (argc != 2 || !scenarios.contains(argv[1])) examples::Fail(examples::kExitUsage, "name a scenario");
  return scenarios.at(argv[1])();
}
