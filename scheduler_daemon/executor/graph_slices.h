// A graph in pieces, each an executable graph of its own, that together do what the whole does if they go to one stream in
// order (slice_plan.h). Made on the client's worker, launched on the dispatching thread.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_GRAPH_SLICES_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_GRAPH_SLICES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "scheduler_daemon/executor/graph_build.h"
#include "scheduler_daemon/executor/slice_plan.h"

namespace paella::scheduler_daemon {

class GraphSlices {
 public:
  // `nodes`: the whole graph's. Null: the driver refuses a piece.
  static std::shared_ptr<const GraphSlices> Make(const Driver& driver, const std::vector<GraphNode>& nodes,
                                                 const ClientObjects& objects, SliceBegins begins);

  std::size_t count() const { return pieces_.size(); }
  const SliceBegins& begins() const { return begins_; }
  // What durations of the slices are learned by.
  const std::vector<std::uint64_t>& shapes() const { return shapes_; }
  const Work& WorkOf(std::size_t slice) const { return pieces_[slice]->work(); }
  CUresult Launch(std::size_t slice, CUstream stream) const { return pieces_[slice]->Launch(stream); }

  // Exchanges the work of one node of the whole, as GraphBuild::Change does.
  bool Change(std::uint32_t node, const NodeWork& before, const NodeWork& after, const ClientObjects& objects) const;
  // They belong to whoever destroys builds, too.
  const std::vector<std::shared_ptr<GraphBuild>>& pieces() const { return pieces_; }

 private:
  explicit GraphSlices(SliceBegins begins) : begins_(std::move(begins)) {}

  SliceBegins begins_;
  std::vector<std::uint64_t> shapes_;
  std::vector<std::shared_ptr<GraphBuild>> pieces_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_GRAPH_SLICES_H_
