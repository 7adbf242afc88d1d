#include "shim/graph_plan.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "shim/copy_descriptions.h"
#include "shim/fills.h"
#include "shim/graphs.h"

namespace paella::shim {
namespace {

template <typename Message>
void EncodeRecord(const Message& message, std::uint32_t& kind, std::vector<std::byte>& bytes) {
  kind = static_cast<std::uint32_t>(Message::kKind);
  bytes.resize(message.EncodedSize());
  message.Encode(bytes);
}

CUresult EncodeKernel(Client& client, const KernelWork& work, std::uint32_t& kind, std::vector<std::byte>& bytes) {
  const Kernel* const kernel = client.libraries.FindKernel(work.function);
  if (kernel == nullptr || kernel->parameter_bytes != work.parameters.size()) return CUDA_ERROR_INVALID_HANDLE;
  const auto attributes = std::as_bytes(std::span(work.attributes));
  LaunchParameters parameters;
  parameters.block = work.parameters.data();
  bytes.resize(LaunchRecordBytes(*kernel, attributes.size()));
  EncodeLaunch(bytes, 0, 0, *kernel, work.shape, attributes, parameters);
  kind = static_cast<std::uint32_t>(ipc::MessageKind::kLaunchKernel);
  return CUDA_SUCCESS;
}

void EncodeCopy(const StridedCopy& box, std::uint32_t& kind, std::vector<std::byte>& bytes) {
  if (IsLinear(box)) {
    EncodeRecord(LinearRecord(box), kind, bytes);
  } else {
    EncodeRecord(StridedRecord(box), kind, bytes);
  }
}

// All graphs of a plan in one list. An item waits for earlier ones; it is the GPU's, or an action.
struct Item {
  const GraphNode* node = nullptr;  // null: one that the plan adds
  std::vector<std::uint32_t> dependencies;
  std::uint32_t kind = 0;
  std::vector<std::byte> bytes;
  std::optional<GraphAction> action;
  std::uint32_t stage = 0;
  std::uint32_t number = 0;  // in its stage's graph
};

class Planner {
 public:
  Planner(Client& client, GraphPlan& plan) : client_(client), plan_(plan) {}

  using Numbers = std::vector<std::uint32_t>;

  // Adds the graph's items behind `entry`; `ends` is what comes behind the graph's end.
  CUresult Add(const Graph& graph, const Numbers& entry, Numbers& ends);
  void MakeStages();
  const GraphNode* culprit() const { return culprit_; }

 private:
  CUresult AddNode(const GraphNode& node, const Numbers& after, Numbers& ends);
  CUresult AddCopy(const GraphNode& node, const StridedCopy& box, const Numbers& after, Numbers& ends);
  CUresult AddThroughBlock(const StridedCopy& box, bool to_gpu, const Numbers& after, Numbers& ends);
  Item& NewItem(const GraphNode* node, const Numbers& after, Numbers& ends);

