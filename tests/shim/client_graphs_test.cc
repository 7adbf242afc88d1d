// Stream capture and graphs as a program calls them; the fake daemon does what each graph's nodes say.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "client_fixture.h"

namespace paella {
namespace {

class ClientGraphsTest : public ClientTest {
 protected:
  void SetUp() override {
    ClientTest::SetUp();
    stream_ = Stream();
    other_ = Stream();
    function_ = Function();
    memory_ = Allocate(64);
  }

  static CUstream Stream(unsigned flags = CU_STREAM_NON_BLOCKING) {
    CUstream stream = nullptr;
    EXPECT_EQ(cuStreamCreate(&stream, flags), CUDA_SUCCESS);
    return stream;
  }
  static CUevent Event() {
    CUevent event = nullptr;
    EXPECT_EQ(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), CUDA_SUCCESS);
    return event;
  }
  static void Begin(CUstream stream, CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL) {
    ASSERT_EQ(cuStreamBeginCapture_v2(stream, mode), CUDA_SUCCESS);
  }
  static CUgraph End(CUstream stream) {
    CUgraph graph = nullptr;
    EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_SUCCESS);
    return graph;
  }
  static void ExpectInvalidated(CUstream stream) {
    CUstreamCaptureStatus status;
    EXPECT_EQ(cuStreamIsCapturing(stream, &status), CUDA_SUCCESS);
    EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    CUgraph graph = nullptr;
    EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    EXPECT_EQ(graph, nullptr);
    EXPECT_EQ(cuStreamIsCapturing(stream, &status), CUDA_SUCCESS);
    EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_NONE);
  }
  CUresult Launch(CUstream stream, int value = 0) {
    void* parameters[] = {&memory_, &value};
    return cuLaunchKernel(function_, 1, 1, 1, 32, 1, 1, 0, stream, parameters, nullptr);
  }
  static std::size_t Count(CUgraph graph) {
    std::size_t count = 0;
    EXPECT_EQ(cuGraphGetNodes(graph, nullptr, &count), CUDA_SUCCESS);
    return count;
  }
  static std::vector<CUgraphNode> Nodes(CUgraph graph) {
    std::size_t count = Count(graph);
    std::vector<CUgraphNode> nodes(count);
    EXPECT_EQ(cuGraphGetNodes(graph, nodes.data(), &count), CUDA_SUCCESS);
    return nodes;
  }
  static CUgraphExec Instantiate(CUgraph graph) {
    CUgraphExec exec = nullptr;
    EXPECT_EQ(cuGraphInstantiateWithFlags(&exec, graph, 0), CUDA_SUCCESS);
    return exec;
  }
  static int ValueOf(const ipc::LaunchKernel& launch) {
    int value;
    std::memcpy(&value, launch.parameters.data() + 8, sizeof value);
    return value;
  }

  CUstream stream_ = nullptr, other_ = nullptr;
  CUfunction function_ = nullptr;
  CUdeviceptr memory_ = 0;
};

TEST_F(ClientGraphsTest, NothingCapturedIsDoneUntilItIsLaunched) {
  Begin(stream_);
  EXPECT_EQ(Launch(stream_, 5), CUDA_SUCCESS);
  EXPECT_EQ(Launch(stream_, 6), CUDA_SUCCESS);
  const CUgraph graph = End(stream_);
  EXPECT_EQ(Count(graph), 2u);
  const CUgraphExec exec = Instantiate(graph);
  ASSERT_EQ(cuStreamSynchronize(stream_), CUDA_SUCCESS);
  EXPECT_TRUE(daemon_.launches().empty());
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(cuGraphLaunch(exec, other_), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamSynchronize(other_), CUDA_SUCCESS);
  const auto launches = daemon_.launches();
  ASSERT_EQ(launches.size(), 6u);
  EXPECT_EQ(ValueOf(launches[4]), 5);
  EXPECT_EQ(ValueOf(launches[5]), 6);
  EXPECT_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphLaunch(exec, other_), CUDA_ERROR_INVALID_VALUE);
  std::size_t free_bytes = 0, total_bytes = 0;
  ASSERT_EQ(cuMemGetInfo_v2(&free_bytes, &total_bytes), CUDA_SUCCESS);  // the daemon has read all by now
  EXPECT_TRUE(daemon_.graphs().empty());
}

