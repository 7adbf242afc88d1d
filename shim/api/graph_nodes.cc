// Nodes of graphs: adding them, and asking for and exchanging what they do.
#include "driver_api.h"
#include "shim/api/graph_entry.h"
#include "shim/graph_work.h"
#include "shim/launch_checks.h"
#include "shim/unsupported.h"

using namespace paella::shim;

namespace {

// Where a new node goes.
struct Position {
  CUgraphNode* out;
  CUgraph graph;
  const CUgraphNode* dependencies;
  const CUgraphEdgeData* edges;
  std::size_t count;
};

CUresult AddNode(GraphEntry& entry, const Position& position, Graph& graph, Work work) {
  if (position.out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::vector<GraphEdge> after;
  const CUresult result =
      entry.client->graphs.ReadEdges(graph, position.dependencies, position.edges, position.count, after);
  if (result != CUDA_SUCCESS) return result;
  *position.out = HandleOf(entry.client->graphs.AddNode(graph, std::move(work), after));
  return CUDA_SUCCESS;
}

// `read(client, work)` checks the parameters.
template <typename Kind, typename Read>
CUresult Add(const Position& position, Read read) {
  GraphEntry entry;
  Graph* graph;
  if (const CUresult result = entry.Enter(position.graph, graph); result != CUDA_SUCCESS) return result;
  Kind work;
  if (const CUresult result = read(*entry.client, work); result != CUDA_SUCCESS) return result;
  return AddNode(entry, position, *graph, std::move(work));
}

template <typename Kind, typename Read>
CUresult Set(CUgraphNode handle, Read read) {
  GraphEntry entry;
  GraphNode* node;
  Kind* work;
  if (const CUresult result = entry.Enter(handle, node, work); result != CUDA_SUCCESS) return result;
  Kind changed = *work;
  if (const CUresult result = read(*entry.client, changed); result != CUDA_SUCCESS) return result;
  entry.client->graphs.SetWork(*node, std::move(changed));
  return CUDA_SUCCESS;
}

template <typename Kind, typename Read>
CUresult SetInExec(CUgraphExec exec_handle, CUgraphNode handle, Read read) {
  ExecEntry entry;
  GraphExec* exec;
  GraphNode* ours;
  Kind work;
  if (const CUresult result = entry.Enter(exec_handle, exec, handle, ours, work); result != CUDA_SUCCESS) return result;
  if (const CUresult result = read(*entry.client, work); result != CUDA_SUCCESS) return result;
  entry.client->graph_execs.Change(*exec, *ours, std::move(work));
  return CUDA_SUCCESS;
}

// The readers of each kind of parameters; null is INVALID_VALUE everywhere.

auto ReadKernel(const CUDA_KERNEL_NODE_PARAMS* parameters) {
  return [parameters](Client& client, KernelWork& work) {
    return parameters == nullptr ? CUDA_ERROR_INVALID_VALUE : ReadKernelWork(client, *parameters, work);
  };
}

CUDA_KERNEL_NODE_PARAMS WithoutKernel(const CUDA_KERNEL_NODE_PARAMS_v1& parameters) {
  CUDA_KERNEL_NODE_PARAMS newer{};
  newer.func = parameters.func;
  newer.gridDimX = parameters.gridDimX;
  newer.gridDimY = parameters.gridDimY;
  newer.gridDimZ = parameters.gridDimZ;
  newer.blockDimX = parameters.blockDimX;
  newer.blockDimY = parameters.blockDimY;
  newer.blockDimZ = parameters.blockDimZ;
  newer.sharedMemBytes = parameters.sharedMemBytes;
  newer.kernelParams = parameters.kernelParams;
  newer.extra = parameters.extra;
  return newer;
}

auto ReadOldKernel(const CUDA_KERNEL_NODE_PARAMS_v1* parameters) {
  return [parameters](Client& client, KernelWork& work) {
    return parameters == nullptr ? CUDA_ERROR_INVALID_VALUE : ReadKernelWork(client, WithoutKernel(*parameters), work);
  };
}

auto ReadCopy(const CUDA_MEMCPY3D* parameters) {
  return [parameters](Client& client, CopyWork& work) {
    return parameters == nullptr ? CUDA_ERROR_INVALID_VALUE : ReadCopyWork(client, *parameters, work);
  };
}

auto ReadFill(const CUDA_MEMSET_NODE_PARAMS* parameters) {
  return [parameters](Client& client, FillWork& work) {
    return parameters == nullptr ? CUDA_ERROR_INVALID_VALUE : ReadFillWork(client, *parameters, work);
  };
}

auto ReadHost(const CUDA_HOST_NODE_PARAMS* parameters) {
  return [parameters](Client&, HostWork& work) {
    if (parameters == nullptr || parameters->fn == nullptr) return CUDA_ERROR_INVALID_VALUE;
    work = {parameters->fn, parameters->userData};
    return CUDA_SUCCESS;
  };
}

template <typename Kind>
auto ReadEvent(CUevent event) {
  return [event](Client& client, Kind& work) {
    if (client.events.Find(event) == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    work.event = event;
    return CUDA_SUCCESS;
  };
}

// A child may be any graph but one that the node would be in.
auto ReadChild(CUgraph handle, CUgraph into) {
  return [handle, into](Client& client, ChildWork& work) {
    Graph* const child = client.graphs.Find(handle);
    if (child == nullptr || child->captured_into || handle == into) return CUDA_ERROR_INVALID_VALUE;
    if (HasMemory(*child)) return CUDA_ERROR_NOT_SUPPORTED;
    work.graph = {child, [](Graph*) {}};  // borrowed: the node gets a copy
    return CUDA_SUCCESS;
  };
}

auto ReadAlloc(CUDA_MEM_ALLOC_NODE_PARAMS* parameters) {
  return [parameters](Client& client, AllocWork& work) {
    if (parameters == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const CUresult result = ReadAllocWork(client, *parameters, work);
    if (result == CUDA_SUCCESS) parameters->dptr = work.description.dptr;
    return result;
  };
}

auto ReadFree(CUdeviceptr address) {
  return [address](Client& client, FreeWork& work) {
    if (!client.graph_memories.IsGraphs(address)) return CUDA_ERROR_INVALID_VALUE;
    work.address = address;
    return CUDA_SUCCESS;
  };
}

template <typename Kind, typename Give>
CUresult Get(CUgraphNode handle, const void* out, Give give) {
  GraphEntry entry;
  GraphNode* node;
  Kind* work;
  if (const CUresult result = entry.Enter(handle, node, work); result != CUDA_SUCCESS) return result;
  if (out == nullptr) return CUDA_ERROR_INVALID_VALUE;
  give(*node, *work);
  return CUDA_SUCCESS;
}

// The parameters of any kind of node in the one structure of cuGraphAddNode: `op(kind, read)`.
template <typename Op>
CUresult ByType(const CUgraphNodeParams& p, Op op) {
  switch (p.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      CUDA_KERNEL_NODE_PARAMS parameters;
      static_assert(sizeof parameters == sizeof p.kernel, "the same structure under a newer name");
      std::memcpy(&parameters, &p.kernel, sizeof parameters);
      return op(KernelWork{}, ReadKernel(&parameters));
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY: return op(CopyWork{}, ReadCopy(&p.memcpy.copyParams));
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      const CUDA_MEMSET_NODE_PARAMS parameters{p.memset.dst,         p.memset.pitch, p.memset.value,
                                               p.memset.elementSize, p.memset.width, p.memset.height};
      return op(FillWork{}, ReadFill(&parameters));
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      const CUDA_HOST_NODE_PARAMS parameters{p.host.fn, p.host.userData};
      return op(HostWork{}, ReadHost(&parameters));
    }
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return op(EventRecordWork{}, ReadEvent<EventRecordWork>(p.eventRecord.event));
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT: return op(EventWaitWork{}, ReadEvent<EventWaitWork>(p.eventWait.event));
    default: return UnsupportedForm("a graph node of a kind that is not there");
  }
}

CUresult AddAny(const Position& position, CUgraphNodeParams* p) {
  if (p == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (p->type == CU_GRAPH_NODE_TYPE_EMPTY) {
    return Add<EmptyWork>(position, [](Client&, EmptyWork&) { return CUDA_SUCCESS; });
  }
  if (p->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC) {
    CUDA_MEM_ALLOC_NODE_PARAMS parameters;
    static_assert(sizeof parameters == sizeof p->alloc, "the same structure under a newer name");
    std::memcpy(&parameters, &p->alloc, sizeof parameters);
    const CUresult result = Add<AllocWork>(position, ReadAlloc(&parameters));
    p->alloc.dptr = parameters.dptr;
    return result;
  }
  if (p->type == CU_GRAPH_NODE_TYPE_MEM_FREE) return Add<FreeWork>(position, ReadFree(p->free.dptr));
  if (p->type == CU_GRAPH_NODE_TYPE_GRAPH) {
    if (p->graph.ownership != CU_GRAPH_CHILD_GRAPH_OWNERSHIP_CLONE) return UnsupportedForm("a child graph that moves");
    const CUresult result = Add<ChildWork>(position, ReadChild(p->graph.graph, position.graph));
    if (result != CUDA_SUCCESS) return result;
    return paella_cuGraphChildGraphNodeGetGraph(*position.out, &p->graph.graph);
  }
  return ByType(*p, [&]<typename Kind>(Kind, auto read) { return Add<Kind>(position, read); });
}

bool IsAttributeOfNodes(CUlaunchAttributeID id) {
  switch (id) {
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION: return true;
    default: return false;
  }
}

}  // namespace

CUresult paella_cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                     size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return Add<KernelWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies}, ReadOldKernel(nodeParams));
}

