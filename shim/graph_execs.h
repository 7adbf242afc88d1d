// Executable graphs: what cuGraphInstantiate makes, cuGraphLaunch launches, and updates change.
//
//   instantiate   the graph is copied, planned (graph_plan.h), and each stage's nodes are uploaded to the daemon, once
//   launch        one small record for each stage, and what this process does between them; nothing is encoded again
//   update        changes the copy. What changed goes to the daemon before the next launch, in one call
//
// A launch waits for the one before it, whatever streams they are in.
//
// Any thread; each executable graph has a lock, held for a whole launch, so that no other thread's commands of the same
// graph come between its stages. The mutex of Graphs may be taken with it held. Owns the executable graphs.
#ifndef PAELLA_SHIM_GRAPH_EXECS_H_
#define PAELLA_SHIM_GRAPH_EXECS_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "shim/cuda_api.h"
#include "shim/graph.h"
#include "shim/handle_map.h"
#include "shim/streams.h"

namespace paella::shim {

struct Client;
struct GraphPlan;

struct GraphExec {
  std::mutex mutex;  // for all below
  std::uint64_t flags = 0;
  Graph* graph = nullptr;  // ours
  std::unordered_map<std::uint64_t, GraphNode*> nodes;  // of ours, by the id of the program's node
  std::unique_ptr<GraphPlan> plan;
  std::vector<std::uint64_t> numbers;  // of the stages' graphs in the daemon; 0: it has none
  std::vector<const GraphNode*> changed;
  bool needs_new_plan = false;
  bool prints = false;  // a kernel of it may, now or before an update
  std::uint32_t last_stream = 0;
  std::uint64_t last_sequence = 0;  // of the latest launch
};

struct UpdateVerdict {
  CUgraphExecUpdateResult result = CU_GRAPH_EXEC_UPDATE_SUCCESS;
  GraphNode* node = nullptr;  // of the graph that was to be taken over
  GraphNode* from = nullptr;
};

class GraphExecs {
 public:
  explicit GraphExecs(Client& client) : client_(client) {}

  GraphExec* Find(CUgraphExec handle) const { return by_handle_.Find(handle); }
  // `culprit`: the program's node that cannot be done, if the failure is of one.
  CUresult Instantiate(CUgraph graph, std::uint64_t flags, CUgraphExec& handle, CUgraphNode& culprit);
  CUresult Destroy(CUgraphExec handle);

  // So that a launch has nothing to send but itself.
  CUresult Prepare(GraphExec& exec);
  CUresult Launch(GraphExec& exec, Stream& stream);

  // The copy that stands for a node of the graph that was instantiated; null: there is none. With the lock held.
  static GraphNode* NodeFor(const GraphExec& exec, const GraphNode& node);
  // Exchanges what a node does; the work is of the same kind. With the lock held, and the mutex of Graphs.
  void Change(GraphExec& exec, GraphNode& node, Work work);
  void SetEnabled(GraphExec& exec, GraphNode& node, bool enabled);
  // Takes everything over into `ours`, the copy or a child in it, from a graph of the same form; or nothing. The same
  // locks.
  UpdateVerdict Update(GraphExec& exec, const Graph& ours, const Graph& theirs);

 private:
  CUresult Plan(GraphExec& exec, const GraphNode*& culprit);
  void DropPlan(GraphExec& exec);
  void Release(GraphExec& exec);
  CUresult SendStage(GraphExec& exec, std::size_t stage);
  CUresult SendChanges(GraphExec& exec);
  CUresult WaitForLastLaunch(const GraphExec& exec, const Stream& stream);
  CUresult PostStages(GraphExec& exec, Stream& stream);
  CUresult DoMemoryNodes(const GraphExec& exec);
  void NoteUseOfMemory(const GraphExec& exec);
  void NodeChanged(GraphExec& exec, const GraphNode& node);

  Client& client_;
  HandleMap<GraphExec> by_handle_;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_GRAPH_EXECS_H_
