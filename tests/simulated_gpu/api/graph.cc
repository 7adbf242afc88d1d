// Graphs by the graph API. An executable graph does its nodes one after the other in the stream that it is launched in,
// which is an order that its edges allow. Capture is not modelled.
#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "tests/simulated_gpu/api/common.h"

namespace paella::simulated_gpu {
namespace {

// A launch with its parameters copied.
struct KernelWork {
  CUlaunchConfig config{};
  std::vector<CUlaunchAttribute> attributes;
  CUfunction function = nullptr;
  std::vector<std::uint8_t> arguments;

  CUresult Take(const CUDA_KERNEL_NODE_PARAMS& parameters);
  CUresult Run(CUstream stream);
};

CUresult KernelWork::Take(const CUDA_KERNEL_NODE_PARAMS& parameters) {
  std::shared_ptr<Kernel> kernel;
  const void* const handle = parameters.func != nullptr ? static_cast<const void*>(parameters.func) : parameters.kern;
  PAELLA_RETURN_IF_ERROR(UseKernel(handle, kernel));
  const Function& declared = *kernel->function;
  arguments.assign(declared.argument_bytes, 0);
  if (parameters.kernelParams != nullptr) {
    for (std::size_t i = 0; i < declared.parameters.size(); ++i) {
      std::memcpy(arguments.data() + declared.parameters[i].offset, parameters.kernelParams[i],
                  declared.parameters[i].bytes);
    }
  }
  for (void** extra = parameters.extra; extra != nullptr && *extra != CU_LAUNCH_PARAM_END; extra += 2) {
    if (*extra == CU_LAUNCH_PARAM_BUFFER_POINTER) std::memcpy(arguments.data(), extra[1], arguments.size());
  }
  function = static_cast<CUfunction>(const_cast<void*>(handle));
  config.gridDimX = parameters.gridDimX;
  config.gridDimY = parameters.gridDimY;
  config.gridDimZ = parameters.gridDimZ;
  config.blockDimX = parameters.blockDimX;
  config.blockDimY = parameters.blockDimY;
  config.blockDimZ = parameters.blockDimZ;
  config.sharedMemBytes = parameters.sharedMemBytes;
  return CUDA_SUCCESS;
}

CUresult KernelWork::Run(CUstream stream) {
  config.hStream = stream;
  config.attrs = attributes.data();
  config.numAttrs = static_cast<unsigned>(attributes.size());
  std::size_t bytes = arguments.size();
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, arguments.data(), CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                   CU_LAUNCH_PARAM_END};
  return cuLaunchKernelEx(&config, function, nullptr, bytes == 0 ? nullptr : extra);
}

CUresult RunMemset(const CUDA_MEMSET_NODE_PARAMS& fill, CUstream stream) {
  switch (fill.elementSize) {
    case 1:
      return cuMemsetD2D8Async(fill.dst, fill.pitch, static_cast<unsigned char>(fill.value), fill.width, fill.height,
                               stream);
    case 2:
      return cuMemsetD2D16Async(fill.dst, fill.pitch, static_cast<unsigned short>(fill.value), fill.width, fill.height,
                                stream);
    case 4: return cuMemsetD2D32Async(fill.dst, fill.pitch, fill.value, fill.width, fill.height, stream);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

struct Graph;

// CUgraphNode. One of the works is meant, by `type`.
struct GraphNode {
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  Graph* graph = nullptr;
  std::vector<std::size_t> dependencies;  // places in the graph, earlier ones
  KernelWork kernel;
  CUDA_MEMCPY3D copy{};
  CUDA_MEMSET_NODE_PARAMS fill{};

  CUresult Run(CUstream stream) {
    switch (type) {
      case CU_GRAPH_NODE_TYPE_KERNEL: return kernel.Run(stream);
      case CU_GRAPH_NODE_TYPE_MEMCPY: return cuMemcpy3DAsync(&copy, stream);
      case CU_GRAPH_NODE_TYPE_MEMSET: return RunMemset(fill, stream);
      default: return CUDA_SUCCESS;
    }
  }
};

// CUgraph. Nodes can only be added with dependencies on those that exist, so their order is one of execution.
struct Graph {
  std::vector<std::shared_ptr<GraphNode>> nodes;
};

// CUgraphExec: the nodes as they were at the instantiation.
struct GraphExec {
  std::map<const void*, GraphNode> nodes;  // by the node of the graph
  std::vector<const void*> order;
  std::shared_ptr<Operation> last;         // of its latest launch, which the next one waits for
};

// The driver's own graphs are not thread-safe objects; these may be used by several threads all the same.
std::mutex graphs_mutex;

template <typename T>
CUresult Use(const void* handle, std::shared_ptr<T>& object) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  object = Handles<T>::Get().Find(handle);
  return object == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult AddNode(CUgraphNode* handle, CUgraph graph_handle, const CUgraphNode* dependencies, std::size_t count,
                 std::shared_ptr<GraphNode> node) {
  std::shared_ptr<Graph> graph;
  PAELLA_RETURN_IF_ERROR(Use(graph_handle, graph));
  if (handle == nullptr || (dependencies == nullptr && count != 0)) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(graphs_mutex);
  for (std::size_t i = 0; i < count; ++i) {
    const auto found = std::ranges::find_if(
        graph->nodes, [&](const auto& other) { return static_cast<const void*>(other.get()) == dependencies[i]; });
    if (found == graph->nodes.end()) return CUDA_ERROR_INVALID_VALUE;
    const auto place = static_cast<std::size_t>(found - graph->nodes.begin());
    if (std::ranges::count(node->dependencies, place) != 0) return CUDA_ERROR_INVALID_VALUE;  // as the driver says
    node->dependencies.push_back(place);
  }
  node->graph = graph.get();
  graph->nodes.push_back(node);
  *handle = reinterpret_cast<CUgraphNode>(Handles<GraphNode>::Get().Add(std::move(node)));
  return CUDA_SUCCESS;
}

CUresult UseNodeOf(CUgraphExec exec_handle, CUgraphNode node, CUgraphNodeType type, std::shared_ptr<GraphExec>& exec,
                   GraphNode*& found) {
  PAELLA_RETURN_IF_ERROR(Use(exec_handle, exec));
  const auto entry = exec->nodes.find(node);
  if (entry == exec->nodes.end() || entry->second.type != type) return CUDA_ERROR_INVALID_VALUE;
  found = &entry->second;
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuGraphCreate(CUgraph* phGraph, unsigned int flags) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  if (phGraph == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  *phGraph = reinterpret_cast<CUgraph>(Handles<Graph>::Get().Add(std::make_shared<Graph>()));
  return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph hGraph) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  const auto graph = Handles<Graph>::Get().Remove(hGraph);
  if (graph == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (const auto& node : graph->nodes) Handles<GraphNode>::Get().Remove(node.get());
  return CUDA_SUCCESS;
}

CUresult cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                              size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  PAELLA_RETURN_IF_NULL(nodeParams);
  auto node = std::make_shared<GraphNode>();
  node->type = CU_GRAPH_NODE_TYPE_KERNEL;
  PAELLA_RETURN_IF_ERROR(node->kernel.Take(*nodeParams));
  return AddNode(phGraphNode, hGraph, dependencies, numDependencies, std::move(node));
}

CUresult cuGraphKernelNodeSetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr, const CUkernelNodeAttrValue* value) {
  std::shared_ptr<GraphNode> node;
  PAELLA_RETURN_IF_ERROR(Use(hNode, node));
  if (value == nullptr || node->type != CU_GRAPH_NODE_TYPE_KERNEL) return CUDA_ERROR_INVALID_VALUE;
  CUlaunchAttribute attribute{};
  attribute.id = attr;
  attribute.value = *value;
  node->kernel.attributes.push_back(attribute);
  return CUDA_SUCCESS;
}

CUresult cuGraphAddMemcpyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                              size_t numDependencies, const CUDA_MEMCPY3D* copyParams, CUcontext) {
  PAELLA_RETURN_IF_NULL(copyParams);
  auto node = std::make_shared<GraphNode>();
  node->type = CU_GRAPH_NODE_TYPE_MEMCPY;
  node->copy = *copyParams;
  return AddNode(phGraphNode, hGraph, dependencies, numDependencies, std::move(node));
}

CUresult cuGraphAddMemsetNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                              size_t numDependencies, const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext) {
  PAELLA_RETURN_IF_NULL(memsetParams);
  auto node = std::make_shared<GraphNode>();
  node->type = CU_GRAPH_NODE_TYPE_MEMSET;
  node->fill = *memsetParams;
  return AddNode(phGraphNode, hGraph, dependencies, numDependencies, std::move(node));
}