  Client& client_;
  GraphPlan& plan_;
  std::vector<Item> items_;
  const GraphNode* culprit_ = nullptr;
};

void Unite(std::vector<std::uint32_t>& into, const std::vector<std::uint32_t>& more) {
  into.insert(into.end(), more.begin(), more.end());
}

void DropRepeated(std::vector<std::uint32_t>& numbers) {
  std::ranges::sort(numbers);
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

Item& Planner::NewItem(const GraphNode* node, const Numbers& after, Numbers& ends) {
  Item item;
  item.node = node;
  item.dependencies = after;
  for (const std::uint32_t before : after) {
    const Item& other = items_[before];
    item.stage = std::max(item.stage, other.stage + (other.action ? 1 : 0));
  }
  ends.assign(1, static_cast<std::uint32_t>(items_.size()));
  items_.push_back(std::move(item));
  return items_.back();
}

CUresult Planner::Add(const Graph& graph, const Numbers& entry, Numbers& ends) {
  std::unordered_map<const GraphNode*, Numbers> ends_of;
  ends.clear();
  for (const GraphNode* node : InTopologicalOrder(graph)) {
    Numbers after;
    for (const GraphEdge& edge : node->dependencies) Unite(after, ends_of.at(edge.from));
    if (node->dependencies.empty()) after = entry;
    DropRepeated(after);
    Numbers& its_ends = ends_of[node];
    if (const CUresult result = AddNode(*node, after, its_ends); result != CUDA_SUCCESS) {
      if (culprit_ == nullptr) culprit_ = node;
      return result;
    }
    if (node->dependents.empty()) Unite(ends, its_ends);
  }
  if (graph.nodes.empty()) ends = entry;
  DropRepeated(ends);
  return CUDA_SUCCESS;
}

CUresult Planner::AddNode(const GraphNode& node, const Numbers& after, Numbers& ends) {
  if (const auto* child = std::get_if<ChildWork>(&node.work)) return Add(*child->graph, after, ends);
  if (const auto* copy = std::get_if<CopyWork>(&node.work); copy != nullptr && node.enabled) {
    StridedCopy box;
    if (const CUresult result = ReadDescription(copy->description, box); result != CUDA_SUCCESS) return result;
    return AddCopy(node, box, after, ends);
  }
  const CUgraphNodeType type = TypeOf(node.work);
  if (type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || type == CU_GRAPH_NODE_TYPE_MEM_FREE) plan_.memory.push_back(&node);
  Item& item = NewItem(&node, after, ends);
  CUresult result = CUDA_SUCCESS;
  if (!EncodeForGpu(client_, node, item.kind, item.bytes, result)) item.action = GraphAction{&node};
  return result;
}

CUresult Planner::AddCopy(const GraphNode& node, const StridedCopy& box, const Numbers& after, Numbers& ends) {
  switch (RouteOf(client_, box)) {
    case Route::kInvalid: return CUDA_ERROR_INVALID_VALUE;
    case Route::kNothing: NewItem(&node, after, ends); return CUDA_SUCCESS;
    case Route::kGpu: {
      Item& item = NewItem(&node, after, ends);
      EncodeCopy(box, item.kind, item.bytes);
      return CUDA_SUCCESS;
    }
    case Route::kInHost:
      NewItem(nullptr, after, ends).action = GraphAction{nullptr, std::make_shared<HostMove>(HostMove{box})};
      return CUDA_SUCCESS;
    case Route::kFromPageable: return AddThroughBlock(box, true, after, ends);
    case Route::kToPageable: return AddThroughBlock(box, false, after, ends);
  }
  return CUDA_ERROR_UNKNOWN;
}

// The bytes lie row by row in a pinned block of their own.
CUresult Planner::AddThroughBlock(const StridedCopy& box, bool to_gpu, const Numbers& after, Numbers& ends) {
  PinnedBlock block;
  const std::uint64_t bytes = box.width_bytes * box.height_rows * box.depth_slices;
  if (const CUresult result = client_.pinned_blocks.Take(bytes, block); result != CUDA_SUCCESS) return result;
  plan_.blocks.push_back(block);
  StridedCopy into = box, out_of = box;
  into.corner.destination = out_of.corner.source = block.address;
  into.destination_pitch_bytes = out_of.source_pitch_bytes = box.width_bytes;
  into.destination_slice_bytes = out_of.source_slice_bytes = box.width_bytes * box.height_rows;
  Numbers between;
  Item& first = NewItem(nullptr, after, between);
  if (to_gpu) {
    first.action = GraphAction{nullptr, std::make_shared<HostMove>(HostMove{into})};
  } else {
    EncodeCopy(into, first.kind, first.bytes);
  }
  Item& second = NewItem(nullptr, between, ends);
  if (to_gpu) {
    EncodeCopy(out_of, second.kind, second.bytes);
  } else {
    second.action = GraphAction{nullptr, std::make_shared<HostMove>(HostMove{out_of})};
  }
  return CUDA_SUCCESS;
}

void Planner::MakeStages() {
  for (Item& item : items_) {
    if (item.stage >= plan_.stages.size()) plan_.stages.resize(item.stage + 1);
    GraphStage& stage = plan_.stages[item.stage];
    if (item.action) {
      stage.actions.push_back(*item.action);
      continue;
    }
    ipc::GraphNodes& nodes = stage.nodes;
    item.number = static_cast<std::uint32_t>(nodes.kinds.size());
    if (item.node != nullptr) plan_.places.emplace(item.node, GraphPlan::Place{item.stage, item.number});
    std::uint32_t count = 0;
    for (const std::uint32_t before : item.dependencies) {
      const Item& other = items_[before];
      if (other.action || other.stage != item.stage) continue;  // done before the stage begins
      nodes.dependencies.push_back(other.number);
      ++count;
    }
    nodes.dependency_counts.push_back(count);
    stage.has_work |= item.kind != 0;
    nodes.kinds.push_back(item.kind);
    nodes.work.push_back(std::move(item.bytes));
  }
}

}  // namespace

void HostMove::Do() const {
  auto* const to = reinterpret_cast<std::byte*>(box.corner.destination);
  const auto* const from = reinterpret_cast<const std::byte*>(box.corner.source);
  for (std::uint64_t slice = 0; slice < box.depth_slices; ++slice) {
    for (std::uint64_t row = 0; row < box.height_rows; ++row) {
      std::memmove(to + slice * box.destination_slice_bytes + row * box.destination_pitch_bytes,
                   from + slice * box.source_slice_bytes + row * box.source_pitch_bytes, box.width_bytes);
    }
  }
}

bool EncodeForGpu(Client& client, const GraphNode& node, std::uint32_t& kind, std::vector<std::byte>& bytes,
                  CUresult& result) {
  result = CUDA_SUCCESS;
  kind = 0;
  bytes.clear();
  if (!node.enabled) return true;
  if (std::holds_alternative<EmptyWork>(node.work)) return true;
  if (std::holds_alternative<AllocWork>(node.work) || std::holds_alternative<FreeWork>(node.work)) return true;
  if (const auto* kernel = std::get_if<KernelWork>(&node.work)) {
    result = EncodeKernel(client, *kernel, kind, bytes);
    return true;
  }
  if (const auto* fill = std::get_if<FillWork>(&node.work)) {
    EncodeRecord(FillRecord(fill->description), kind, bytes);
    return true;
  }
  if (const auto* copy = std::get_if<CopyWork>(&node.work)) {
    StridedCopy box;
    result = ReadDescription(copy->description, box);
    if (result != CUDA_SUCCESS || RouteOf(client, box) != Route::kGpu) return false;
    EncodeCopy(box, kind, bytes);
    return true;
  }
  return false;
}

CUresult MakePlan(Client& client, const Graph& graph, GraphPlan& plan, const GraphNode*& culprit) {
  Planner planner(client, plan);
  Planner::Numbers ends;
  const CUresult result = planner.Add(graph, {}, ends);
  culprit = planner.culprit();
  if (result == CUDA_SUCCESS) planner.MakeStages();
  return result;
}

}  // namespace paella::shim
