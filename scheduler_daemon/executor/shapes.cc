#include "scheduler_daemon/executor/shapes.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
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

using Cluster = std::array<std::uint32_t, 3>;

template <typename Visitor>
void ForEachAttribute(const ipc::LaunchKernel& launch, Visitor visit) {
  CUlaunchAttribute attribute;
  for (std::size_t at = 0; at + sizeof attribute <= launch.attributes.size(); at += sizeof attribute) {
    std::memcpy(&attribute, launch.attributes.data() + at, sizeof attribute);
    visit(attribute);
  }
}

// As the launch asks for it, else as the kernel was compiled for; one block without clusters.
Cluster ClusterOf(const ipc::LaunchKernel& launch, const Module::Kernel& kernel) {
  Cluster cluster{1, 1, 1};
  constexpr std::array kRequired{CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT,
                                 CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH};
  for (std::size_t i = 0; i < cluster.size() && kRequired[i] < kernel.attributes.size(); ++i) {
    cluster[i] = static_cast<std::uint32_t>(std::max(1, kernel.attributes[kRequired[i]]));
  }
  ForEachAttribute(launch, [&](const CUlaunchAttribute& attribute) {
    const auto& asked = attribute.value.clusterDim;
    if (attribute.id != CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) return;
    cluster = {std::max(1u, asked.x), std::max(1u, asked.y), std::max(1u, asked.z)};
  });
  return cluster;
}

double BlocksOf(const Cluster& cluster) { return static_cast<double>(cluster[0]) * cluster[1] * cluster[2]; }

// Of the clusters that fit on the GPU at once.
double ShareOfClusters(double blocks, double share_of_block, double blocks_of_cluster, double multiprocessors) {
  constexpr double kOfGpc = 16;
  constexpr double kMostBlocksOfOne = 32;
  constexpr double kRounding = 1e-6;
  const double of_gpc = std::min(kOfGpc, multiprocessors);
  const double blocks_of_one =
      std::clamp(std::floor(1 / (share_of_block * multiprocessors) + kRounding), 1.0, kMostBlocksOfOne);
  const double clusters_of_gpc = std::max(1.0, std::floor(of_gpc * blocks_of_one / blocks_of_cluster));
  return std::ceil(blocks / blocks_of_cluster) / (clusters_of_gpc * std::floor(multiprocessors / of_gpc));
}

double ShareOfLaunch(const ipc::LaunchKernel& launch, const Module::Kernel& kernel, const Cluster& cluster) {
  const double blocks = static_cast<double>(launch.grid_x) * launch.grid_y * launch.grid_z;
  const double threads = static_cast<double>(launch.block_x) * launch.block_y * launch.block_z;
  const double shared_bytes = static_cast<double>(launch.shared_bytes) +
                              std::max(0, kernel.attributes[CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES]);
  const double share_of_block = std::max(threads * kernel.share_of_thread, shared_bytes * kernel.share_of_shared_byte);
  const double blocks_of_cluster = BlocksOf(cluster);
  const double share = blocks * share_of_block;
  if (blocks_of_cluster == 1) return std::min(1.0, share);
  return std::min(1.0, std::max(share, ShareOfClusters(blocks, share_of_block, blocks_of_cluster, kernel.multiprocessors)));
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
  const Cluster cluster = ClusterOf(launch, kernel);
  const KernelShape shape{.function = kernel.identity,
                          .grid = {launch.grid_x, launch.grid_y, launch.grid_z},
                          .block = {launch.block_x, launch.block_y, launch.block_z},
                          .shared_bytes = launch.shared_bytes,
                          .cluster = cluster};
  return {.shape = shape.Hash(), .share = ShareOfLaunch(launch, kernel, cluster)};
}

bool NeedsAllSms(const ipc::LaunchKernel& launch, const Module::Kernel& kernel) {
  constexpr double kPortableCluster = 8;
  bool needs = BlocksOf(ClusterOf(launch, kernel)) > kPortableCluster;
  ForEachAttribute(launch, [&](const CUlaunchAttribute& attribute) {
    needs |= attribute.id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE && attribute.value.cooperative != 0;
  });
  return needs;
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
