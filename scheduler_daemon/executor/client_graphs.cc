#include "scheduler_daemon/executor/client_graphs.h"

#include <algorithm>
#include <thread>
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
  if (!bytes || bytes->size() > kMaxDescriptionBytes) return CUDA_ERROR_INVALID_VALUE;
  auto nodes = DecodeGraphNodes(*bytes, kMaxNodesOfOne);
  if (!nodes) return CUDA_ERROR_INVALID_VALUE;
  auto graph = std::make_shared<Graph>();
  graph->nodes = std::move(*nodes);
  TakeStock(*graph);
  for (std::uint32_t i = 0; i < graph->nodes.size(); ++i) {
    const NodeWork& work = graph->nodes[i].work;
    if (const CUresult result = CheckWork(work, objects_); result != CUDA_SUCCESS) return result;
    if (NamesMemory(work)) graph->transfers.push_back(i);
  }
  if (HasMostGraphs() || !TakeRoom(graph->nodes.size())) return CUDA_ERROR_OUT_OF_MEMORY;
  const CUresult result = GraphBuild::Make(driver_, graph->nodes, objects_, graph->build);
  if (result != CUDA_SUCCESS) {
    GiveRoom(graph->nodes.size());
    return result;
  }
  const std::lock_guard lock(mutex_);
  reply.graph = next_number_++;
  reply.prints = graph->build->prints() ? 1 : 0;
  graphs_.emplace(reply.graph, std::move(graph));
  return CUDA_SUCCESS;
}

CUresult ClientGraphs::Handle(const ipc::GraphUpdate& call, ipc::GraphUpdateReply& reply) {
  DestroyRetired();
  const auto bytes = objects_.TakeUpload(call.upload);
  if (!bytes || bytes->size() > kMaxDescriptionBytes) return CUDA_ERROR_INVALID_VALUE;
  const auto changes = DecodeGraphChanges(*bytes, kMaxNodesOfOne);
  if (!changes) return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Graph> graph;
  bool launch_waits = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = graphs_.find(call.graph);
    if (found == graphs_.end()) return CUDA_ERROR_INVALID_HANDLE;
    graph = found->second;
    launch_waits = graph->build.use_count() != 1;  // the table's reference is the only one, unless a launch waits
    graph->is_changing = true;
  }
  CUresult result = CheckChanges(*graph, *changes);
  if (result == CUDA_SUCCESS) result = Update(call.graph, *graph, *changes, launch_waits);
  const std::lock_guard lock(mutex_);
  graph->is_changing = false;
  reply.prints = graph->build != nullptr && graph->build->prints() ? 1 : 0;
  return result;
}

