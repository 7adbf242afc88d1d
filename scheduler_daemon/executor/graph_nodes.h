// A graph as a client describes it: its nodes in an order in which each comes after those that it depends on, and what
// each does, in the form of the record that does the same in a stream.
//
// Decoded from bytes that the client uploaded, which may be anything. On the client's worker; plain values.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_GRAPH_NODES_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_GRAPH_NODES_H_

#include <cuda.h>

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "messages.h"

namespace paella::scheduler_daemon {

class ClientObjects;

// std::monostate: the node holds a place in the order and does nothing.
using NodeWork = std::variant<std::monostate, ipc::LaunchKernel, ipc::Copy, ipc::CopyStrided, ipc::Memset>;

struct GraphNode {
  NodeWork work;
  std::vector<std::uint32_t> dependencies;  // numbers of earlier nodes
};

struct NodeChange {
  std::uint32_t node;
  NodeWork work;
};

// Most edges of one graph.
inline constexpr std::size_t kMaxGraphEdges = 1 << 20;

// Nothing if the bytes are not that, or of more nodes. Says nothing of kernels and memory.
std::optional<std::vector<GraphNode>> DecodeGraphNodes(std::span<const std::byte> bytes, std::size_t most_nodes);
std::optional<std::vector<NodeChange>> DecodeGraphChanges(std::span<const std::byte> bytes, std::size_t most_nodes);

// Whether what the work names is the client's, now.
CUresult CheckWork(const NodeWork& work, const ClientObjects& objects);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_GRAPH_NODES_H_
