// What a launch of a graph consists of: stages, one after the other in the launching stream. In each the GPU does its
// nodes as one graph of the daemon, and then this process does what only it can: host functions, events, moving bytes
// between the program's pageable memory and pinned memory that the GPU's nodes copy from and to.
//
//   kernel ─▶ host ─▶ kernel ─▶ copy to pageable      stage 0: kernel            | host
//                                                     stage 1: kernel, copy      | move to pageable
//
// A node's stage is the greatest number of such actions on a way to it, so that every edge leads to the same stage or a
// later one. Children are put in the place of their nodes. A graph without actions is one stage.
//
// A plan points at the nodes of the graph that it was made of. Made on any thread; values.
#ifndef PAELLA_SHIM_GRAPH_PLAN_H_
#define PAELLA_SHIM_GRAPH_PLAN_H_

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "messages.h"
#include "shim/client.h"
#include "shim/copies.h"
#include "shim/graph.h"
#include "shim/pinned_blocks.h"

namespace paella::shim {

// Bytes of a box from one place of this process to another.
struct HostMove {
  StridedCopy box;
  void Do() const;
};

struct GraphAction {
  const GraphNode* node = nullptr;             // of a host function or an event
  std::shared_ptr<const HostMove> move = nullptr;  // instead of them
};

struct GraphStage {
  ipc::GraphNodes nodes;
  bool has_work = false;  // else all of its nodes are empty
  std::vector<GraphAction> actions;
};

struct GraphPlan {
  struct Place {
    std::uint32_t stage, node;
  };
  std::vector<GraphStage> stages;
  std::unordered_map<const GraphNode*, Place> places;  // of nodes that the GPU does
  std::vector<PinnedBlock> blocks;                     // that the moves use
  std::vector<const GraphNode*> memory;                // nodes that allocate and free, in order
};

// The error of the first node that cannot be done, and the node.
CUresult MakePlan(Client& client, const Graph& graph, GraphPlan& plan, const GraphNode*& culprit);

// What the GPU does for a node, as the daemon takes it: the record's kind, 0 for nothing, and its bytes. False for a
// node that needs an action, or is none for the GPU.
bool EncodeForGpu(Client& client, const GraphNode& node, std::uint32_t& kind, std::vector<std::byte>& bytes,
                  CUresult& result);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_GRAPH_PLAN_H_
