// Graphs by the graph API: nodes in the order of their edges, launches one after the other, changes of executable
// graphs.
#include "tests/simulated_gpu/test/support.h"

namespace paella::simulated_gpu {
namespace {

class GraphTest : public GpuTest {
 protected:
  void SetUp() override {
    GpuTest::SetUp();
    store_ = Load(StoreText(), "Store");
    words_ = ToDevice<unsigned>({0, 0, 0, 0});
    ASSERT_CU(cuGraphCreate(&graph_, 0));
    ASSERT_CU(cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING));
  }

  // The node's parameters point into `values`, `address` and `none`.
  struct StoreNode {
    StoreNode(CUfunction function, CUdeviceptr to, unsigned stored) : address(to), value(stored) {
      parameters.func = function;
      parameters.gridDimX = parameters.gridDimY = parameters.gridDimZ = 1;
      parameters.blockDimX = parameters.blockDimY = parameters.blockDimZ = 1;
      parameters.kernelParams = pointers;
    }
    CUdeviceptr address, none = 0;
    unsigned value;
    void* pointers[3] = {&address, &none, &value};
    CUDA_KERNEL_NODE_PARAMS parameters{};
  };

  CUgraphNode AddStore(unsigned value, std::vector<CUgraphNode> after = {}) {
    StoreNode node(store_, words_, value);
    CUgraphNode added = nullptr;
    EXPECT_CU(cuGraphAddKernelNode(&added, graph_, after.data(), after.size(), &node.parameters));
    return added;
  }
  CUgraphNode AddCopy(unsigned to, CUgraphNode after) {
    CUDA_MEMCPY3D copy{};
    copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    copy.srcDevice = words_;
    copy.dstDevice = words_ + 4 * to;
    copy.WidthInBytes = 4;
    copy.Height = copy.Depth = 1;
    CUgraphNode added = nullptr;
    EXPECT_CU(cuGraphAddMemcpyNode(&added, graph_, &after, 1, &copy, context_));
    return added;
  }
  CUgraphExec Instantiate() {
    CUgraphExec exec = nullptr;
    EXPECT_CU(cuGraphInstantiate(&exec, graph_, 0));
    return exec;
  }
  std::vector<unsigned> Words() {
    EXPECT_CU(cuStreamSynchronize(stream_));
    return FromDevice<unsigned>(words_, 4);
  }

  CUfunction store_ = nullptr;
  CUdeviceptr words_ = 0;
  CUgraph graph_ = nullptr;
  CUstream stream_ = nullptr;
};

TEST_F(GraphTest, NodesRunInTheOrderOfTheirEdges) {
  const CUgraphNode first = AddStore(5);
  const CUgraphNode copied = AddCopy(1, first);
  CUgraphNode empty = nullptr;
  ASSERT_CU(cuGraphAddEmptyNode(&empty, graph_, &copied, 1));
  AddCopy(2, AddStore(6, {empty}));
  CUgraphNode filled = nullptr;
  const CUDA_MEMSET_NODE_PARAMS fill{words_ + 12, 0, 9, 4, 1, 1};
  ASSERT_CU(cuGraphAddMemsetNode(&filled, graph_, nullptr, 0, &fill, context_));
  const CUgraphExec exec = Instantiate();
  ASSERT_CU(cuGraphLaunch(exec, stream_));
  EXPECT_EQ(Words(), (std::vector<unsigned>{6, 5, 6, 9}));
  EXPECT_CU(cuGraphExecDestroy(exec));
  EXPECT_CU(cuGraphDestroy(graph_));
}

TEST_F(GraphTest, AnExecutableGraphIsChangedForLaterLaunches) {
  const CUgraphNode node = AddStore(1);
  const CUgraphNode copied = AddCopy(1, node);
  const CUgraphExec exec = Instantiate();
  ASSERT_CU(cuGraphLaunch(exec, stream_));
  StoreNode changed(store_, words_, 2);
  ASSERT_CU(cuGraphExecKernelNodeSetParams(exec, node, &changed.parameters));
  EXPECT_EQ(Words(), (std::vector<unsigned>{1, 1, 0, 0}));
  ASSERT_CU(cuGraphLaunch(exec, stream_));
  EXPECT_EQ(Words(), (std::vector<unsigned>{2, 2, 0, 0}));
  EXPECT_EQ(cuGraphExecKernelNodeSetParams(exec, copied, &changed.parameters), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(GraphTest, DependenciesAreNodesOfTheGraphNamedOnce) {
  const CUgraphNode node = AddStore(1);
  const CUgraphNode twice[] = {node, node};
  const CUgraphNode rubbish[] = {reinterpret_cast<CUgraphNode>(0x10)};
  CUgraphNode added = nullptr;
  EXPECT_EQ(cuGraphAddEmptyNode(&added, graph_, twice, 2), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuGraphAddEmptyNode(&added, graph_, rubbish, 1), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace paella::simulated_gpu
