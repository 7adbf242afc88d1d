// Graphs as a whole: making, copying and ending them, their nodes and their edges.
#include <algorithm>

#include "driver_api.h"
#include "shim/api/graph_entry.h"
#include "shim/unsupported.h"
#include "shim/user_objects.h"

using namespace paella::shim;

namespace {

// Lists of nodes, with the data of their edges where that belongs to the list.
struct NodeList {
  std::vector<CUgraphNode> nodes;
  std::vector<CUgraphEdgeData> edges;

  void Add(GraphNode* node) { nodes.push_back(HandleOf(node)); }
  void Add(GraphNode* node, const CUgraphEdgeData& data) {
    Add(node);
    edges.push_back(data);
  }
  bool IsPlain() const {
    return std::ranges::all_of(edges, [](const auto& data) { return data.type == CU_GRAPH_DEPENDENCY_TYPE_DEFAULT; });
  }
};

// Without an array, the count alone is asked for. One that is too long is filled with null.
template <typename T>
void Fill(T* out, std::size_t capacity, const std::vector<T>& values) {
  for (std::size_t i = 0; out != nullptr && i < capacity; ++i) out[i] = i < values.size() ? values[i] : T{};
}

CUresult Give(const NodeList& list, CUgraphNode* nodes, CUgraphEdgeData* edges, size_t* count) {
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (nodes == nullptr) {
    if (edges != nullptr) return CUDA_ERROR_INVALID_VALUE;
    *count = list.nodes.size();
    return CUDA_SUCCESS;
  }
  if (edges == nullptr && !list.IsPlain()) return CUDA_ERROR_LOSSY_QUERY;
  Fill(nodes, *count, list.nodes);
  Fill(edges, *count, list.edges);
  *count = std::min(*count, list.nodes.size());
  return CUDA_SUCCESS;
}

CUresult GetDependencies(CUgraphNode handle, CUgraphNode* dependencies, CUgraphEdgeData* edges, size_t* count) {
  GraphEntry entry;
  GraphNode* node;
  if (const CUresult result = entry.Enter(handle, node); result != CUDA_SUCCESS) return result;
  NodeList list;
  for (const GraphEdge& edge : node->dependencies) list.Add(edge.from, edge.data);
  return Give(list, dependencies, edges, count);
}

const CUgraphEdgeData& DataOfEdge(const GraphNode& from, const GraphNode& to) {
  return std::ranges::find_if(to.dependencies, [&](const GraphEdge& edge) { return edge.from == &from; })->data;
}

CUresult GetDependents(CUgraphNode handle, CUgraphNode* dependents, CUgraphEdgeData* edges, size_t* count) {
  GraphEntry entry;
  GraphNode* node;
  if (const CUresult result = entry.Enter(handle, node); result != CUDA_SUCCESS) return result;
  NodeList list;
  for (GraphNode* dependent : node->dependents) list.Add(dependent, DataOfEdge(*node, *dependent));
  return Give(list, dependents, edges, count);
}

CUresult GetEdges(CUgraph handle, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* edges, size_t* count) {
  GraphEntry entry;
  Graph* graph;
  if (const CUresult result = entry.Enter(handle, graph); result != CUDA_SUCCESS) return result;
  if (count == nullptr || (from == nullptr) != (to == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  NodeList sources, targets;
  for (const auto& node : graph->nodes) {
    for (const GraphEdge& edge : node->dependencies) {
      sources.Add(edge.from, edge.data);
      targets.Add(node.get());
    }
  }
  Fill(to, *count, targets.nodes);
  return Give(sources, from, edges, count);
}

enum class Edit { kAdd, kRemove };

CUresult EditEdges(Edit edit, CUgraph handle, const CUgraphNode* from, const CUgraphNode* to,
                   const CUgraphEdgeData* data, size_t count) {
  GraphEntry entry;
  Graph* graph;
  if (const CUresult result = entry.Enter(handle, graph); result != CUDA_SUCCESS) return result;
  if (count != 0 && (from == nullptr || to == nullptr)) return CUDA_ERROR_INVALID_VALUE;
  Graphs& graphs = entry.client->graphs;
  for (std::size_t i = 0; i < count; ++i) {
    const GraphEdge edge{graphs.FindNode(from[i]), data != nullptr ? data[i] : CUgraphEdgeData{}};
    GraphNode* const target = graphs.FindNode(to[i]);
    if (edge.from == nullptr || target == nullptr || edge.from->graph != graph || target->graph != graph) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    const CUresult result = edit == Edit::kAdd ? graphs.AddEdge(edge, *target) : graphs.RemoveEdge(edge, *target);
    if (result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

// Of a child, only with its node; of one that is captured into, not yet.
bool MayBeDestroyed(const Graph& graph) { return graph.owner == nullptr && !graph.captured_into; }

}  // namespace

CUresult paella_cuGraphCreate(CUgraph* phGraph, unsigned int flags) {
  GraphEntry entry;
  if (const CUresult result = entry.Enter(); result != CUDA_SUCCESS) return result;
  if (phGraph == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  *phGraph = HandleOf(entry.client->graphs.Create());
  return CUDA_SUCCESS;
}

CUresult paella_cuGraphDestroy(CUgraph hGraph) {
  GraphEntry entry;
  Graph* graph;
  if (const CUresult result = entry.Enter(hGraph, graph); result != CUDA_SUCCESS) return result;
  if (!MayBeDestroyed(*graph)) return CUDA_ERROR_INVALID_VALUE;
  const auto user_objects = std::move(graph->user_objects);
  entry.client->graphs.Destroy(graph);
  entry.lock.unlock();  // what the objects' owners do then is their business
  entry.client->user_objects.ReleaseAll(user_objects);
  return CUDA_SUCCESS;
}

CUresult paella_cuGraphClone(CUgraph* phGraphClone, CUgraph originalGraph) {
  GraphEntry entry;
  Graph* graph;
  if (const CUresult result = entry.Enter(originalGraph, graph); result != CUDA_SUCCESS) return result;
  if (phGraphClone == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (HasMemory(*graph)) return CUDA_ERROR_NOT_SUPPORTED;  // as CUDA says
  Graph* const clone = entry.client->graphs.Clone(*graph);
  entry.client->user_objects.RetainAll(*clone);
  *phGraphClone = HandleOf(clone);
  return CUDA_SUCCESS;
}

CUresult paella_cuGraphNodeFindInClone(CUgraphNode* phNode, CUgraphNode hOriginalNode, CUgraph hClonedGraph) {
  GraphEntry entry;
  GraphNode* node;
  if (const CUresult result = entry.Enter(hOriginalNode, node); result != CUDA_SUCCESS) return result;
  const Graph* const clone = entry.client->graphs.Find(hClonedGraph);
  if (phNode == nullptr || clone == nullptr || clone->copied_from != node->graph->id) return CUDA_ERROR_INVALID_VALUE;
  const auto found =
      std::ranges::find_if(clone->nodes, [&](const auto& copy) { return copy->copied_from == node->id; });
  if (found == clone->nodes.end()) return CUDA_ERROR_INVALID_VALUE;
  *phNode = HandleOf(found->get());
  return CUDA_SUCCESS;
}

CUresult paella_cuGraphNodeGetType(CUgraphNode hNode, CUgraphNodeType* type) {
  GraphEntry entry;
  GraphNode* node;
  if (const CUresult result = entry.Enter(hNode, node); result != CUDA_SUCCESS) return result;
  if (type == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *type = TypeOf(node->work);
  return CUDA_SUCCESS;
}

CUresult paella_cuGraphGetNodes(CUgraph hGraph, CUgraphNode* nodes, size_t* numNodes) {
  GraphEntry entry;
  Graph* graph;
  if (const CUresult result = entry.Enter(hGraph, graph); result != CUDA_SUCCESS) return result;
  NodeList list;
  for (const auto& node : graph->nodes) list.Add(node.get());
  return Give(list, nodes, nullptr, numNodes);
}

CUresult paella_cuGraphGetRootNodes(CUgraph hGraph, CUgraphNode* rootNodes, size_t* numRootNodes) {
  GraphEntry entry;
  Graph* graph;
  if (const CUresult result = entry.Enter(hGraph, graph); result != CUDA_SUCCESS) return result;
  NodeList list;
  for (const auto& node : graph->nodes) {
    if (node->dependencies.empty()) list.Add(node.get());
  }
  return Give(list, rootNodes, nullptr, numRootNodes);
}

CUresult paella_cuGraphGetEdges(CUgraph hGraph, CUgraphNode* from, CUgraphNode* to, size_t* numEdges) {
  return GetEdges(hGraph, from, to, nullptr, numEdges);
}

CUresult paella_cuGraphGetEdges_v2(CUgraph hGraph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* edgeData,
                                   size_t* numEdges) {
  return GetEdges(hGraph, from, to, edgeData, numEdges);
}

CUresult paella_cuGraphNodeGetDependencies(CUgraphNode hNode, CUgraphNode* dependencies, size_t* numDependencies) {
  return GetDependencies(hNode, dependencies, nullptr, numDependencies);
}

CUresult paella_cuGraphNodeGetDependencies_v2(CUgraphNode hNode, CUgraphNode* dependencies, CUgraphEdgeData* edgeData,
                                              size_t* numDependencies) {
  return GetDependencies(hNode, dependencies, edgeData, numDependencies);
}

CUresult paella_cuGraphNodeGetDependentNodes(CUgraphNode hNode, CUgraphNode* dependentNodes,
                                             size_t* numDependentNodes) {
  return GetDependents(hNode, dependentNodes, nullptr, numDependentNodes);
}

CUresult paella_cuGraphNodeGetDependentNodes_v2(CUgraphNode hNode, CUgraphNode* dependentNodes,
                                                CUgraphEdgeData* edgeData, size_t* numDependentNodes) {
  return GetDependents(hNode, dependentNodes, edgeData, numDependentNodes);
}

CUresult paella_cuGraphAddDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                       size_t numDependencies) {
  return EditEdges(Edit::kAdd, hGraph, from, to, nullptr, numDependencies);
}

CUresult paella_cuGraphAddDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                          const CUgraphEdgeData* edgeData, size_t numDependencies) {
  return EditEdges(Edit::kAdd, hGraph, from, to, edgeData, numDependencies);
}

CUresult paella_cuGraphRemoveDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                          size_t numDependencies) {
  return EditEdges(Edit::kRemove, hGraph, from, to, nullptr, numDependencies);
}

CUresult paella_cuGraphRemoveDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to,
                                             const CUgraphEdgeData* edgeData, size_t numDependencies) {
  return EditEdges(Edit::kRemove, hGraph, from, to, edgeData, numDependencies);
}

CUresult paella_cuGraphDestroyNode(CUgraphNode hNode) {
  GraphEntry entry;
  GraphNode* node;
  if (const CUresult result = entry.Enter(hNode, node); result != CUDA_SUCCESS) return result;
  if (node->graph->captured_into) return CUDA_ERROR_INVALID_VALUE;
  entry.client->graphs.DestroyNode(*node);
  return CUDA_SUCCESS;
}

CUresult paella_cuGraphRetainUserObject(CUgraph hGraph, CUuserObject object, unsigned int count, unsigned int flags) {
  GraphEntry entry;
  Graph* graph;
  if (const CUresult result = entry.Enter(hGraph, graph); result != CUDA_SUCCESS) return result;
  if (count == 0 || (flags & ~static_cast<unsigned>(CU_GRAPH_USER_OBJECT_MOVE)) != 0) return CUDA_ERROR_INVALID_VALUE;
  UserObjects& objects = entry.client->user_objects;
  const bool moves = (flags & CU_GRAPH_USER_OBJECT_MOVE) != 0;
  const CUresult result = moves ? objects.Check(object, count) : objects.Retain(object, count);
  if (result == CUDA_SUCCESS) graph->user_objects[object] += count;
  return result;
}

CUresult paella_cuGraphReleaseUserObject(CUgraph hGraph, CUuserObject object, unsigned int count) {
  GraphEntry entry;
  Graph* graph;
  if (const CUresult result = entry.Enter(hGraph, graph); result != CUDA_SUCCESS) return result;
  const auto held = graph->user_objects.find(object);
  if (held == graph->user_objects.end() || held->second < count || count == 0) return CUDA_ERROR_INVALID_VALUE;
  held->second -= count;
  if (held->second == 0) graph->user_objects.erase(held);
  entry.lock.unlock();
  return entry.client->user_objects.Release(object, count);
}

CUresult paella_cuUserObjectCreate(CUuserObject* object_out, void* ptr, CUhostFn destroy, unsigned int initialRefcount,
                                   unsigned int flags) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (object_out == nullptr || destroy == nullptr || initialRefcount == 0 ||
      flags != CU_USER_OBJECT_NO_DESTRUCTOR_SYNC) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *object_out = client->user_objects.Create(destroy, ptr, initialRefcount);
  return CUDA_SUCCESS;
}

CUresult paella_cuUserObjectRetain(CUuserObject object, unsigned int count) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  return client->user_objects.Retain(object, count);
}

CUresult paella_cuUserObjectRelease(CUuserObject object, unsigned int count) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  return client->user_objects.Release(object, count);
}
