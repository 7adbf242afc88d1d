#include "shim/graphs.h"

#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace paella::shim {
namespace {

bool IsSame(const CUgraphEdgeData& left, const CUgraphEdgeData& right) {
  return left.from_port == right.from_port && left.to_port == right.to_port && left.type == right.type;
}

// Edges that only kernels have: the others must be ordinary.
bool IsPossible(const GraphEdge& edge) {
  const CUgraphEdgeData& data = edge.data;
  if (data.to_port != 0) return false;
  if (data.type == CU_GRAPH_DEPENDENCY_TYPE_DEFAULT) return data.from_port == CU_GRAPH_KERNEL_NODE_PORT_DEFAULT;
  return data.type == CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC && std::holds_alternative<KernelWork>(edge.from->work) &&
         (data.from_port == CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC ||
          data.from_port == CU_GRAPH_KERNEL_NODE_PORT_LAUNCH_ORDER);
}

void Link(const GraphEdge& from, GraphNode& to) {
  to.dependencies.push_back(from);
  from.from->dependents.push_back(&to);
}

}  // namespace

CUgraphNodeType TypeOf(const Work& work) {
  struct Type {
    CUgraphNodeType operator()(const EmptyWork&) const { return CU_GRAPH_NODE_TYPE_EMPTY; }
    CUgraphNodeType operator()(const KernelWork&) const { return CU_GRAPH_NODE_TYPE_KERNEL; }
    CUgraphNodeType operator()(const CopyWork&) const { return CU_GRAPH_NODE_TYPE_MEMCPY; }
    CUgraphNodeType operator()(const FillWork&) const { return CU_GRAPH_NODE_TYPE_MEMSET; }
    CUgraphNodeType operator()(const HostWork&) const { return CU_GRAPH_NODE_TYPE_HOST; }
    CUgraphNodeType operator()(const ChildWork&) const { return CU_GRAPH_NODE_TYPE_GRAPH; }
    CUgraphNodeType operator()(const EventRecordWork&) const { return CU_GRAPH_NODE_TYPE_EVENT_RECORD; }
    CUgraphNodeType operator()(const EventWaitWork&) const { return CU_GRAPH_NODE_TYPE_WAIT_EVENT; }
    CUgraphNodeType operator()(const AllocWork&) const { return CU_GRAPH_NODE_TYPE_MEM_ALLOC; }
    CUgraphNodeType operator()(const FreeWork&) const { return CU_GRAPH_NODE_TYPE_MEM_FREE; }
  };
  return std::visit(Type{}, work);
}

CUgraphNode Graphs::HandleWithId(CUgraph handle, std::uint64_t id) const {
  const Graph* const graph = Find(handle);
  if (graph == nullptr) return nullptr;
  for (const auto& node : graph->nodes) {
    if (node->id == id) return HandleOf(node.get());
    if (const auto* child = std::get_if<ChildWork>(&node->work)) {
      if (CUgraphNode found = HandleWithId(HandleOf(child->graph.get()), id)) return found;
    }
  }
  return nullptr;
}

Graphs::~Graphs() {
  std::vector<Graph*> roots;  // children go with them
  for (Graph* const graph : graphs_.All()) {
    if (graph->owner == nullptr) roots.push_back(graph);
  }
  for (Graph* const graph : roots) Destroy(graph);
}

Graph* Graphs::Adopt(std::unique_ptr<Graph> graph) {
  graph->id = next_id_++;
  graphs_.Insert(graph.get(), graph.get());
  return graph.release();
}

Graph* Graphs::Create() { return Adopt(std::make_unique<Graph>()); }

// The handles of everything in it go first, so that none leads to freed memory.
void Graphs::Forget(Graph& graph) {
  graphs_.Erase(&graph);
  for (const auto& node : graph.nodes) {
    nodes_.Erase(node.get());
    if (const auto* child = std::get_if<ChildWork>(&node->work)) Forget(*child->graph);
  }
}

void Graphs::Destroy(Graph* graph) {
  Forget(*graph);
  delete graph;
}

GraphNode* Graphs::AddNode(Graph& graph, Work work, std::span<const GraphEdge> dependencies) {
  auto node = std::make_unique<GraphNode>();
  node->graph = &graph;
  node->id = next_id_++;
  GraphNode* const added = node.get();
  graph.nodes.push_back(std::move(node));
  nodes_.Insert(added, added);
  for (const GraphEdge& edge : dependencies) Link(edge, *added);
  SetWork(*added, std::move(work));
  return added;
}

void Graphs::SetWork(GraphNode& node, Work work) {
  if (const auto* old = std::get_if<ChildWork>(&node.work)) Forget(*old->graph);
  if (auto* child = std::get_if<ChildWork>(&work)) {
    auto copy = std::make_shared<Graph>();
    copy->id = next_id_++;
    copy->owner = &node;
    copy->copied_from = child->graph->id;
    graphs_.Insert(copy.get(), copy.get());
    CopyInto(*child->graph, *copy);
    child->graph = std::move(copy);
  }
  node.work = std::move(work);
}

