// Where a graph is to be cut, so that a graph of another tenant can overtake it in the middle: into slices of bounded
// predicted time that go to the GPU one after the other.
//
//   nodes, in an order in which each comes after what it depends on:   0 1 2 │ 3 4 │ 5 6 7
//   slices: what depends on an earlier slice comes after it anyway, so any cut is right.
//
// A graph is cut when it was seen to take too long, at first by what is known of its nodes. The slices are measured as
// all commands are, and where one took too long the graph is cut again, a few times at most.
// What they took beside others' work counts as parts of what the whole took.
//
// Dispatching thread only. Pure.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLICE_PLAN_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLICE_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "scheduler_daemon/knowledge/kernel_durations.h"

namespace paella::scheduler_daemon {

// The first node of each slice; the first one is 0.
using SliceBegins = std::vector<std::uint32_t>;

// Slices that take `slice_ns` at most, but for single nodes that take longer; longer ones if there were more than
// `most_slices`. Empty for no nodes.
SliceBegins CutEvenly(std::span<const std::uint64_t> node_ns, std::uint64_t slice_ns, std::size_t most_slices);

class SlicePlan {
 public:
  // Seen so many times, a duration is good enough to cut by.
  static constexpr std::uint32_t kSeenOften = 2;
  // Cuts are not worth their while unless a slice is longer than it should be by this.
  static constexpr double kTolerance = 1.5;
  static constexpr int kMostCuts = 5;
  // Of a graph that is changed between any two launches, each build is launched once, and cutting it would be for nothing.
  static constexpr int kFirstLaunchThatAsks = 3;
  static constexpr std::size_t kMostSlices = 1000;

  // `shapes`: what the durations of the nodes and of the whole are learned by.
  SlicePlan(std::uint64_t whole_shape, std::vector<std::uint64_t> shapes)
      : whole_shape_(whole_shape), shapes_(std::move(shapes)) {}

  // The next launch is about to be announced, in slices that begin at `begins` and have `slice_shapes` (both empty: as
  // a whole). Where the graph should be cut instead; nothing if it is well as it is, or for too little is known.
  std::optional<SliceBegins> Next(const SliceBegins& begins, std::span<const std::uint64_t> slice_shapes,
                                  const KernelDurations& durations, std::uint64_t slice_ns);

 private:
  void Scale(std::size_t begin, std::size_t end, std::uint64_t measured_ns, std::vector<std::uint64_t>& node_ns) const;

  std::uint64_t whole_shape_;
  std::vector<std::uint64_t> shapes_;
  int launches_ = 0;  // until they are enough
  int cuts_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLICE_PLAN_H_
