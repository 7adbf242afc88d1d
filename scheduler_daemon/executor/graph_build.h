// A graph of a client in the driver: CUgraph, its nodes, and the CUgraphExec made of it.
//
// Made, changed and destroyed on the client's worker, since each may take long; launched on the dispatching thread.
// Owns the driver's objects. What the nodes name was checked before (graph_nodes.h).
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_GRAPH_BUILD_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_GRAPH_BUILD_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/graph_nodes.h"
#include "scheduler_daemon/executor/slice_plan.h"
#include "scheduler_daemon/policies/work.h"

namespace paella::scheduler_daemon {

class GraphSlices;

class GraphBuild {
 public:
  static CUresult Make(const Driver& driver, const std::vector<GraphNode>& nodes, const ClientObjects& objects,
                       std::shared_ptr<GraphBuild>& build);
  ~GraphBuild();
  GraphBuild(const GraphBuild&) = delete;

  // Exchanges one node's work. False if the driver cannot do that in place: then the build is good for nothing but its
  // end. What is on the GPU already goes on as it was.
  bool Change(std::uint32_t node, const NodeWork& before, const NodeWork& after, const ClientObjects& objects);

  // Whether a kernel of it may; once one might have, it stays so.
  bool prints() const { return prints_; }
  bool asserts() const { return asserts_; }
  // What it does, as far as that says how long it takes (shapes.h): of the nodes that it was made of.
  const Work& work() const { return work_; }
  std::uint32_t node_count() const { return static_cast<std::uint32_t>(nodes_.size()); }
  CUresult Launch(CUstream stream) const { return driver_.cuGraphLaunch(executable_, stream); }

  // The same graph in pieces; null while there are none. Set on the worker, asked on the dispatching thread.
  std::shared_ptr<const GraphSlices> slices() const {
    const std::lock_guard lock(mutex_);
    return slices_;
  }
  // Returns those before.
  std::shared_ptr<const GraphSlices> SetSlices(std::shared_ptr<const GraphSlices> slices) {
    const std::lock_guard lock(mutex_);
    return std::exchange(slices_, std::move(slices));
  }
  // Of the dispatching thread.
  SlicePlan& slice_plan() { return slice_plan_; }

 private:
  explicit GraphBuild(const Driver& driver) : driver_(driver) {}
  CUresult AddNode(const GraphNode& node, const ClientObjects& objects);
  CUresult Instantiate();
  void NoteText(const NodeWork& work, const ClientObjects& objects);

  const Driver& driver_;
  CUgraph graph_ = nullptr;  // the executable graph is changed by its nodes
  std::vector<CUgraphNode> nodes_;
  Work work_{};
  SlicePlan slice_plan_{0, {}};
  std::atomic<bool> prints_{false}, asserts_{false};  // asked on the dispatching thread
  CUgraphExec executable_ = nullptr;
  mutable std::mutex mutex_;
  std::shared_ptr<const GraphSlices> slices_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_GRAPH_BUILD_H_
