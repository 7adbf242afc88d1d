#include "shim/graph_execs.h"

#include <algorithm>
#include <utility>

#include "shim/client.h"
#include "shim/graph_plan.h"
#include "shim/graph_work.h"

namespace paella::shim {
namespace {

void Index(const Graph& graph, std::unordered_map<std::uint64_t, GraphNode*>& nodes) {
  for (const auto& node : graph.nodes) {
    nodes.emplace(node->copied_from, node.get());
    if (const auto* child = std::get_if<ChildWork>(&node->work)) Index(*child->graph, nodes);
  }
}

template <typename Message>
CUresult Upload(Client& client, const Message& message, std::uint64_t& upload) {
  std::vector<std::byte> bytes(message.EncodedSize());
  message.Encode(bytes);
  return client.libraries.Upload(bytes, upload);
}

Callback CallbackOf(const GraphAction& action) {
  Callback callback;
  if (action.move != nullptr) {
    callback.host_function = [](void* move) { static_cast<const HostMove*>(move)->Do(); };
    callback.user_data = const_cast<HostMove*>(action.move.get());
    callback.owner = action.move;
    return callback;
  }
  const auto& host = std::get<HostWork>(action.node->work);
  callback.host_function = host.function;
  callback.user_data = host.user_data;
  return callback;
}

CUresult PostAction(Client& client, Stream& stream, const GraphAction& action) {
  if (action.node != nullptr) {
    if (const auto* record = std::get_if<EventRecordWork>(&action.node->work)) {
      Event* const event = client.events.Find(record->event);
      return event == nullptr ? CUDA_ERROR_INVALID_HANDLE : client.events.Record(*event, stream);
    }
    if (const auto* wait = std::get_if<EventWaitWork>(&action.node->work)) {
      const Event* const event = client.events.Find(wait->event);
      return event == nullptr ? CUDA_ERROR_INVALID_HANDLE : client.events.MakeWait(stream, *event);
    }
  }
  return client.callbacks.Add(stream.number, CallbackOf(action));
}

bool MemoryIsInExecutable(const Graph& graph) {
  return std::ranges::any_of(graph.nodes, [](const auto& node) {
    const auto* const alloc = std::get_if<AllocWork>(&node->work);
    return alloc != nullptr && alloc->memory->is_in_executable;
  });
}

void SetMemoryInExecutable(const Graph& graph, bool is_in_executable) {
  for (const auto& node : graph.nodes) {
    if (const auto* const alloc = std::get_if<AllocWork>(&node->work)) alloc->memory->is_in_executable = is_in_executable;
  }
}

// Compares graphs node by node, in the order in which their nodes were added, and collects what would change.
class Comparison {
 public:
  using Changes = std::vector<std::pair<GraphNode*, const GraphNode*>>;

  bool Compare(const Graph& ours, const Graph& theirs);
  const UpdateVerdict& verdict() const { return verdict_; }
  const Changes& changes() const { return changes_; }

 private:
  bool CompareNode(GraphNode& ours, GraphNode& theirs);
  bool CompareEdges(const GraphNode& ours, GraphNode& theirs);
  bool Fail(CUgraphExecUpdateResult result, GraphNode* node = nullptr, GraphNode* from = nullptr) {
    verdict_ = {result, node, from};
    return false;
  }