CUresult paella_cuGraphAddKernelNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                        size_t numDependencies, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return Add<KernelWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies}, ReadKernel(nodeParams));
}

CUresult paella_cuGraphAddMemcpyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                     size_t numDependencies, const CUDA_MEMCPY3D* copyParams, CUcontext) {
  return Add<CopyWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies}, ReadCopy(copyParams));
}

CUresult paella_cuGraphAddMemsetNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                     size_t numDependencies, const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext) {
  return Add<FillWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies}, ReadFill(memsetParams));
}

CUresult paella_cuGraphAddHostNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                   size_t numDependencies, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  return Add<HostWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies}, ReadHost(nodeParams));
}

CUresult paella_cuGraphAddChildGraphNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                         size_t numDependencies, CUgraph childGraph) {
  return Add<ChildWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies}, ReadChild(childGraph, hGraph));
}

CUresult paella_cuGraphAddEmptyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                    size_t numDependencies) {
  return Add<EmptyWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies},
                        [](Client&, EmptyWork&) { return CUDA_SUCCESS; });
}

CUresult paella_cuGraphAddEventRecordNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                          size_t numDependencies, CUevent event) {
  return Add<EventRecordWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies},
                              ReadEvent<EventRecordWork>(event));
}

CUresult paella_cuGraphAddEventWaitNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                        size_t numDependencies, CUevent event) {
  return Add<EventWaitWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies},
                            ReadEvent<EventWaitWork>(event));
}

CUresult paella_cuGraphAddMemAllocNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                       size_t numDependencies, CUDA_MEM_ALLOC_NODE_PARAMS* nodeParams) {
  return Add<AllocWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies}, ReadAlloc(nodeParams));
}

CUresult paella_cuGraphAddMemFreeNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                      size_t numDependencies, CUdeviceptr dptr) {
  return Add<FreeWork>({phGraphNode, hGraph, dependencies, nullptr, numDependencies}, ReadFree(dptr));
}

CUresult paella_cuGraphAddNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                               size_t numDependencies, CUgraphNodeParams* nodeParams) {
  return AddAny({phGraphNode, hGraph, dependencies, nullptr, numDependencies}, nodeParams);
}

CUresult paella_cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies,
                                  const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                  CUgraphNodeParams* nodeParams) {
  return AddAny({phGraphNode, hGraph, dependencies, dependencyData, numDependencies}, nodeParams);
}

CUresult paella_cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return Get<KernelWork>(hNode, nodeParams, [&](GraphNode& node, const KernelWork&) {
    CUDA_KERNEL_NODE_PARAMS newer;
    GiveKernelParameters(node, newer);
    *nodeParams = {newer.func,      newer.gridDimX,       newer.gridDimY,     newer.gridDimZ, newer.blockDimX,
                   newer.blockDimY, newer.blockDimZ,      newer.sharedMemBytes, newer.kernelParams, newer.extra};
  });
}

CUresult paella_cuGraphKernelNodeGetParams_v2(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return Get<KernelWork>(hNode, nodeParams,
                         [&](GraphNode& node, const KernelWork&) { GiveKernelParameters(node, *nodeParams); });
}

CUresult paella_cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return Set<KernelWork>(hNode, ReadOldKernel(nodeParams));
}

CUresult paella_cuGraphKernelNodeSetParams_v2(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return Set<KernelWork>(hNode, ReadKernel(nodeParams));
}

