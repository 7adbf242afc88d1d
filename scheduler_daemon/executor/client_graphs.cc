#include "scheduler_daemon/executor/client_graphs.h"

#include <algorithm>
#include <utility>

#include "scheduler_daemon/executor/client_objects.h"

namespace paella::scheduler_daemon {
namespace {

bool NamesMemory(const NodeWork& work) {
  return !std::holds_alternative<std::monostate>(work) && !std::holds_alternative<ipc::LaunchKernel>(work);
}

}  // namespace

// Before the nodes are checked: what is lost meanwhile is found at the first launch.
void ClientGraphs::TakeStock(Graph& graph) const {
  graph.ranges_lost_then = objects_.ranges_lost();
  graph.kernels_lost_then = objects_.kernels_lost();
}

CUresult ClientGraphs::Handle(const ipc::GraphInstantiate& call, ipc::GraphInstantiateReply& reply) {
  DestroyRetired();
  const auto bytes = objects_.TakeUpload(call.upload);
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  auto nodes = DecodeGraphNodes(*bytes);
  if (!nodes) return CUDA_ERROR_INVALID_VALUE;
  {
    const std::lock_guard lock(mutex_);
    if (nodes->size() > kMaxNodes - node_count_ || graphs_.size() == kMaxGraphs) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  auto graph = std::make_shared<Graph>();
  graph->nodes = std::move(*nodes);
  TakeStock(*graph);
  for (std::uint32_t i = 0; i < graph->nodes.size(); ++i) {
    const NodeWork& work = graph->nodes[i].work;
    if (const CUresult result = CheckWork(work, objects_); result != CUDA_SUCCESS) return result;
    if (NamesMemory(work)) graph->transfers.push_back(i);
  }
  const CUresult result = GraphBuild::Make(driver_, graph->nodes, objects_, graph->build);
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  node_count_ += graph->nodes.size();
  reply.graph = next_number_++;
  reply.prints = graph->build->prints() ? 1 : 0;
  graphs_.emplace(reply.graph, std::move(graph));
  return CUDA_SUCCESS;
}

CUresult ClientGraphs::Handle(const ipc::GraphUpdate& call, ipc::GraphUpdateReply& reply) {
  DestroyRetired();
  const auto bytes = objects_.TakeUpload(call.upload);
  if (!bytes) return CUDA_ERROR_INVALID_VALUE;
  const auto changes = DecodeGraphChanges(*bytes);
  if (!changes) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Graph> graph;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = graphs_.find(call.graph); found != graphs_.end()) graph = found->second;
  }
  if (graph == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  for (const NodeChange& change : *changes) {
    if (change.node >= graph->nodes.size()) return CUDA_ERROR_INVALID_VALUE;
    if (const CUresult result = CheckWork(change.work, objects_); result != CUDA_SUCCESS) return result;
  }
  // The table's reference is the only one, unless a launch waits.
  const bool waits = graph->build.use_count() != 1;
  const bool in_place = !waits && ChangeInPlace(*graph->build, graph->nodes, *changes, objects_);
  {
    const std::lock_guard lock(mutex_);
    for (const NodeChange& change : *changes) graph->nodes[change.node].work = change.work;
    graph->transfers.clear();
    for (std::uint32_t i = 0; i < graph->nodes.size(); ++i) {
      if (NamesMemory(graph->nodes[i].work)) graph->transfers.push_back(i);
    }
  }
  if (!in_place) {
    if (const CUresult result = Rebuild(call.graph, *graph); result != CUDA_SUCCESS) return result;
  }
  const std::lock_guard lock(mutex_);
  reply.prints = graph->build != nullptr && graph->build->prints() ? 1 : 0;
  return CUDA_SUCCESS;
}

bool ClientGraphs::ChangeInPlace(GraphBuild& build, const std::vector<GraphNode>& nodes,
                                 const std::vector<NodeChange>& changes, const ClientObjects& objects) {
  return std::ranges::all_of(changes, [&](const NodeChange& change) {
    return build.Change(change.node, nodes[change.node].work, change.work, objects);
  });
}

CUresult ClientGraphs::Rebuild(std::uint64_t number, Graph& graph) {
  std::shared_ptr<GraphBuild> build;
  const CUresult result = GraphBuild::Make(driver_, graph.nodes, objects_, build);
  if (result != CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  if (!graphs_.contains(number)) std::swap(build, graph.build);  // destroyed meanwhile: both go
  retired_.push_back(std::exchange(graph.build, std::move(build)));
  return CUDA_SUCCESS;
}

bool ClientGraphs::NamesOnlyWhatIsThere(Graph& graph) const {
  const bool ranges_lost = graph.ranges_lost_then != objects_.ranges_lost();
  const bool kernels_lost = graph.kernels_lost_then != objects_.kernels_lost();
  if (!ranges_lost && !kernels_lost) return true;
  const Graph before{{}, {}, nullptr, objects_.ranges_lost(), objects_.kernels_lost()};
  const auto is_there = [&](const GraphNode& node) { return CheckWork(node.work, objects_) == CUDA_SUCCESS; };
  const bool all_there =
      kernels_lost ? std::ranges::all_of(graph.nodes, is_there)
                   : std::ranges::all_of(graph.transfers, [&](std::uint32_t i) { return is_there(graph.nodes[i]); });
  if (!all_there) return false;
  graph.ranges_lost_then = before.ranges_lost_then;
  graph.kernels_lost_then = before.kernels_lost_then;
  return true;
}

std::shared_ptr<const GraphBuild> ClientGraphs::Find(std::uint64_t number, CUresult& result) {
  const std::lock_guard lock(mutex_);
  const auto found = graphs_.find(number);
  if (found == graphs_.end()) {
    result = CUDA_ERROR_INVALID_HANDLE;
    return nullptr;
  }
  if (!NamesOnlyWhatIsThere(*found->second)) {
    result = CUDA_ERROR_ILLEGAL_ADDRESS;
    return nullptr;
  }
  result = CUDA_SUCCESS;
  return found->second->build;
}

bool ClientGraphs::Retire(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  const auto found = graphs_.find(number);
  if (found == graphs_.end()) return false;
  node_count_ -= found->second->nodes.size();
  retired_.push_back(found->second->build);
  graphs_.erase(found);
  return true;
}

void ClientGraphs::DestroyRetired() {
  std::vector<std::shared_ptr<GraphBuild>> free;
  {
    const std::lock_guard lock(mutex_);
    for (auto& build : retired_) {
      if (build.use_count() == 1) free.push_back(std::move(build));
    }
    std::erase(retired_, nullptr);
  }
}

void ClientGraphs::Clear() {
  graphs_.clear();
  retired_.clear();
}

}  // namespace paella::scheduler_daemon
