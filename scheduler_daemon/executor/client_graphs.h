// The executable graphs of one client, by the numbers that it knows them by.
//
//   upload ─▶ Handle (worker): decoded, checked, built in the driver ─▶ Find (dispatching thread): a command
//                                                                       holds the build
//
// A launch does what the graph was when the launch was read. So an update changes a build in place only if no waiting
// command holds it, and else makes another one; the old one ends when its last command has been given to the GPU.
//
// A graph may be asked for in slices (slice_plan.h): they belong to its build, change with it and go with it.
//
// Memory and kernels that a graph names may be gone at a launch. That is looked at again whenever the client has given
// something up since the last look; so an ordinary launch costs one look-up.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_GRAPHS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_GRAPHS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "messages.h"
#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/graph_build.h"
#include "scheduler_daemon/executor/graph_slices.h"

namespace paella::scheduler_daemon {

class ClientObjects;

class ClientGraphs {
 public:
  // What one client may make the daemon keep, graphs that wait for their last launch included: more nodes than any
  // program seen has, less than what would hurt others. Of one graph, fewer: they are looked at between two decisions.
  static constexpr std::size_t kMaxNodes = 1 << 20;
  static constexpr std::size_t kMaxNodesOfOne = 1 << 16;
  static constexpr std::size_t kMaxGraphs = 1 << 16;
  static constexpr std::size_t kMaxDescriptionBytes = 128 << 20;
  // How long an update waits for the launches that keep older builds.
  static constexpr std::chrono::seconds kRoomTimeout{5};

  ClientGraphs(const Driver& driver, ClientObjects& objects) : driver_(driver), objects_(objects) {}

  // Worker.
  CUresult Handle(const ipc::GraphInstantiate& call, ipc::GraphInstantiateReply& reply);
  CUresult Handle(const ipc::GraphUpdate& call, ipc::GraphUpdateReply& reply);
  void DestroyRetired();
  // Cuts the graph, if the build is what it is now.
  void Slice(std::uint64_t number, const std::weak_ptr<GraphBuild>& build, SliceBegins begins);

  // Dispatching thread. What a launch of the graph has to hold; null with the reason, if it may not be launched.
  std::shared_ptr<GraphBuild> Find(std::uint64_t number, CUresult& result);
  // The graph has no number any more; DestroyRetired gives it back. False: there is none such.
  bool Retire(std::uint64_t number);

  // At the client's end, before its code goes.
  void Clear();

 private:
  struct Graph {
    std::vector<GraphNode> nodes;             // changed by the worker alone, under mutex_
    std::vector<std::uint32_t> transfers;     // which of them name memory
    std::shared_ptr<GraphBuild> build;        // null: an update failed half way
    std::uint64_t ranges_lost_then = 0, kernels_lost_then = 0;  // at the last look
    bool is_stale = false;                    // what was found then
    bool is_changing = false;                 // the driver's objects are the worker's
  };

  void TakeStock(Graph& graph) const;
  bool NamesOnlyWhatIsThere(Graph& graph) const;
  CUresult CheckChanges(const Graph& graph, const std::vector<NodeChange>& changes) const;
  CUresult Update(std::uint64_t number, Graph& graph, const std::vector<NodeChange>& changes, bool launch_waits);
  CUresult Rebuild(std::uint64_t number, Graph& graph, const std::vector<NodeChange>& changes);
  void ChangeSlices(std::uint64_t number, Graph& graph, const std::vector<NodeChange>& changes);
  void Adopt(Graph& graph, const std::vector<NodeChange>& changes);
  bool HasMostGraphs();
  // Counts a build that is about to be made. False: there are too many.
  bool TakeRoom(std::size_t nodes, std::size_t most = kMaxNodes);
  bool WaitForRoom(std::size_t nodes);
  void GiveRoom(std::size_t nodes);
  // Takes out of retired_ what nobody holds any more. False: there is none such.
  bool TakeFree(std::vector<std::shared_ptr<GraphBuild>>& free);
  // With mutex_. The slices' pieces, too.
  void RetireBuild(std::shared_ptr<GraphBuild> build);
  void RetireSlices(const std::shared_ptr<const GraphSlices>& slices);

  const Driver& driver_;
  ClientObjects& objects_;
  std::mutex mutex_;  // for all below; never held across a driver call
  std::unordered_map<std::uint64_t, std::shared_ptr<Graph>> graphs_;
  std::vector<std::shared_ptr<GraphBuild>> retired_;
  std::size_t node_count_ = 0;  // of all builds, retired ones too
  std::uint64_t next_number_ = 1;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_GRAPHS_H_
