#include "scheduler_daemon/executor/slice_plan.h"

#include <algorithm>
#include <numeric>

namespace paella::scheduler_daemon {
namespace {

// What a node counts for at least: one whose duration is not known, or was seen as part of others.
constexpr std::uint64_t kShortestNs = 1'000;

std::uint64_t SumOf(std::span<const std::uint64_t> values) {
  return std::accumulate(values.begin(), values.end(), std::uint64_t{0});
}

// Slices are measured beside other tenants' work, which makes them longer than they are: together they are the whole.
void ScaleDown(std::vector<std::uint64_t>& slice_ns, std::uint64_t whole_ns) {
  const double factor = static_cast<double>(whole_ns) / static_cast<double>(std::max<std::uint64_t>(1, SumOf(slice_ns)));
  if (factor >= 1) return;
  for (std::uint64_t& slice : slice_ns) slice = static_cast<std::uint64_t>(static_cast<double>(slice) * factor);
}

}  // namespace

SliceBegins CutEvenly(std::span<const std::uint64_t> node_ns, std::uint64_t slice_ns, std::size_t most_slices) {
  SliceBegins begins;
  if (node_ns.empty()) return begins;
  // Two slices that follow each other are longer than one bound together, so there are fewer than this many.
  const std::uint64_t bound_ns = std::max(slice_ns, 2 * SumOf(node_ns) / std::max<std::size_t>(1, most_slices));
  std::uint64_t here_ns = 0;
  for (std::uint32_t node = 0; node < node_ns.size(); ++node) {
    if (begins.empty() || here_ns + node_ns[node] > bound_ns) {
      if (begins.size() == most_slices) break;
      begins.push_back(node);
      here_ns = 0;
    }
    here_ns += node_ns[node];
  }
  return begins;
}

std::optional<SliceBegins> SlicePlan::Next(const SliceBegins& begins, std::span<const std::uint64_t> slice_shapes,
                                           const KernelDurations& durations, std::uint64_t slice_ns) {
  if (shapes_.size() < 2 || cuts_ == kMostCuts) return std::nullopt;
  if (launches_ < kFirstLaunchThatAsks && ++launches_ < kFirstLaunchThatAsks) return std::nullopt;
  const bool is_whole = begins.empty();
  const std::size_t count = is_whole ? 1 : begins.size();
  const auto begin_of = [&](std::size_t slice) -> std::size_t {
    if (is_whole) return slice == 0 ? 0 : shapes_.size();
    return slice == begins.size() ? shapes_.size() : begins[slice];
  };

  const Prediction whole = durations.Predict(whole_shape_);
  if (whole.observations < kSeenOften) return std::nullopt;
  std::vector<std::uint64_t> slice_measured_ns(count, whole.duration_ns);
  for (std::size_t slice = 0; !is_whole && slice < count; ++slice) {
    const Prediction measured = durations.Predict(slice_shapes[slice]);
    if (measured.observations < kSeenOften) return std::nullopt;
    slice_measured_ns[slice] = measured.duration_ns;
  }
  ScaleDown(slice_measured_ns, whole.duration_ns);
  bool is_too_long = false;
  for (std::size_t slice = 0; slice < count; ++slice) {
    const bool has_several = begin_of(slice + 1) - begin_of(slice) > 1;
    is_too_long |= has_several && static_cast<double>(slice_measured_ns[slice]) > kTolerance * static_cast<double>(slice_ns);
  }
  if (!is_too_long) return std::nullopt;

  std::vector<std::uint64_t> node_ns(shapes_.size());
  for (std::size_t node = 0; node < shapes_.size(); ++node) {
    const Prediction known = durations.Predict(shapes_[node]);
    node_ns[node] = known.observations == 0 ? 0 : std::max(kShortestNs, known.duration_ns);
  }
  for (std::size_t slice = 0; slice < count; ++slice) {
    Scale(begin_of(slice), begin_of(slice + 1), slice_measured_ns[slice], node_ns);
  }
  ++cuts_;
  SliceBegins next = CutEvenly(node_ns, slice_ns, kMostSlices);
  if (next == begins || next.size() < 2) return std::nullopt;
  return next;
}

// What the nodes of a slice took alone need not add up to what it took. Those that nobody saw share what the others leave.
void SlicePlan::Scale(std::size_t begin, std::size_t end, std::uint64_t measured_ns,
                      std::vector<std::uint64_t>& node_ns) const {
  const std::span<std::uint64_t> nodes = std::span(node_ns).subspan(begin, end - begin);
  const std::uint64_t known_ns = SumOf(nodes);
  const auto unknown = static_cast<std::uint64_t>(std::ranges::count(nodes, 0u));
  if (unknown != 0) {
    const std::uint64_t left_ns = measured_ns > known_ns ? (measured_ns - known_ns) / unknown : 0;
    std::ranges::replace(nodes, std::uint64_t{0}, std::max(kShortestNs, left_ns));
  }
  const double factor = static_cast<double>(measured_ns) / static_cast<double>(SumOf(nodes));
  for (std::uint64_t& node : nodes) node = static_cast<std::uint64_t>(static_cast<double>(node) * factor);
}

}  // namespace paella::scheduler_daemon