TEST_F(ClientGraphsTest, EventsForkAndJoin) {
  const CUevent fork = Event(), join = Event();
  Begin(stream_);
  EXPECT_EQ(Launch(stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuEventRecord(fork, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(other_, fork, 0), CUDA_SUCCESS);
  CUstreamCaptureStatus status;
  cuuint64_t id = 0, other_id = 0;
  EXPECT_EQ(cuStreamGetCaptureInfo(stream_, &status, &id), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamGetCaptureInfo(other_, &status, &other_id), CUDA_SUCCESS);
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
  EXPECT_EQ(id, other_id);
  EXPECT_EQ(Launch(other_), CUDA_SUCCESS);
  EXPECT_EQ(Launch(stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuEventRecord(join, other_), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(stream_, join, 0), CUDA_SUCCESS);
  EXPECT_EQ(Launch(stream_), CUDA_SUCCESS);
  const CUgraph graph = End(stream_);
  const auto nodes = Nodes(graph);
  ASSERT_EQ(nodes.size(), 4u);
  std::size_t count = 0;
  EXPECT_EQ(cuGraphNodeGetDependencies(nodes[3], nullptr, &count), CUDA_SUCCESS);
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(cuGraphNodeGetDependentNodes(nodes[0], nullptr, &count), CUDA_SUCCESS);
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(cuGraphGetRootNodes(graph, nullptr, &count), CUDA_SUCCESS);
  EXPECT_EQ(count, 1u);
  std::vector<CUgraphNode> from(10), to(10);
  count = 10;
  EXPECT_EQ(cuGraphGetEdges(graph, from.data(), to.data(), &count), CUDA_SUCCESS);
  EXPECT_EQ(count, 4u);
  EXPECT_EQ(from[4], nullptr);
  EXPECT_EQ(cuStreamIsCapturing(other_, &status), CUDA_SUCCESS);
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_NONE);  // it left with the end
  // The event tells nothing of work that was done.
  EXPECT_EQ(cuEventQuery(join), CUDA_ERROR_CAPTURED_EVENT);
  EXPECT_EQ(cuEventSynchronize(join), CUDA_ERROR_CAPTURED_EVENT);
  EXPECT_EQ(cuEventRecord(join, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuEventSynchronize(join), CUDA_SUCCESS);
}

TEST_F(ClientGraphsTest, WorkOfAForkThatDoesNotComeBackIsUnjoined) {
  const CUevent fork = Event();
  Begin(stream_);
  EXPECT_EQ(cuEventRecord(fork, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(other_, fork, 0), CUDA_SUCCESS);
  EXPECT_EQ(Launch(other_), CUDA_SUCCESS);
  CUgraph graph = nullptr;
  EXPECT_EQ(cuStreamEndCapture(stream_, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(Launch(other_), CUDA_SUCCESS);  // as ever again
  EXPECT_EQ(cuStreamSynchronize(other_), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.launches().size(), 1u);
}

TEST_F(ClientGraphsTest, WaitingForACapturedStreamEndsTheCapture) {
  Begin(stream_);
  EXPECT_EQ(cuStreamSynchronize(stream_), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_EQ(Launch(stream_), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  ExpectInvalidated(stream_);
  Begin(stream_);
  EXPECT_EQ(cuStreamQuery(stream_), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  ExpectInvalidated(stream_);
  Begin(stream_);
  EXPECT_EQ(cuCtxSynchronize(), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  ExpectInvalidated(stream_);
  Begin(stream_);
  const auto callback = [](CUstream, CUresult, void*) {};
  EXPECT_EQ(cuStreamAddCallback(stream_, callback, nullptr, 0), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  ExpectInvalidated(stream_);
}

TEST_F(ClientGraphsTest, AllocatingIsForbiddenAsTheModesSay) {
  CUdeviceptr address = 0;
  Begin(stream_, CU_STREAM_CAPTURE_MODE_RELAXED);
  EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(End(stream_)), CUDA_SUCCESS);

  Begin(stream_);
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  EXPECT_EQ(cuThreadExchangeStreamCaptureMode(&mode), CUDA_SUCCESS);
  EXPECT_EQ(mode, CU_STREAM_CAPTURE_MODE_GLOBAL);
  EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_SUCCESS);
  EXPECT_EQ(cuThreadExchangeStreamCaptureMode(&mode), CUDA_SUCCESS);
  EXPECT_EQ(cuMemAlloc_v2(&address, 64), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  ExpectInvalidated(stream_);

  const auto allocate_elsewhere = [&] {
    CUresult result = CUDA_ERROR_UNKNOWN;
    std::thread([&] {
      cuCtxSetCurrent(context_);
      result = cuMemAlloc_v2(&address, 64);
    }).join();
    return result;
  };
  Begin(stream_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  EXPECT_EQ(allocate_elsewhere(), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(End(stream_)), CUDA_SUCCESS);
  Begin(stream_);
  EXPECT_EQ(allocate_elsewhere(), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  ExpectInvalidated(stream_);
}

TEST_F(ClientGraphsTest, TheLegacyStreamIsNoPartOfACapture) {
  EXPECT_EQ(cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  Begin(stream_);
  EXPECT_EQ(Launch(nullptr), CUDA_SUCCESS);  // no blocking stream is captured
  EXPECT_EQ(cuGraphDestroy(End(stream_)), CUDA_SUCCESS);

  const CUstream blocking = Stream(CU_STREAM_DEFAULT);
  Begin(blocking);
  CUstreamCaptureStatus status;
  EXPECT_EQ(cuStreamIsCapturing(nullptr, &status), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  EXPECT_EQ(Launch(blocking), CUDA_SUCCESS);  // asking does no harm
  EXPECT_EQ(Launch(nullptr), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  ExpectInvalidated(blocking);
  EXPECT_EQ(Launch(nullptr), CUDA_SUCCESS);
  Begin(blocking);
  unsigned value = 0;
  EXPECT_EQ(cuMemcpyHtoD_v2(memory_, &value, sizeof value), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  ExpectInvalidated(blocking);
}

TEST_F(ClientGraphsTest, NoEdgeCrossesTheBordersOfACapture) {
  const CUevent outside = Event(), inside = Event();
  EXPECT_EQ(cuEventRecord(outside, other_), CUDA_SUCCESS);
  Begin(stream_);
  EXPECT_EQ(cuStreamWaitEvent(stream_, outside, 0), CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
  ExpectInvalidated(stream_);

  Begin(stream_);
  Begin(other_);
  EXPECT_EQ(cuEventRecord(inside, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(other_, inside, 0), CUDA_ERROR_STREAM_CAPTURE_MERGE);
  ExpectInvalidated(stream_);
  ExpectInvalidated(other_);

  Begin(stream_);
  EXPECT_EQ(cuEventRecord(inside, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(nullptr, inside, 0), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  ExpectInvalidated(stream_);
}

TEST_F(ClientGraphsTest, ACaptureEndsWhereItBegan) {
  CUgraph graph = nullptr;
  EXPECT_EQ(cuStreamEndCapture(stream_, &graph), CUDA_ERROR_ILLEGAL_STATE);
  const CUevent fork = Event();
  Begin(stream_);
  EXPECT_EQ(cuStreamBeginCapture_v2(stream_, CU_STREAM_CAPTURE_MODE_GLOBAL), CUDA_ERROR_ILLEGAL_STATE);
  EXPECT_EQ(cuEventRecord(fork, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamWaitEvent(other_, fork, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamEndCapture(other_, &graph), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
  ExpectInvalidated(stream_);

  Begin(stream_);
  std::thread([&] {
    cuCtxSetCurrent(context_);
    EXPECT_EQ(cuStreamEndCapture(stream_, &graph), CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
  }).join();
  EXPECT_EQ(cuStreamEndCapture(stream_, &graph), CUDA_ERROR_ILLEGAL_STATE);  // it is gone
  Begin(stream_, CU_STREAM_CAPTURE_MODE_RELAXED);
  std::thread([&] {
    cuCtxSetCurrent(context_);
    EXPECT_EQ(cuStreamEndCapture(stream_, &graph), CUDA_SUCCESS);
  }).join();
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
}

TEST_F(ClientGraphsTest, ADestroyedStreamTakesItsCaptureAlong) {
  const CUstream origin = Stream(CU_STREAM_DEFAULT);
  Begin(origin);
  EXPECT_EQ(Launch(origin), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamDestroy_v2(origin), CUDA_SUCCESS);
  EXPECT_EQ(Launch(nullptr), CUDA_SUCCESS);
  const CUstream next = Stream();  // of the same object, perhaps
  CUstreamCaptureStatus status;
  EXPECT_EQ(cuStreamIsCapturing(next, &status), CUDA_SUCCESS);
  EXPECT_EQ(status, CU_STREAM_CAPTURE_STATUS_NONE);
  EXPECT_EQ(Launch(next), CUDA_SUCCESS);
}

TEST_F(ClientGraphsTest, ProgramsSteerWhatACaptureDependsOn) {
  CUgraph graph = nullptr;
  EXPECT_EQ(cuGraphCreate(&graph, 0), CUDA_SUCCESS);
  CUgraphNode first = nullptr, second = nullptr;
  EXPECT_EQ(cuGraphAddEmptyNode(&first, graph, nullptr, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphAddEmptyNode(&second, graph, nullptr, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamBeginCaptureToGraph(stream_, graph, &first, nullptr, 1, CU_STREAM_CAPTURE_MODE_GLOBAL),
            CUDA_SUCCESS);
  CUstreamCaptureStatus status;
  CUgraph seen = nullptr;
  const CUgraphNode* dependencies = nullptr;
  std::size_t count = 0;
  EXPECT_EQ(cuStreamGetCaptureInfo_v2(stream_, &status, nullptr, &seen, &dependencies, &count), CUDA_SUCCESS);
  EXPECT_EQ(seen, graph);
  ASSERT_EQ(count, 1u);
  EXPECT_EQ(dependencies[0], first);
  EXPECT_EQ(cuStreamUpdateCaptureDependencies(stream_, &second, 1, CU_STREAM_ADD_CAPTURE_DEPENDENCIES), CUDA_SUCCESS);
  EXPECT_EQ(Launch(stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_ERROR_INVALID_VALUE);  // it is captured into
  EXPECT_EQ(End(stream_), graph);
  const auto nodes = Nodes(graph);
  ASSERT_EQ(nodes.size(), 3u);
  EXPECT_EQ(cuGraphNodeGetDependencies(nodes[2], nullptr, &count), CUDA_SUCCESS);
  EXPECT_EQ(count, 2u);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
}

TEST_F(ClientGraphsTest, KernelParametersAreCopiedAndGivenBack) {
  Begin(stream_);
  EXPECT_EQ(Launch(stream_, 7), CUDA_SUCCESS);
  const CUgraph graph = End(stream_);
  const CUgraphNode node = Nodes(graph)[0];
  CUgraphNodeType type;
  EXPECT_EQ(cuGraphNodeGetType(node, &type), CUDA_SUCCESS);
  EXPECT_EQ(type, CU_GRAPH_NODE_TYPE_KERNEL);
  CUDA_KERNEL_NODE_PARAMS parameters{};
  EXPECT_EQ(cuGraphKernelNodeGetParams_v2(node, &parameters), CUDA_SUCCESS);
  EXPECT_EQ(parameters.func, function_);
  EXPECT_EQ(parameters.blockDimX, 32u);
  EXPECT_EQ(*static_cast<int*>(parameters.kernelParams[1]), 7);
  parameters.blockDimX = 4096;
  EXPECT_EQ(cuGraphKernelNodeSetParams_v2(node, &parameters), CUDA_ERROR_INVALID_VALUE);
  int value = 8;
  void* pointers[] = {parameters.kernelParams[0], &value};
  parameters.blockDimX = 64;
  parameters.kernelParams = pointers;
  EXPECT_EQ(cuGraphKernelNodeSetParams_v2(node, &parameters), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphKernelNodeGetParams_v2(node, &parameters), CUDA_SUCCESS);
  EXPECT_EQ(*static_cast<int*>(parameters.kernelParams[1]), 8);
  EXPECT_EQ(cuGraphMemsetNodeGetParams(node, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuGraphKernelNodeGetParams_v2(reinterpret_cast<CUgraphNode>(0x77), &parameters), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientGraphsTest, ChangedNodesAreSentOnceBeforeTheNextLaunch) {
  Begin(stream_);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Launch(stream_, i), CUDA_SUCCESS);
  const CUgraph graph = End(stream_);
  const CUgraphExec exec = Instantiate(graph);
  const auto nodes = Nodes(graph);
  for (const int node : {0, 2, 2}) {
    CUDA_KERNEL_NODE_PARAMS parameters{};
    EXPECT_EQ(cuGraphKernelNodeGetParams_v2(nodes[static_cast<std::size_t>(node)], &parameters), CUDA_SUCCESS);
    int value = 10 + node;
    void* pointers[] = {parameters.kernelParams[0], &value};
    parameters.kernelParams = pointers;
    EXPECT_EQ(cuGraphExecKernelNodeSetParams_v2(exec, nodes[static_cast<std::size_t>(node)], &parameters),
              CUDA_SUCCESS);
  }
  EXPECT_EQ(daemon_.graph_updates(), 0);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(cuGraphLaunch(exec, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream_), CUDA_SUCCESS);
  EXPECT_EQ(daemon_.graph_updates(), 1);
  const auto launches = daemon_.launches();
  ASSERT_EQ(launches.size(), 6u);
  EXPECT_EQ(ValueOf(launches[0]), 10);
  EXPECT_EQ(ValueOf(launches[1]), 1);
  EXPECT_EQ(ValueOf(launches[2]), 12);
}

TEST_F(ClientGraphsTest, AnUpdateTakesOverAGraphOfTheSameFormAlone) {
  const auto capture = [&](int value, bool with_memset) {
    Begin(stream_);
    EXPECT_EQ(Launch(stream_, value), CUDA_SUCCESS);
    if (with_memset) {
      EXPECT_EQ(cuMemsetD8Async(memory_, 1, 4, stream_), CUDA_SUCCESS);
    } else {
      EXPECT_EQ(Launch(stream_, value), CUDA_SUCCESS);
    }
    return End(stream_);
  };
  const CUgraph first = capture(1, false), second = capture(2, false), third = capture(3, true);
  const CUgraphExec exec = Instantiate(first);
  CUgraphExecUpdateResultInfo info{};
  EXPECT_EQ(cuGraphExecUpdate_v2(exec, second, &info), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphExecUpdate_v2(exec, third, &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  EXPECT_EQ(info.result, CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED);
  EXPECT_EQ(info.errorNode, Nodes(third)[1]);
  EXPECT_EQ(cuGraphLaunch(exec, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream_), CUDA_SUCCESS);
  const auto launches = daemon_.launches();
  ASSERT_EQ(launches.size(), 2u);
  EXPECT_EQ(ValueOf(launches[0]), 2);
}

// Host functions and moves of pageable memory are the client's; the copies next to them are with pinned memory.
TEST_F(ClientGraphsTest, HostWorkSplitsAGraphIntoStages) {
  std::vector<unsigned> input(16), output(16);
  Begin(stream_);
  EXPECT_EQ(Launch(stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuLaunchHostFunc(stream_, [](void*) {}, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyHtoDAsync_v2(memory_, input.data(), 64, stream_), CUDA_SUCCESS);
  EXPECT_EQ(Launch(stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyDtoHAsync_v2(output.data(), memory_, 64, stream_), CUDA_SUCCESS);
  const CUgraph graph = End(stream_);
  EXPECT_EQ(Count(graph), 5u);
  const CUgraphExec exec = Instantiate(graph);
  const auto kernel = static_cast<std::uint32_t>(ipc::MessageKind::kLaunchKernel);
  const auto copy = static_cast<std::uint32_t>(ipc::MessageKind::kCopy);
  auto stages = daemon_.graphs();
  ASSERT_EQ(stages.size(), 2u);
  EXPECT_EQ(stages[0].kinds, (std::vector<std::uint32_t>{kernel}));
  EXPECT_EQ(stages[1].kinds, (std::vector<std::uint32_t>{copy, kernel, copy}));
  EXPECT_EQ(stages[1].dependency_counts, (std::vector<std::uint32_t>{0, 1, 1}));

  // A copy that becomes one of pinned memory needs no move any more: the stages are made anew.
  CUDA_MEMCPY3D description{};
  EXPECT_EQ(cuGraphMemcpyNodeGetParams(Nodes(graph)[2], &description), CUDA_SUCCESS);
  void* pinned = nullptr;
  ASSERT_EQ(cuMemAllocHost_v2(&pinned, 64), CUDA_SUCCESS);
  description.srcMemoryType = CU_MEMORYTYPE_HOST;
  description.srcHost = pinned;
  EXPECT_EQ(cuGraphExecMemcpyNodeSetParams(exec, Nodes(graph)[2], &description, context_), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphUpload(exec, stream_), CUDA_SUCCESS);
  stages = daemon_.graphs();
  ASSERT_EQ(stages.size(), 2u);
  ipc::Copy sent;
  ASSERT_TRUE(sent.Decode(stages[1].work[0]));
  EXPECT_EQ(sent.source, reinterpret_cast<std::uintptr_t>(pinned));
}

TEST_F(ClientGraphsTest, UserObjectsEndWithTheirLastGraph) {
  static int destroyed = 0;
  CUuserObject object = nullptr;
  const auto destroy = [](void*) { ++destroyed; };
  EXPECT_EQ(cuUserObjectCreate(&object, nullptr, destroy, 1, CU_USER_OBJECT_NO_DESTRUCTOR_SYNC), CUDA_SUCCESS);
  CUgraph graph = nullptr;
  EXPECT_EQ(cuGraphCreate(&graph, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphRetainUserObject(graph, object, 1, CU_GRAPH_USER_OBJECT_MOVE), CUDA_SUCCESS);
  const CUgraphExec exec = Instantiate(graph);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  EXPECT_EQ(destroyed, 0);
  EXPECT_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(cuUserObjectRelease(object, 1), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientGraphsTest, MemoryOfAGraphIsThereAsLongAsTheGraph) {
  const auto attribute = [](CUgraphMem_attribute which) {
    cuuint64_t value = 1;
    EXPECT_EQ(cuDeviceGetGraphMemAttribute(0, which, &value), CUDA_SUCCESS);
    return value;
  };
  EXPECT_EQ(attribute(CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT), 0u);
  EXPECT_EQ(cuDeviceGraphMemTrim(0), CUDA_SUCCESS);
  Begin(stream_);
  CUdeviceptr kept = 0, passing = 0;
  EXPECT_EQ(cuMemFreeAsync(memory_, stream_), CUDA_ERROR_INVALID_VALUE);  // it is no graph's
  EXPECT_EQ(cuMemAllocAsync(&kept, 64, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuMemAllocAsync(&passing, 64, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8Async(passing, 1, 64, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyDtoDAsync_v2(kept, passing, 64, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuMemFreeAsync(passing, stream_), CUDA_SUCCESS);
  const CUgraph graph = End(stream_);
  CUgraph clone = nullptr;
  EXPECT_EQ(cuGraphClone(&clone, graph), CUDA_ERROR_NOT_SUPPORTED);
  CUDA_MEM_ALLOC_NODE_PARAMS parameters{};
  EXPECT_EQ(cuGraphMemAllocNodeGetParams(Nodes(graph)[0], &parameters), CUDA_SUCCESS);
  EXPECT_EQ(parameters.dptr, kept);
  CUdeviceptr freed = 0;
  EXPECT_EQ(cuGraphMemFreeNodeGetParams(Nodes(graph)[4], &freed), CUDA_SUCCESS);
  EXPECT_EQ(freed, passing);

  const CUgraphExec exec = Instantiate(graph);
  EXPECT_EQ(attribute(CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT), 128u);
  EXPECT_EQ(attribute(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT), 0u);
  EXPECT_EQ(cuGraphLaunch(exec, stream_), CUDA_SUCCESS);
  EXPECT_EQ(attribute(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT), 64u);
  EXPECT_EQ(cuGraphLaunch(exec, stream_), CUDA_ERROR_INVALID_VALUE);  // the program has the memory
  EXPECT_EQ(cuMemFreeAsync(kept, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuMemFreeAsync(kept, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuGraphLaunch(exec, stream_), CUDA_SUCCESS);
  unsigned char bytes[64];
  EXPECT_EQ(cuMemcpyDtoH_v2(bytes, kept, 64), CUDA_SUCCESS);
  EXPECT_EQ(bytes[63], 1);
  EXPECT_EQ(cuGraphExecDestroy(exec), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  EXPECT_EQ(attribute(CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT), 0u);
  EXPECT_EQ(cuMemsetD8_v2(passing, 1, 64), CUDA_ERROR_INVALID_VALUE);  // gone with the graph
  EXPECT_EQ(cuMemsetD8_v2(kept, 1, 64), CUDA_SUCCESS);                 // the program's, and freed as ever
  EXPECT_EQ(cuMemFree_v2(kept), CUDA_SUCCESS);
}

TEST_F(ClientGraphsTest, MemoryIsFreedAtTheNextLaunchIfAskedFor) {
  Begin(stream_);
  CUdeviceptr address = 0;
  EXPECT_EQ(cuMemAllocAsync(&address, 64, stream_), CUDA_SUCCESS);
  const CUgraph graph = End(stream_);
  CUgraphExec exec = nullptr;
  EXPECT_EQ(cuGraphInstantiateWithFlags(&exec, graph, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH), CUDA_SUCCESS);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(cuGraphLaunch(exec, stream_), CUDA_SUCCESS);
  cuuint64_t flags = 0;
  EXPECT_EQ(cuGraphExecGetFlags(exec, &flags), CUDA_SUCCESS);
  EXPECT_EQ(flags, static_cast<cuuint64_t>(CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH));
}

// An executable graph keeps its own memory alive and not another's: its kernels would use memory that was freed.
TEST_F(ClientGraphsTest, AnUpdateDoesNotExchangeMemory) {
  const auto capture = [&] {
    CUdeviceptr address = 0;
    Begin(stream_);
    EXPECT_EQ(cuMemAllocAsync(&address, 64, stream_), CUDA_SUCCESS);
    EXPECT_EQ(cuMemsetD8Async(address, 1, 64, stream_), CUDA_SUCCESS);
    EXPECT_EQ(cuMemFreeAsync(address, stream_), CUDA_SUCCESS);
    return End(stream_);
  };
  const CUgraph first = capture();
  const CUgraphExec exec = Instantiate(first);
  CUgraphExecUpdateResultInfo info{};
  EXPECT_EQ(cuGraphExecUpdate_v2(exec, first, &info), CUDA_SUCCESS);
  const CUgraph second = capture();
  EXPECT_EQ(cuGraphExecUpdate_v2(exec, second, &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
  EXPECT_EQ(info.result, CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED);
  EXPECT_EQ(cuGraphDestroy(second), CUDA_SUCCESS);
  for (int i = 0; i < 2; ++i) EXPECT_EQ(cuGraphLaunch(exec, stream_), CUDA_SUCCESS);
}

}  // namespace
}  // namespace paella