void Graphs::CopyInto(const Graph& from, Graph& to) {
  std::unordered_map<const GraphNode*, GraphNode*> copies;
  for (const auto& node : from.nodes) {
    GraphNode* const copy = AddNode(to, node->work, {});
    copy->copied_from = node->id;
    copy->enabled = node->enabled;
    copies.emplace(node.get(), copy);
  }
  for (const auto& node : from.nodes) {
    for (const GraphEdge& edge : node->dependencies) Link({copies.at(edge.from), edge.data}, *copies.at(node.get()));
  }
}

Graph* Graphs::Clone(const Graph& graph) {
  Graph* const clone = Create();
  clone->copied_from = graph.id;
  clone->user_objects = graph.user_objects;
  CopyInto(graph, *clone);
  return clone;
}

void Graphs::DestroyNode(GraphNode& node) {
  for (const GraphEdge& edge : node.dependencies) std::erase(edge.from->dependents, &node);
  for (GraphNode* dependent : node.dependents) {
    std::erase_if(dependent->dependencies, [&](const GraphEdge& edge) { return edge.from == &node; });
  }
  nodes_.Erase(&node);
  if (const auto* child = std::get_if<ChildWork>(&node.work)) Forget(*child->graph);
  std::erase_if(node.graph->nodes, [&](const auto& other) { return other.get() == &node; });
}

CUresult Graphs::ReadEdges(const Graph& graph, const CUgraphNode* from, const CUgraphEdgeData* data, std::size_t count,
                           std::vector<GraphEdge>& edges) const {
  if (from == nullptr && count != 0) return CUDA_ERROR_INVALID_VALUE;
  std::unordered_set<const GraphNode*> seen;
  for (std::size_t i = 0; i < count; ++i) {
    GraphEdge edge;
    edge.from = FindNode(from[i]);
    if (data != nullptr) edge.data = data[i];
    if (edge.from == nullptr || edge.from->graph != &graph || !IsPossible(edge)) return CUDA_ERROR_INVALID_VALUE;
    if (!seen.insert(edge.from).second) return CUDA_ERROR_INVALID_VALUE;
    edges.push_back(edge);
  }
  return CUDA_SUCCESS;
}

CUresult Graphs::AddEdge(const GraphEdge& from, GraphNode& to) {
  if (from.from->graph != to.graph || !IsPossible(from) || Reaches(to, *from.from)) return CUDA_ERROR_INVALID_VALUE;
  const bool is_there =
      std::ranges::any_of(to.dependencies, [&](const GraphEdge& edge) { return edge.from == from.from; });
  if (is_there) return CUDA_ERROR_INVALID_VALUE;
  Link(from, to);
  return CUDA_SUCCESS;
}

CUresult Graphs::RemoveEdge(const GraphEdge& from, GraphNode& to) {
  const auto found = std::ranges::find_if(
      to.dependencies, [&](const GraphEdge& edge) { return edge.from == from.from && IsSame(edge.data, from.data); });
  if (found == to.dependencies.end()) return CUDA_ERROR_INVALID_VALUE;
  std::erase(from.from->dependents, &to);
  to.dependencies.erase(found);
  return CUDA_SUCCESS;
}

bool HasMemory(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [](const auto& node) {
    return std::holds_alternative<AllocWork>(node->work) || std::holds_alternative<FreeWork>(node->work);
  });
}

bool Reaches(const GraphNode& from, const GraphNode& to) {
  std::unordered_set<const GraphNode*> seen{&to};
  std::vector<const GraphNode*> open{&to};
  while (!open.empty()) {
    const GraphNode* const node = open.back();
    open.pop_back();
    if (node == &from) return true;
    for (const GraphEdge& edge : node->dependencies) {
      if (seen.insert(edge.from).second) open.push_back(edge.from);
    }
  }
  return false;
}

std::vector<GraphNode*> InTopologicalOrder(const Graph& graph) {
  struct Unmet {
    std::size_t place, count;
  };
  std::unordered_map<const GraphNode*, Unmet> unmet;
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& node = *graph.nodes[i];
    unmet.emplace(&node, Unmet{i, node.dependencies.size()});
    if (node.dependencies.empty()) ready.push(i);
  }
  std::vector<GraphNode*> order;
  order.reserve(graph.nodes.size());
  while (!ready.empty()) {
    GraphNode* const node = graph.nodes[ready.top()].get();
    ready.pop();
    order.push_back(node);
    for (const GraphNode* dependent : node->dependents) {
      Unmet& of_dependent = unmet.at(dependent);
      if (--of_dependent.count == 0) ready.push(of_dependent.place);
    }
  }
  return order;
}

}  // namespace paella::shim
