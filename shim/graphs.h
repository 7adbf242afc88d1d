// The program's graphs: makes and links their nodes, and knows which handles are alive.
//
// Any thread, with mutex() held from the first look at a handle to the last use of its object. Owns all graphs.
#ifndef PAELLA_SHIM_GRAPHS_H_
#define PAELLA_SHIM_GRAPHS_H_

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "shim/cuda_api.h"
#include "shim/graph.h"
#include "shim/handle_map.h"

namespace paella::shim {

class Graphs {
 public:
  Graphs() = default;
  ~Graphs();
  Graphs(const Graphs&) = delete;

  std::mutex& mutex() { return mutex_; }

  // Null: no such handle is alive.
  Graph* Find(CUgraph handle) const { return graphs_.Find(handle); }
  GraphNode* FindNode(CUgraphNode handle) const { return nodes_.Find(handle); }
  // The node of a graph, or of a child in it, with that id; null if there is none.
  CUgraphNode HandleWithId(CUgraph graph, std::uint64_t id) const;

  Graph* Create();
  void Destroy(Graph* graph);
  // A copy with nodes of its own, whose `copied_from` tells where each came from. Children are copied too,
  // and the list of user objects, which the caller has to retain.
  Graph* Clone(const Graph& graph);

  GraphNode* AddNode(Graph& graph, Work work, std::span<const GraphEdge> dependencies);
  void DestroyNode(GraphNode& node);
  // Exchanges what a node does. A child is copied.
  void SetWork(GraphNode& node, Work work);

  // Nodes with data of their edges, turned from handles: INVALID_VALUE if one is no node of the graph, or is named
  // twice.
  CUresult ReadEdges(const Graph& graph, const CUgraphNode* from, const CUgraphEdgeData* data, std::size_t count,
                     std::vector<GraphEdge>& edges) const;
  // INVALID_VALUE if the edge is there already, or would close a circle.
  CUresult AddEdge(const GraphEdge& from, GraphNode& to);
  // INVALID_VALUE if it is not there.
  CUresult RemoveEdge(const GraphEdge& from, GraphNode& to);

 private:
  Graph* Adopt(std::unique_ptr<Graph> graph);
  void CopyInto(const Graph& from, Graph& to);
  void Forget(Graph& graph);

  std::mutex mutex_;
  HandleMap<Graph> graphs_;
  HandleMap<GraphNode> nodes_;
  std::uint64_t next_id_ = 1;
};

// Whether it allocates or frees memory: such a graph is not copied.
bool HasMemory(const Graph& graph);
// Whether `from` is `to` or comes before it.
bool Reaches(const GraphNode& from, const GraphNode& to);
// Nodes in an order in which each comes after its dependencies, and otherwise as they were added. Fewer than the graph
// has, if its edges go in a circle.
std::vector<GraphNode*> InTopologicalOrder(const Graph& graph);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_GRAPHS_H_
