#include "scheduler_daemon/executor/graph_nodes.h"

#include <algorithm>
#include <set>

#include "scheduler_daemon/executor/client_objects.h"
#include "scheduler_daemon/executor/launch.h"
#include "scheduler_daemon/executor/transfers.h"

namespace paella::scheduler_daemon {
namespace {

template <typename Message>
bool DecodeAs(std::span<const std::byte> bytes, NodeWork& work) {
  return work.emplace<Message>().Decode(bytes);
}

bool DecodeWork(std::uint32_t kind, std::span<const std::byte> bytes, NodeWork& work) {
  if (kind == 0) return bytes.empty();
  switch (static_cast<ipc::MessageKind>(kind)) {
    case ipc::MessageKind::kLaunchKernel: return DecodeAs<ipc::LaunchKernel>(bytes, work);
    case ipc::MessageKind::kCopy: return DecodeAs<ipc::Copy>(bytes, work);
    case ipc::MessageKind::kCopyStrided: return DecodeAs<ipc::CopyStrided>(bytes, work);
    case ipc::MessageKind::kMemset: return DecodeAs<ipc::Memset>(bytes, work);
    default: return false;
  }
}

CUresult CheckNamed(std::monostate, const ClientObjects&) { return CUDA_SUCCESS; }

CUresult CheckNamed(const ipc::LaunchKernel& launch, const ClientObjects& objects) {
  const auto kernel = objects.FindKernel(launch.kernel);
  if (!kernel) return CUDA_ERROR_INVALID_HANDLE;
  // The driver would say so itself of the shared memory, had no other client asked for more.
  const bool is_good = CheckLaunch(launch, *kernel) && launch.shared_bytes <= kernel->most_dynamic_shared_bytes;
  return is_good ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult CheckNamed(const ipc::Memset& memset, const ClientObjects& objects) {
  const bool has_elements = memset.element_bytes == 1 || memset.element_bytes == 2 || memset.element_bytes == 4;
  const bool is_good = has_elements && CheckTransfer(memset, objects) == TransferVerdict::kGood;
  return is_good ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

template <typename Transfer>
CUresult CheckNamed(const Transfer& transfer, const ClientObjects& objects) {
  return CheckTransfer(transfer, objects) == TransferVerdict::kGood ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

std::optional<std::vector<GraphNode>> DecodeGraphNodes(std::span<const std::byte> bytes, std::size_t most_nodes) {
  ipc::GraphNodes message;
  if (!message.Decode(bytes)) return std::nullopt;
  const std::size_t count = message.kinds.size();
  if (count > most_nodes || message.dependencies.size() > kMaxGraphEdges) return std::nullopt;
  if (message.work.size() != count || message.dependency_counts.size() != count) return std::nullopt;
  std::vector<GraphNode> nodes(count);
  auto next = message.dependencies.cbegin();
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!DecodeWork(message.kinds[i], message.work[i], nodes[i].work)) return std::nullopt;
    const std::uint32_t here = message.dependency_counts[i];
    if (here > message.dependencies.cend() - next) return std::nullopt;
    nodes[i].dependencies.assign(next, next + here);
    next += here;
    // The driver refuses one that is named twice; and only earlier nodes, so that there is no circle.
    const std::set<std::uint32_t> distinct(nodes[i].dependencies.begin(), nodes[i].dependencies.end());
    if (distinct.size() != here || (here != 0 && *distinct.rbegin() >= i)) return std::nullopt;
  }
  if (next != message.dependencies.cend()) return std::nullopt;
  return nodes;
}

std::optional<std::vector<NodeChange>> DecodeGraphChanges(std::span<const std::byte> bytes,
                                                          std::size_t most_nodes) {
  ipc::GraphChanges message;
  if (!message.Decode(bytes)) return std::nullopt;
  const std::size_t count = message.nodes.size();
  if (count > most_nodes) return std::nullopt;
  if (message.work.size() != count || message.kinds.size() != count) return std::nullopt;
  std::vector<NodeChange> changes(count);
  for (std::size_t i = 0; i < count; ++i) {
    changes[i].node = message.nodes[i];
    if (!DecodeWork(message.kinds[i], message.work[i], changes[i].work)) return std::nullopt;
  }
  return changes;
}

CUresult CheckWork(const NodeWork& work, const ClientObjects& objects) {
  return std::visit([&](const auto& kind) { return CheckNamed(kind, objects); }, work);
}

}  // namespace paella::scheduler_daemon