CUresult paella_cuGraphMemcpyNodeGetParams(CUgraphNode hNode, CUDA_MEMCPY3D* nodeParams) {
  return Get<CopyWork>(hNode, nodeParams, [&](GraphNode&, const CopyWork& work) { *nodeParams = work.description; });
}

CUresult paella_cuGraphMemcpyNodeSetParams(CUgraphNode hNode, const CUDA_MEMCPY3D* nodeParams) {
  return Set<CopyWork>(hNode, ReadCopy(nodeParams));
}

CUresult paella_cuGraphMemsetNodeGetParams(CUgraphNode hNode, CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  return Get<FillWork>(hNode, nodeParams, [&](GraphNode&, const FillWork& work) { *nodeParams = work.description; });
}

CUresult paella_cuGraphMemsetNodeSetParams(CUgraphNode hNode, const CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  return Set<FillWork>(hNode, ReadFill(nodeParams));
}

CUresult paella_cuGraphHostNodeGetParams(CUgraphNode hNode, CUDA_HOST_NODE_PARAMS* nodeParams) {
  return Get<HostWork>(hNode, nodeParams, [&](GraphNode&, const HostWork& work) {
    *nodeParams = {work.function, work.user_data};
  });
}

CUresult paella_cuGraphHostNodeSetParams(CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  return Set<HostWork>(hNode, ReadHost(nodeParams));
}

CUresult paella_cuGraphChildGraphNodeGetGraph(CUgraphNode hNode, CUgraph* phGraph) {
  return Get<ChildWork>(hNode, phGraph,
                        [&](GraphNode&, const ChildWork& work) { *phGraph = HandleOf(work.graph.get()); });
}

CUresult paella_cuGraphEventRecordNodeGetEvent(CUgraphNode hNode, CUevent* event_out) {
  return Get<EventRecordWork>(hNode, event_out,
                              [&](GraphNode&, const EventRecordWork& work) { *event_out = work.event; });
}

CUresult paella_cuGraphEventRecordNodeSetEvent(CUgraphNode hNode, CUevent event) {
  return Set<EventRecordWork>(hNode, ReadEvent<EventRecordWork>(event));
}

CUresult paella_cuGraphEventWaitNodeGetEvent(CUgraphNode hNode, CUevent* event_out) {
  return Get<EventWaitWork>(hNode, event_out, [&](GraphNode&, const EventWaitWork& work) { *event_out = work.event; });
}

CUresult paella_cuGraphEventWaitNodeSetEvent(CUgraphNode hNode, CUevent event) {
  return Set<EventWaitWork>(hNode, ReadEvent<EventWaitWork>(event));
}

CUresult paella_cuGraphMemAllocNodeGetParams(CUgraphNode hNode, CUDA_MEM_ALLOC_NODE_PARAMS* params_out) {
  return Get<AllocWork>(hNode, params_out, [&](GraphNode&, const AllocWork& work) { *params_out = work.description; });
}

CUresult paella_cuGraphMemFreeNodeGetParams(CUgraphNode hNode, CUdeviceptr* dptr_out) {
  return Get<FreeWork>(hNode, dptr_out, [&](GraphNode&, const FreeWork& work) { *dptr_out = work.address; });
}

CUresult paella_cuGraphNodeSetParams(CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return ByType(*nodeParams, [&]<typename Kind>(Kind, auto read) { return Set<Kind>(hNode, read); });
}

CUresult paella_cuGraphKernelNodeSetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr,
                                              const CUkernelNodeAttrValue* value_in) {
  if (value_in == nullptr || !IsAttributeOfNodes(attr)) return CUDA_ERROR_INVALID_VALUE;
  return Set<KernelWork>(hNode, [&](Client& client, KernelWork& work) {
    CUlaunchAttribute attribute{};
    attribute.id = attr;
    attribute.value = *value_in;
    Kernel* const kernel = client.libraries.FindKernel(work.function);
    if (kernel == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (const CUresult result = CheckAttribute(client, *kernel, work.shape, attribute); result != CUDA_SUCCESS) {
      return result;
    }
    std::erase_if(work.attributes, [&](const CUlaunchAttribute& other) { return other.id == attr; });
    work.attributes.push_back(attribute);
    return CUDA_SUCCESS;
  });
}

CUresult paella_cuGraphKernelNodeGetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr,
                                              CUkernelNodeAttrValue* value_out) {
  if (!IsAttributeOfNodes(attr)) return CUDA_ERROR_INVALID_VALUE;
  return Get<KernelWork>(hNode, value_out, [&](GraphNode&, const KernelWork& work) {
    *value_out = {};
    for (const CUlaunchAttribute& attribute : work.attributes) {
      if (attribute.id == attr) *value_out = attribute.value;
    }
  });
}

