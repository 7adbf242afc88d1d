#include "scheduler_daemon/executor/graph_build.h"

#include <cstring>
#include <utility>

#include "scheduler_daemon/executor/client_objects.h"
#include "scheduler_daemon/executor/launch.h"
#include "scheduler_daemon/executor/shapes.h"
#include "scheduler_daemon/executor/transfers.h"

namespace paella::scheduler_daemon {
namespace {

// A node's own attributes. The other permitted ones are for launches alone: with an edge of a graph before it, a kernel
// that may overlap with its predecessor waits for it instead, and the carve-out is a hint.
bool IsOfNodes(CUlaunchAttributeID attribute) {
  return attribute != CU_LAUNCH_ATTRIBUTE_IGNORE &&
         attribute != CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION &&
         attribute != CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT;
}

// The form in which the driver takes a kernel node; points into the launch.
struct KernelParameters {
  explicit KernelParameters(Launch& launch)
      : size(launch.parameters.size()),
        extra{CU_LAUNCH_PARAM_BUFFER_POINTER, launch.parameters.data(), CU_LAUNCH_PARAM_BUFFER_SIZE, &size,
              CU_LAUNCH_PARAM_END} {
    described.func = launch.function;
    described.gridDimX = launch.config.gridDimX;
    described.gridDimY = launch.config.gridDimY;
    described.gridDimZ = launch.config.gridDimZ;
    described.blockDimX = launch.config.blockDimX;
    described.blockDimY = launch.config.blockDimY;
    described.blockDimZ = launch.config.blockDimZ;
    described.sharedMemBytes = launch.config.sharedMemBytes;
    described.extra = size == 0 ? nullptr : extra;
  }
  KernelParameters(const KernelParameters&) = delete;

  std::size_t size;
  void* extra[5];
  CUDA_KERNEL_NODE_PARAMS described{};
};

std::optional<Launch> LaunchOf(const ipc::LaunchKernel& message, const ClientObjects& objects) {
  const auto kernel = objects.FindKernel(message.kernel);
  return kernel ? CheckLaunch(message, *kernel) : std::nullopt;
}

CUcontext CurrentContext(const Driver& driver) {
  CUcontext context = nullptr;
  driver.cuCtxGetCurrent(&context);
  return context;
}

// Adds one node of each kind.
struct Adder {
  const Driver& driver;
  const ClientObjects& objects;
  CUgraph graph;
  const std::vector<CUgraphNode>& after;
  CUgraphNode& node;

  CUresult operator()(std::monostate) const {
    return driver.cuGraphAddEmptyNode(&node, graph, after.data(), after.size());
  }

  CUresult operator()(const ipc::LaunchKernel& message) const {
    auto launch = LaunchOf(message, objects);
    if (!launch) return CUDA_ERROR_INVALID_HANDLE;
    const KernelParameters parameters(*launch);
    CUresult result = driver.cuGraphAddKernelNode(&node, graph, after.data(), after.size(), &parameters.described);
    for (const CUlaunchAttribute& attribute : launch->attributes) {
      if (result != CUDA_SUCCESS) break;
      if (!IsOfNodes(attribute.id)) continue;
      result = driver.cuGraphKernelNodeSetAttribute(node, attribute.id, &attribute.value);
    }
    return result;
  }

  CUresult operator()(const ipc::Memset& memset) const {
    const CUDA_MEMSET_NODE_PARAMS described = DescribeTransfer(memset);
    return driver.cuGraphAddMemsetNode(&node, graph, after.data(), after.size(), &described, CurrentContext(driver));
  }

  template <typename Copy>
  CUresult operator()(const Copy& copy) const {
    const CUDA_MEMCPY3D described = DescribeTransfer(copy);
    return driver.cuGraphAddMemcpyNode(&node, graph, after.data(), after.size(), &described, CurrentContext(driver));
  }
};

// Changes one node to work of the same kind.
struct Changer {
  const Driver& driver;
  const ClientObjects& objects;
  CUgraphExec executable;
  CUgraphNode node;
  const NodeWork& before;

  CUresult operator()(std::monostate) const { return CUDA_SUCCESS; }