  std::unordered_map<const GraphNode*, const GraphNode*> ours_for_;  // by theirs
  Changes changes_;
  UpdateVerdict verdict_;
};

bool Comparison::Compare(const Graph& ours, const Graph& theirs) {
  if (ours.nodes.size() != theirs.nodes.size()) return Fail(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
  for (std::size_t i = 0; i < ours.nodes.size(); ++i) ours_for_.emplace(theirs.nodes[i].get(), ours.nodes[i].get());
  for (std::size_t i = 0; i < ours.nodes.size(); ++i) {
    if (!CompareNode(*ours.nodes[i], *theirs.nodes[i])) return false;
  }
  return true;
}

bool Comparison::CompareNode(GraphNode& ours, GraphNode& theirs) {
  if (ours.work.index() != theirs.work.index()) return Fail(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, &theirs);
  if (!CompareEdges(ours, theirs)) return false;
  if (const auto* child = std::get_if<ChildWork>(&ours.work)) {
    return Compare(*child->graph, *std::get<ChildWork>(theirs.work).graph);
  }
  if (DoTheSame(ours.work, theirs.work)) return true;
  // An executable graph keeps its own memory alive, and no other graph's.
  const bool is_memory = std::holds_alternative<AllocWork>(ours.work) || std::holds_alternative<FreeWork>(ours.work);
  if (is_memory) return Fail(CU_GRAPH_EXEC_UPDATE_ERROR_NOT_SUPPORTED, &theirs);
  changes_.emplace_back(&ours, &theirs);
  return true;
}

bool Comparison::CompareEdges(const GraphNode& ours, GraphNode& theirs) {
  if (ours.dependencies.size() != theirs.dependencies.size()) {
    return Fail(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, &theirs);
  }
  for (std::size_t i = 0; i < ours.dependencies.size(); ++i) {
    GraphNode* const from = theirs.dependencies[i].from;
    if (ours_for_.at(from) != ours.dependencies[i].from) {
      return Fail(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, &theirs, from);
    }
  }
  return true;
}

}  // namespace

CUresult GraphExecs::SendStage(GraphExec& exec, std::size_t stage) {
  exec.numbers.push_back(0);
  if (!exec.plan->stages[stage].has_work) return CUDA_SUCCESS;
  ipc::GraphInstantiate message;
  const CUresult sent = Upload(client_, exec.plan->stages[stage].nodes, message.upload);
  if (sent != CUDA_SUCCESS) return sent;
  ipc::GraphInstantiateReply reply;
  const CUresult result = client_.submission.Call(message, reply);
  exec.numbers.back() = reply.graph;
  exec.prints |= reply.prints != 0;
  return result;
}

CUresult GraphExecs::Plan(GraphExec& exec, const GraphNode*& culprit) {
  DropPlan(exec);
  exec.plan = std::make_unique<GraphPlan>();
  CUresult result = MakePlan(client_, *exec.graph, *exec.plan, culprit);
  for (std::size_t stage = 0; result == CUDA_SUCCESS && stage < exec.plan->stages.size(); ++stage) {
    result = SendStage(exec, stage);
    exec.plan->stages[stage].nodes = {};  // the daemon has them
  }
  exec.changed.clear();
  exec.needs_new_plan = result != CUDA_SUCCESS;
  if (result != CUDA_SUCCESS) DropPlan(exec);
  return result;
}

// Launches that were posted go on: the daemon keeps what they need, and blocks are not used again before their end.
void GraphExecs::DropPlan(GraphExec& exec) {
  for (const std::uint64_t number : std::exchange(exec.numbers, {})) {
    if (number == 0) continue;
    ipc::GraphDestroy message;
    message.graph = number;
    client_.submission.Post(message);
  }
  if (exec.plan == nullptr) return;
  for (const PinnedBlock& block : exec.plan->blocks) {
    client_.pinned_blocks.GiveAfter(block, exec.last_stream, exec.last_sequence);
  }
  exec.plan.reset();
}

CUresult GraphExecs::Instantiate(CUgraph handle, std::uint64_t flags, CUgraphExec& made, CUgraphNode& culprit) {
  auto exec = std::make_unique<GraphExec>();
  exec->flags = flags;
  {
    const std::lock_guard lock(client_.graphs.mutex());
    const Graph* const graph = client_.graphs.Find(handle);
    if (graph == nullptr || graph->owner != nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (graph->captured_into) return CUDA_ERROR_ILLEGAL_STATE;
    if (MemoryIsInExecutable(*graph)) return CUDA_ERROR_NOT_SUPPORTED;
    exec->graph = client_.graphs.Clone(*graph);
    SetMemoryInExecutable(*exec->graph, true);
    client_.user_objects.RetainAll(*exec->graph);
  }
  Index(*exec->graph, exec->nodes);
  const GraphNode* failed = nullptr;
  const CUresult result = Plan(*exec, failed);
  if (result != CUDA_SUCCESS) {
    {
      const std::lock_guard lock(client_.graphs.mutex());
      for (const auto& [id, node] : exec->nodes) {
        if (node == failed) culprit = client_.graphs.HandleWithId(handle, id);
      }
    }
    Release(*exec);
    return result;
  }
  made = reinterpret_cast<CUgraphExec>(exec.get());
  by_handle_.Insert(made, exec.release());
  return CUDA_SUCCESS;
}

CUresult GraphExecs::Destroy(CUgraphExec handle) {
  const std::unique_ptr<GraphExec> exec(by_handle_.Erase(handle));
  if (exec == nullptr) return CUDA_ERROR_INVALID_VALUE;
  DropPlan(*exec);
  Release(*exec);
  return CUDA_SUCCESS;
}

void GraphExecs::Release(GraphExec& exec) {
  const auto user_objects = std::move(exec.graph->user_objects);
  {
    const std::lock_guard lock(client_.graphs.mutex());
    SetMemoryInExecutable(*exec.graph, false);
    client_.graphs.Destroy(exec.graph);
  }
  client_.user_objects.ReleaseAll(user_objects);
}

CUresult GraphExecs::SendChanges(GraphExec& exec) {
  std::vector<ipc::GraphChanges> changes(exec.numbers.size());
  for (const GraphNode* node : exec.changed) {
    const GraphPlan::Place place = exec.plan->places.at(node);
    ipc::GraphChanges& of_stage = changes[place.stage];
    CUresult result = CUDA_SUCCESS;
    std::uint32_t kind = 0;
    std::vector<std::byte> bytes;
    EncodeForGpu(client_, *node, kind, bytes, result);
    if (result != CUDA_SUCCESS) return result;
    of_stage.nodes.push_back(place.node);
    of_stage.kinds.push_back(kind);
    of_stage.work.push_back(std::move(bytes));
  }
  for (std::size_t stage = 0; stage < changes.size(); ++stage) {
    if (changes[stage].nodes.empty()) continue;
    ipc::GraphUpdate message;
    message.graph = exec.numbers[stage];
    if (const CUresult sent = Upload(client_, changes[stage], message.upload); sent != CUDA_SUCCESS) return sent;
    ipc::GraphUpdateReply reply;
    if (const CUresult result = client_.submission.Call(message, reply); result != CUDA_SUCCESS) return result;
    exec.prints |= reply.prints != 0;
  }
  exec.changed.clear();
  return CUDA_SUCCESS;
}

CUresult GraphExecs::Prepare(GraphExec& exec) {
  if (exec.needs_new_plan) {
    const GraphNode* culprit = nullptr;
    return Plan(exec, culprit);
  }
  return exec.changed.empty() ? CUDA_SUCCESS : SendChanges(exec);
}

CUresult GraphExecs::WaitForLastLaunch(const GraphExec& exec, const Stream& stream) {
  if (exec.last_stream == stream.number) return CUDA_SUCCESS;
  return client_.submission.PostWait(stream.number, exec.last_stream, exec.last_sequence);
}

CUresult GraphExecs::PostStages(GraphExec& exec, Stream& stream) {
  for (std::size_t stage = 0; stage < exec.numbers.size(); ++stage) {
    if (exec.numbers[stage] != 0) {
      ipc::LaunchGraph message;
      message.stream = stream.number;
      message.graph = exec.numbers[stage];
      if (const CUresult result = client_.submission.PostCommand(message); result != CUDA_SUCCESS) return result;
      if (exec.prints) client_.submission.text().Expect(message.stream, message.sequence);
    }
    for (const GraphAction& action : exec.plan->stages[stage].actions) {
      if (const CUresult result = PostAction(client_, stream, action); result != CUDA_SUCCESS) return result;
    }
  }
  return client_.submission.Failure();
}

// Memory is there all the time: what changes is whose it is, and that in the order of the program's calls.
CUresult GraphExecs::DoMemoryNodes(const GraphExec& exec) {
  const bool free_first = (exec.flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH) != 0;
  for (const GraphNode* node : exec.plan->memory) {
    if (const auto* alloc = std::get_if<AllocWork>(&node->work)) {
      if (!client_.graph_memories.Allocate(*alloc->memory, free_first)) return CUDA_ERROR_INVALID_VALUE;
    } else {
      client_.graph_memories.Free(std::get<FreeWork>(node->work).address);
    }
  }
  return CUDA_SUCCESS;
}

void GraphExecs::NoteUseOfMemory(const GraphExec& exec) {
  for (const GraphNode* node : exec.plan->memory) {
    const auto* alloc = std::get_if<AllocWork>(&node->work);
    const std::uint64_t address = alloc != nullptr ? alloc->memory->address() : std::get<FreeWork>(node->work).address;
    client_.graph_memories.UsedUntil(address, exec.last_stream, exec.last_sequence);
  }
}

CUresult GraphExecs::Launch(GraphExec& exec, Stream& stream) {
  const std::lock_guard lock(exec.mutex);
  if (const CUresult result = Prepare(exec); result != CUDA_SUCCESS) return result;
  if (const CUresult result = DoMemoryNodes(exec); result != CUDA_SUCCESS) return result;
  if (const CUresult result = WaitForLastLaunch(exec, stream); result != CUDA_SUCCESS) return result;
  const CUresult result = PostStages(exec, stream);
  exec.last_stream = stream.number;
  exec.last_sequence = client_.submission.Posted(stream.number);
  NoteUseOfMemory(exec);
  return result;
}

GraphNode* GraphExecs::NodeFor(const GraphExec& exec, const GraphNode& node) {
  const auto found = exec.nodes.find(node.id);
  return found == exec.nodes.end() ? nullptr : found->second;
}

// Host functions and events are looked at in the copy at each launch; what the GPU does has to be sent.
void GraphExecs::NodeChanged(GraphExec& exec, const GraphNode& node) {
  if (exec.needs_new_plan) return;
  const bool is_action = std::holds_alternative<HostWork>(node.work) ||
                         std::holds_alternative<EventRecordWork>(node.work) ||
                         std::holds_alternative<EventWaitWork>(node.work);
  if (is_action) return;
  const auto place = exec.plan->places.find(&node);
  std::uint32_t kind = 0;
  std::vector<std::byte> bytes;
  CUresult result = CUDA_SUCCESS;
  // A copy that passed through a block, or has to now; or a stage that was nothing until now.
  if (place == exec.plan->places.end() || exec.numbers[place->second.stage] == 0 ||
      !EncodeForGpu(client_, node, kind, bytes, result)) {
    exec.needs_new_plan = true;
  } else if (std::ranges::find(exec.changed, &node) == exec.changed.end()) {
    exec.changed.push_back(&node);
  }
}

void GraphExecs::Change(GraphExec& exec, GraphNode& node, Work work) {
  client_.graphs.SetWork(node, std::move(work));
  NodeChanged(exec, node);
}

void GraphExecs::SetEnabled(GraphExec& exec, GraphNode& node, bool enabled) {
  if (std::exchange(node.enabled, enabled) != enabled) NodeChanged(exec, node);
}

UpdateVerdict GraphExecs::Update(GraphExec& exec, const Graph& ours, const Graph& theirs) {
  Comparison comparison;
  if (!comparison.Compare(ours, theirs)) return comparison.verdict();
  for (const auto& [node, other] : comparison.changes()) Change(exec, *node, other->work);
  return {};
}

}  // namespace paella::shim