CUresult paella_cuGraphKernelNodeCopyAttributes(CUgraphNode dst, CUgraphNode src) {
  std::vector<CUlaunchAttribute> attributes;
  const CUresult result =
      Get<KernelWork>(src, &attributes, [&](GraphNode&, const KernelWork& work) { attributes = work.attributes; });
  if (result != CUDA_SUCCESS) return result;
  return Set<KernelWork>(dst, [&](Client&, KernelWork& work) {
    work.attributes = std::move(attributes);
    return CUDA_SUCCESS;
  });
}

CUresult paella_cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                               const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return SetInExec<KernelWork>(hGraphExec, hNode, ReadOldKernel(nodeParams));
}

CUresult paella_cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode,
                                                  const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return SetInExec<KernelWork>(hGraphExec, hNode, ReadKernel(nodeParams));
}

CUresult paella_cuGraphExecMemcpyNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                               const CUDA_MEMCPY3D* copyParams, CUcontext) {
  return SetInExec<CopyWork>(hGraphExec, hNode, ReadCopy(copyParams));
}

CUresult paella_cuGraphExecMemsetNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                               const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext) {
  return SetInExec<FillWork>(hGraphExec, hNode, ReadFill(memsetParams));
}

CUresult paella_cuGraphExecHostNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode,
                                             const CUDA_HOST_NODE_PARAMS* nodeParams) {
  return SetInExec<HostWork>(hGraphExec, hNode, ReadHost(nodeParams));
}

CUresult paella_cuGraphExecEventRecordNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  return SetInExec<EventRecordWork>(hGraphExec, hNode, ReadEvent<EventRecordWork>(event));
}

CUresult paella_cuGraphExecEventWaitNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  return SetInExec<EventWaitWork>(hGraphExec, hNode, ReadEvent<EventWaitWork>(event));
}

CUresult paella_cuGraphExecNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  if (nodeParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (nodeParams->type == CU_GRAPH_NODE_TYPE_GRAPH) {
    return paella_cuGraphExecChildGraphNodeSetParams(hGraphExec, hNode, nodeParams->graph.graph);
  }
  return ByType(*nodeParams,
                [&]<typename Kind>(Kind, auto read) { return SetInExec<Kind>(hGraphExec, hNode, read); });
}

CUresult paella_cuGraphExecChildGraphNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraph childGraph) {
  ExecEntry entry;
  GraphExec* exec;
  GraphNode* ours;
  if (const CUresult result = entry.Enter(hGraphExec, exec, hNode, ours); result != CUDA_SUCCESS) return result;
  Graph* const child = entry.client->graphs.Find(childGraph);
  const auto* work = std::get_if<ChildWork>(&ours->work);
  if (child == nullptr || work == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const UpdateVerdict verdict = entry.client->graph_execs.Update(*exec, *work->graph, *child);
  return verdict.result == CU_GRAPH_EXEC_UPDATE_SUCCESS ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// Only nodes that do something on the GPU can be left out.
CUresult paella_cuGraphNodeSetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int isEnabled) {
  ExecEntry entry;
  GraphExec* exec;
  GraphNode* ours;
  if (const CUresult result = entry.Enter(hGraphExec, exec, hNode, ours); result != CUDA_SUCCESS) return result;
  const CUgraphNodeType type = TypeOf(ours->work);
  if (type != CU_GRAPH_NODE_TYPE_KERNEL && type != CU_GRAPH_NODE_TYPE_MEMCPY && type != CU_GRAPH_NODE_TYPE_MEMSET) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  entry.client->graph_execs.SetEnabled(*exec, *ours, isEnabled != 0);
  return CUDA_SUCCESS;
}

CUresult paella_cuGraphNodeGetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int* isEnabled) {
  ExecEntry entry;
  GraphExec* exec;
  GraphNode* ours;
  if (const CUresult result = entry.Enter(hGraphExec, exec, hNode, ours); result != CUDA_SUCCESS) return result;
  if (isEnabled == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *isEnabled = ours->enabled ? 1 : 0;
  return CUDA_SUCCESS;
}