  CUresult operator()(const ipc::LaunchKernel& message) const {
    // Attributes belong to the node of the graph, and stay what they were in the executable one.
    if (std::get<ipc::LaunchKernel>(before).attributes != message.attributes) return CUDA_ERROR_NOT_SUPPORTED;
    auto launch = LaunchOf(message, objects);
    if (!launch) return CUDA_ERROR_INVALID_HANDLE;
    const KernelParameters parameters(*launch);
    return driver.cuGraphExecKernelNodeSetParams(executable, node, &parameters.described);
  }

  CUresult operator()(const ipc::Memset& memset) const {
    const CUDA_MEMSET_NODE_PARAMS described = DescribeTransfer(memset);
    return driver.cuGraphExecMemsetNodeSetParams(executable, node, &described, CurrentContext(driver));
  }

  template <typename Copy>
  CUresult operator()(const Copy& copy) const {
    const CUDA_MEMCPY3D described = DescribeTransfer(copy);
    return driver.cuGraphExecMemcpyNodeSetParams(executable, node, &described, CurrentContext(driver));
  }
};

}  // namespace

CUresult GraphBuild::Make(const Driver& driver, const std::vector<GraphNode>& nodes, const ClientObjects& objects,
                          std::shared_ptr<GraphBuild>& made) {
  std::shared_ptr<GraphBuild> build(new GraphBuild(driver));
  CUresult result = driver.cuGraphCreate(&build->graph_, 0);
  build->nodes_.reserve(nodes.size());
  std::vector<std::uint64_t> shapes;
  build->work_ = WorkOfGraph(nodes, objects, shapes);
  build->slice_plan_ = SlicePlan(build->work_.shape, std::move(shapes));
  for (const GraphNode& node : nodes) {
    if (result != CUDA_SUCCESS) return result;
    result = build->AddNode(node, objects);
  }
  if (result == CUDA_SUCCESS) result = build->Instantiate();
  if (result == CUDA_SUCCESS) made = std::move(build);
  return result;
}

CUresult GraphBuild::AddNode(const GraphNode& node, const ClientObjects& objects) {
  std::vector<CUgraphNode> after;
  after.reserve(node.dependencies.size());
  for (const std::uint32_t dependency : node.dependencies) after.push_back(nodes_[dependency]);
  CUgraphNode made = nullptr;
  const CUresult result = std::visit(Adder{driver_, objects, graph_, after, made}, node.work);
  NoteText(node.work, objects);
  nodes_.push_back(made);
  return result;
}

void GraphBuild::NoteText(const NodeWork& work, const ClientObjects& objects) {
  const auto* const launch = std::get_if<ipc::LaunchKernel>(&work);
  const auto kernel = launch == nullptr ? std::nullopt : objects.FindKernel(launch->kernel);
  if (!kernel) return;
  if (kernel->in_module->prints) prints_ = true;
  if (kernel->in_module->asserts) asserts_ = true;
}

CUresult GraphBuild::Instantiate() {
  if (const CUresult result = driver_.cuGraphInstantiate(&executable_, graph_, 0); result != CUDA_SUCCESS) {
    return result;
  }
  // Now, and waited for: else the first launch would do it on the dispatching thread. On this worker's own stream: others
  // clear memory in theirs, and the legacy stream would wait for them.
  const CUresult uploaded = driver_.cuGraphUpload(executable_, CU_STREAM_PER_THREAD);
  return uploaded == CUDA_SUCCESS ? driver_.cuStreamSynchronize(CU_STREAM_PER_THREAD) : uploaded;
}

// The driver keeps an executable graph that is on the GPU until it is done.
GraphBuild::~GraphBuild() {
  if (executable_ != nullptr) driver_.cuGraphExecDestroy(executable_);
  if (graph_ != nullptr) driver_.cuGraphDestroy(graph_);
}

bool GraphBuild::Change(std::uint32_t node, const NodeWork& before, const NodeWork& after,
                        const ClientObjects& objects) {
  if (before.index() != after.index()) return false;
  NoteText(after, objects);
  return std::visit(Changer{driver_, objects, executable_, nodes_[node], before}, after) == CUDA_SUCCESS;
}

}  // namespace paella::scheduler_daemon