CUresult cuGraphAddEmptyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                             size_t numDependencies) {
  return AddNode(phGraphNode, hGraph, dependencies, numDependencies, std::make_shared<GraphNode>());
}

CUresult cuGraphInstantiate(CUgraphExec* phGraphExec, CUgraph hGraph, unsigned long long) {
  std::shared_ptr<Graph> graph;
  PAELLA_RETURN_IF_ERROR(Use(hGraph, graph));
  PAELLA_RETURN_IF_NULL(phGraphExec);
  auto exec = std::make_shared<GraphExec>();
  const std::lock_guard lock(graphs_mutex);
  for (const auto& node : graph->nodes) {
    exec->nodes.emplace(node.get(), *node);
    exec->order.push_back(node.get());
  }
  *phGraphExec = reinterpret_cast<CUgraphExec>(Handles<GraphExec>::Get().Add(std::move(exec)));
  return CUDA_SUCCESS;
}

// What is launched goes on to its end.
CUresult cuGraphExecDestroy(CUgraphExec hGraphExec) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  return Handles<GraphExec>::Get().Remove(hGraphExec) == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult cuGraphUpload(CUgraphExec hGraphExec, CUstream hStream) {
  std::shared_ptr<GraphExec> exec;
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  return Use(hGraphExec, exec);
}

CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) {
  std::shared_ptr<GraphExec> exec;
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  PAELLA_RETURN_IF_ERROR(Use(hGraphExec, exec));
  const std::lock_guard lock(graphs_mutex);
  Engine::Get().Enqueue(stream, std::make_shared<Operation>(), exec->last);
  for (const void* node : exec->order) PAELLA_RETURN_IF_ERROR(exec->nodes.at(node).Run(hStream));
  exec->last = Engine::Get().LastOf(*stream);
  return CUDA_SUCCESS;
}

CUresult cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                        const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  PAELLA_RETURN_IF_NULL(nodeParams);
  std::shared_ptr<GraphExec> exec;
  GraphNode* node = nullptr;
  const std::lock_guard lock(graphs_mutex);
  PAELLA_RETURN_IF_ERROR(UseNodeOf(hGraphExec, hNode, CU_GRAPH_NODE_TYPE_KERNEL, exec, node));
  return node->kernel.Take(*nodeParams);
}

CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_MEMCPY3D* copyParams,
                                        CUcontext) {
  PAELLA_RETURN_IF_NULL(copyParams);
  std::shared_ptr<GraphExec> exec;
  GraphNode* node = nullptr;
  const std::lock_guard lock(graphs_mutex);
  PAELLA_RETURN_IF_ERROR(UseNodeOf(hGraphExec, hNode, CU_GRAPH_NODE_TYPE_MEMCPY, exec, node));
  node->copy = *copyParams;
  return CUDA_SUCCESS;
}

CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                        const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext) {
  PAELLA_RETURN_IF_NULL(memsetParams);
  std::shared_ptr<GraphExec> exec;
  GraphNode* node = nullptr;
  const std::lock_guard lock(graphs_mutex);
  PAELLA_RETURN_IF_ERROR(UseNodeOf(hGraphExec, hNode, CU_GRAPH_NODE_TYPE_MEMSET, exec, node));
  node->fill = *memsetParams;
  return CUDA_SUCCESS;
}
