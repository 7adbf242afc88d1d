#include "scheduler_daemon/executor/graph_slices.h"

#include <algorithm>

namespace paella::scheduler_daemon {
namespace {

// Nodes [begin, end) as a graph of their own: what they depend on before `begin` is done when it begins.
std::vector<GraphNode> CutOut(const std::vector<GraphNode>& nodes, std::uint32_t begin, std::uint32_t end) {
  std::vector<GraphNode> piece(nodes.begin() + begin, nodes.begin() + end);
  for (GraphNode& node : piece) {
    std::erase_if(node.dependencies, [begin](std::uint32_t dependency) { return dependency < begin; });
    for (std::uint32_t& dependency : node.dependencies) dependency -= begin;
  }
  return piece;
}

}  // namespace

std::shared_ptr<const GraphSlices> GraphSlices::Make(const Driver& driver, const std::vector<GraphNode>& nodes,
                                                     const ClientObjects& objects, SliceBegins begins) {
  const std::shared_ptr<GraphSlices> made(new GraphSlices(std::move(begins)));
  for (std::size_t slice = 0; slice < made->begins_.size(); ++slice) {
    const bool is_last = slice + 1 == made->begins_.size();
    const auto end = is_last ? static_cast<std::uint32_t>(nodes.size()) : made->begins_[slice + 1];
    std::shared_ptr<GraphBuild> piece;
    const auto piece_nodes = CutOut(nodes, made->begins_[slice], end);
    if (GraphBuild::Make(driver, piece_nodes, objects, piece) != CUDA_SUCCESS) return nullptr;
    made->shapes_.push_back(piece->work().shape);
    made->pieces_.push_back(std::move(piece));
  }
  return made;
}

bool GraphSlices::Change(std::uint32_t node, const NodeWork& before, const NodeWork& after,
                         const ClientObjects& objects) const {
  const auto slice = static_cast<std::size_t>(std::ranges::upper_bound(begins_, node) - begins_.begin()) - 1;
  return pieces_[slice]->Change(node - begins_[slice], before, after, objects);
}

}  // namespace paella::scheduler_daemon
