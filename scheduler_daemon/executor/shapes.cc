#include "scheduler_daemon/executor/shapes.h"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <variant>

#include "scheduler_daemon/executor/client_objects.h"
#include "scheduler_daemon/knowledge/kernel_durations.h"

namespace paella::scheduler_daemon {
namespace {

// Sizes within a quarter of an octave are one class.
std::uint64_t SizeClass(std::uint64_t size_bytes) {
  if (size_bytes < 4) return size_bytes;
  const int octave = std::bit_width(size_bytes) - 1;
  return static_cast<std::uint64_t>(octave) * 4 + ((size_bytes >> (octave - 2)) & 3);
}

double ShareOfLaunch(const ipc::LaunchKernel& launch, const Module::Kernel& kernel) {
  const double blocks = static_cast<double>(launch.grid_x) * launch.grid_y * launch.grid_z;
  const double threads = static_cast<double>(launch.block_x) * launch.block_y * launch.block_z;
  const double shared_bytes = static_cast<double>(launch.shared_bytes) +
                              std::max(0, kernel.attributes[CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES]);
  return std::min(1.0, blocks * std::max(threads * kernel.share_of_thread, shared_bytes * kernel.share_of_shared_byte));
}

struct WorkOfNode {
  const ClientObjects& objects;

  Work operator()(std::monostate) const { return {}; }
  Work operator()(const ipc::LaunchKernel& launch) const {
    const auto kernel = objects.FindKernel(launch.kernel);
    return kernel ? WorkOfLaunch(launch, *kernel->in_module) : Work();
  }
  template <typename Transfer>
  Work operator()(const Transfer& transfer) const {
    return {.shape = ShapeOfTransfer(Transfer::kKind, SizeOf(transfer))};
  }
};

}  // namespace

std::uint64_t HashOfText(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

Work WorkOfLaunch(const ipc::LaunchKernel& launch, const Module::Kernel& kernel) {
  const KernelShape shape{.function = kernel.identity,
                          .grid = {launch.grid_x, launch.grid_y, launch.grid_z},
                          .block = {launch.block_x, launch.block_y, launch.block_z},
                          .shared_bytes = launch.shared_bytes};
  return {.shape = shape.Hash(), .share = ShareOfLaunch(launch, kernel)};
}

std::uint64_t ShapeOfTransfer(ipc::MessageKind kind, std::uint64_t size_bytes) {
  return ExtendHash(static_cast<std::uint64_t>(kind), SizeClass(size_bytes));
}

Work WorkOfGraph(const std::vector<GraphNode>& nodes, const ClientObjects& objects,
                 std::vector<std::uint64_t>& shapes) {
  Work graph{.shape = nodes.size(), .units = static_cast<std::uint32_t>(std::max<std::size_t>(1, nodes.size()))};
  double shares = 0;
  std::size_t kernels = 0;
  for (const GraphNode& node : nodes) {
    const Work work = std::visit(WorkOfNode{objects}, node.work);
    graph.shape = ExtendHash(graph.shape, work.shape);
    shapes.push_back(work.shape);
    if (!std::holds_alternative<ipc::LaunchKernel>(node.work)) continue;
    shares += work.share;
    ++kernels;
  }
  if (kernels != 0) graph.share = shares / static_cast<double>(kernels);
  return graph;
}

}  // namespace paella::scheduler_daemon