CUresult ClientGraphs::CheckChanges(const Graph& graph, const std::vector<NodeChange>& changes) const {
  for (const NodeChange& change : changes) {
    if (change.node >= graph.nodes.size()) return CUDA_ERROR_INVALID_VALUE;
    if (const CUresult result = CheckWork(change.work, objects_); result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

// Nodes and build go together: what a launch checks is what it does.
CUresult ClientGraphs::Update(std::uint64_t number, Graph& graph, const std::vector<NodeChange>& changes,
                              bool launch_waits) {
  if (launch_waits) return Rebuild(number, graph, changes);
  const bool is_changed = std::ranges::all_of(changes, [&](const NodeChange& change) {
    return graph.build->Change(change.node, graph.nodes[change.node].work, change.work, objects_);
  });
  if (is_changed) {
    ChangeSlices(number, graph, changes);
    Adopt(graph, changes);
    return CUDA_SUCCESS;
  }
  const CUresult result = Rebuild(number, graph, changes);
  if (result == CUDA_SUCCESS) return result;
  const std::lock_guard lock(mutex_);
  RetireBuild(std::exchange(graph.build, nullptr));  // it may be changed in part
  return result;
}

// Those that cannot be changed in place go, and are made again when they are missed.
void ClientGraphs::ChangeSlices(std::uint64_t number, Graph& graph, const std::vector<NodeChange>& changes) {
  const auto slices = graph.build->slices();
  if (slices == nullptr) return;
  const bool is_changed = std::ranges::all_of(changes, [&](const NodeChange& change) {
    return slices->Change(change.node, graph.nodes[change.node].work, change.work, objects_);
  });
  if (is_changed) return;
  const std::lock_guard lock(mutex_);
  const auto before = graph.build->SetSlices(nullptr);
  if (graphs_.contains(number)) RetireSlices(before);  // else they went with their build
}

CUresult ClientGraphs::Rebuild(std::uint64_t number, Graph& graph, const std::vector<NodeChange>& changes) {
  std::vector<GraphNode> nodes = graph.nodes;
  for (const NodeChange& change : changes) nodes[change.node].work = change.work;
  if (!WaitForRoom(nodes.size())) return CUDA_ERROR_OUT_OF_MEMORY;
  std::shared_ptr<GraphBuild> build;
  if (const CUresult result = GraphBuild::Make(driver_, nodes, objects_, build); result != CUDA_SUCCESS) {
    GiveRoom(nodes.size());
    return result;
  }
  Adopt(graph, changes);
  const std::lock_guard lock(mutex_);
  if (!graphs_.contains(number)) {  // destroyed meanwhile, and its build retired
    RetireBuild(std::move(build));
    return CUDA_SUCCESS;
  }
  RetireBuild(std::exchange(graph.build, std::move(build)));
  return CUDA_SUCCESS;
}

void ClientGraphs::Adopt(Graph& graph, const std::vector<NodeChange>& changes) {
  const std::lock_guard lock(mutex_);
  for (const NodeChange& change : changes) graph.nodes[change.node].work = change.work;
  graph.transfers.clear();
  for (std::uint32_t i = 0; i < graph.nodes.size(); ++i) {
    if (NamesMemory(graph.nodes[i].work)) graph.transfers.push_back(i);
  }
}

bool ClientGraphs::HasMostGraphs() {
  const std::lock_guard lock(mutex_);
  return graphs_.size() == kMaxGraphs;
}

bool ClientGraphs::TakeRoom(std::size_t nodes, std::size_t most) {
  const std::lock_guard lock(mutex_);
  if (node_count_ > most || nodes > most - node_count_) return false;
  node_count_ += nodes;
  return true;
}

// A program that updates and launches in turn runs ahead of the GPU, and each waiting launch keeps a build.
bool ClientGraphs::WaitForRoom(std::size_t nodes) {
  constexpr std::chrono::milliseconds kBetweenLooks{1};
  const auto give_up = std::chrono::steady_clock::now() + kRoomTimeout;
  while (!TakeRoom(nodes)) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(kBetweenLooks);
    DestroyRetired();
  }
  return true;
}

void ClientGraphs::GiveRoom(std::size_t nodes) {
  const std::lock_guard lock(mutex_);
  node_count_ -= nodes;
}

void ClientGraphs::RetireBuild(std::shared_ptr<GraphBuild> build) {
  if (build == nullptr) return;
  RetireSlices(build->slices());
  retired_.push_back(std::move(build));
}

void ClientGraphs::RetireSlices(const std::shared_ptr<const GraphSlices>& slices) {
  if (slices != nullptr) retired_.insert(retired_.end(), slices->pieces().begin(), slices->pieces().end());
}

void ClientGraphs::Slice(std::uint64_t number, const std::weak_ptr<GraphBuild>& build, SliceBegins begins) {
  std::shared_ptr<Graph> graph;
  {
    const std::lock_guard lock(mutex_);
    const auto found = graphs_.find(number);
    if (found == graphs_.end() || found->second->build == nullptr || found->second->build != build.lock()) return;
    graph = found->second;
  }
  DestroyRetired();
  if (!TakeRoom(graph->nodes.size(), kMaxNodes / 2)) return;  // the rest is for what programs ask for
  const auto slices = GraphSlices::Make(driver_, graph->nodes, objects_, std::move(begins));
  if (slices == nullptr) return GiveRoom(graph->nodes.size());
  const std::lock_guard lock(mutex_);
  // Destroyed meanwhile, and its build retired: the slices as well, as they are nobody's.
  RetireSlices(graphs_.contains(number) ? graph->build->SetSlices(slices) : slices);
}

// Attributes of a kernel were looked at when the graph was made; now it has only to be there.
bool ClientGraphs::NamesOnlyWhatIsThere(Graph& graph) const {
  const std::uint64_t ranges_lost = objects_.ranges_lost();
  const std::uint64_t kernels_lost = objects_.kernels_lost();
  if (graph.ranges_lost_then != ranges_lost) {
    graph.is_stale |= !std::ranges::all_of(
        graph.transfers, [&](std::uint32_t i) { return CheckWork(graph.nodes[i].work, objects_) == CUDA_SUCCESS; });
  }
  if (graph.kernels_lost_then != kernels_lost) {
    graph.is_stale |= !std::ranges::all_of(graph.nodes, [&](const GraphNode& node) {
      const auto* const launch = std::get_if<ipc::LaunchKernel>(&node.work);
      return launch == nullptr || objects_.FindKernel(launch->kernel).has_value();
    });
  }
  graph.ranges_lost_then = ranges_lost;
  graph.kernels_lost_then = kernels_lost;
  return !graph.is_stale;
}

std::shared_ptr<GraphBuild> ClientGraphs::Find(std::uint64_t number, CUresult& result) {
  const std::lock_guard lock(mutex_);
  const auto found = graphs_.find(number);
  if (found == graphs_.end() || found->second->is_changing) {
    result = CUDA_ERROR_INVALID_HANDLE;
    return nullptr;
  }
  if (found->second->build == nullptr || !NamesOnlyWhatIsThere(*found->second)) {
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
  RetireBuild(found->second->build);
  graphs_.erase(found);
  return true;
}

void ClientGraphs::DestroyRetired() {
  // The pieces of a build's slices are free when the build is gone, and no sooner.
  for (std::vector<std::shared_ptr<GraphBuild>> free; TakeFree(free); free.clear()) {
  }
}

bool ClientGraphs::TakeFree(std::vector<std::shared_ptr<GraphBuild>>& free) {
  const std::lock_guard lock(mutex_);
  for (auto& build : retired_) {
    if (build.use_count() != 1) continue;
    node_count_ -= build->node_count();
    free.push_back(std::move(build));
  }
  std::erase(retired_, nullptr);
  return !free.empty();
}

void ClientGraphs::Clear() {
  graphs_.clear();
  retired_.clear();
}

}  // namespace paella::scheduler_daemon
