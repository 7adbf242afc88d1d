#include "shim/captures.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace paella::shim {
namespace {

// Tells threads apart: its address in each.
thread_local constinit char this_thread = 0;

void Merge(std::vector<GraphEdge>& into, const std::vector<GraphEdge>& more) {
  for (const GraphEdge& edge : more) {
    const bool is_there = std::ranges::any_of(into, [&](const GraphEdge& other) { return other.from == edge.from; });
    if (!is_there) into.push_back(edge);
  }
}

}  // namespace

thread_local constinit CUstreamCaptureMode thread_capture_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

Captures::Capture* Captures::Of(const Stream& stream) {
  for (const auto& [id, capture] : captures_) {
    if (capture->members.contains(const_cast<Stream*>(&stream))) return capture.get();
  }
  return nullptr;
}

Captures::Capture* Captures::WithId(std::uint64_t id) {
  const auto found = captures_.find(id);
  return found == captures_.end() ? nullptr : found->second.get();
}

// Every call of a stream that is not ordinary passes here.
CUresult Captures::UseActive(Stream& stream, Capture*& capture) {
  if (stream.capture_state.load(std::memory_order_relaxed) == CaptureState::kForbidden) return Forbid();
  capture = Of(stream);
  if (capture == nullptr) return CUDA_ERROR_ILLEGAL_STATE;  // it ended between the caller's look and ours
  return capture->invalidated ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
}

// The legacy stream would have become part of the captures of blocking streams, by the rules of order.
CUresult Captures::Forbid() {
  for (const auto& [id, capture] : captures_) {
    const bool blocks =
        std::ranges::any_of(capture->members, [](const auto& member) { return member.first->IsBlocking(); });
    if (blocks) Invalidate(*capture);
  }
  return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
}

void Captures::Invalidate(Capture& capture) {
  capture.invalidated = true;
  for (const auto& [stream, member] : capture.members) {
    stream->capture_state.store(CaptureState::kInvalidated, std::memory_order_release);
  }
}

void Captures::Join(Capture& capture, Stream& stream, std::vector<GraphEdge> after) {
  capture.members[&stream].after = std::move(after);
  stream.capture_state.store(CaptureState::kActive, std::memory_order_release);
  ForbidLegacyAsNeeded();
}

void Captures::ForbidLegacyAsNeeded() {
  const bool forbidden = std::ranges::any_of(captures_, [](const auto& entry) {
    return std::ranges::any_of(entry.second->members, [](const auto& member) { return member.first->IsBlocking(); });
  });
  streams_.legacy().capture_state.store(forbidden ? CaptureState::kForbidden : CaptureState::kNone,
                                        std::memory_order_release);
}

CUresult Captures::Begin(Stream& stream, CUstreamCaptureMode mode, CUgraph graph, const CUgraphNode* dependencies,
                         const CUgraphEdgeData* data, std::size_t count) {
  if (stream.number == kLegacyStream) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  const std::lock_guard lock(graphs_.mutex());
  if (Of(stream) != nullptr) return CUDA_ERROR_ILLEGAL_STATE;
  auto capture = std::make_unique<Capture>();
  std::vector<GraphEdge> after;
  if (graph != nullptr) {
    capture->graph = graphs_.Find(graph);
    if (capture->graph == nullptr || capture->graph->captured_into) return CUDA_ERROR_INVALID_VALUE;
    const CUresult result = graphs_.ReadEdges(*capture->graph, dependencies, data, count, after);
    if (result != CUDA_SUCCESS) return result;
    capture->graph_is_programs = true;
  } else {
    capture->graph = graphs_.Create();
  }
  capture->graph->captured_into = true;
  capture->id = next_id_++;
  capture->mode = mode;
  capture->thread = &this_thread;
  capture->origin = &stream;
  Capture& begun = *capture;
  captures_.emplace(begun.id, std::move(capture));
  any_.fetch_add(1, std::memory_order_release);
  Join(begun, stream, std::move(after));
  return CUDA_SUCCESS;
}

// Whether everything that was captured elsewhere comes before what the origin does next.
bool Captures::AllIsJoined(const Capture& capture) const {
  std::unordered_set<const GraphNode*> before;
  std::vector<const GraphNode*> open;
  const auto reach = [&](const std::vector<GraphEdge>& edges) {
    for (const GraphEdge& edge : edges) {
      if (before.insert(edge.from).second) open.push_back(edge.from);
    }
  };
  reach(capture.members.at(capture.origin).after);
  while (!open.empty()) {
    const GraphNode* const node = open.back();
    open.pop_back();
    reach(node->dependencies);
  }
  return std::ranges::all_of(capture.members, [&](const auto& member) {
    return std::ranges::all_of(member.second.after, [&](const GraphEdge& edge) { return before.contains(edge.from); });
  });
}

void Captures::Close(Capture& capture) {
  for (const auto& [stream, member] : capture.members) {
    stream->capture_state.store(CaptureState::kNone, std::memory_order_release);
  }
  std::erase_if(events_, [&](const auto& entry) { return entry.second.capture == capture.id; });
  capture.graph->captured_into = false;
  captures_.erase(capture.id);
  any_.fetch_sub(1, std::memory_order_release);
  ForbidLegacyAsNeeded();
}

CUresult Captures::End(Stream& stream, CUgraph& handle) {
  handle = nullptr;
  const std::lock_guard lock(graphs_.mutex());
  Capture* const capture = Of(stream);
  if (capture == nullptr) return CUDA_ERROR_ILLEGAL_STATE;
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != &this_thread) {
    Abandon(*capture);  // seen on the driver: the right thread finds no capture afterwards
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  }
  if (capture->origin != &stream) {
    Invalidate(*capture);
    return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  }
  CUresult result = CUDA_SUCCESS;
  if (capture->invalidated) {
    result = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  } else if (!AllIsJoined(*capture)) {
    result = CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  }
  Graph* const graph = capture->graph;
  const bool is_programs = capture->graph_is_programs;
  Close(*capture);
  if (result == CUDA_SUCCESS) {
    handle = HandleOf(graph);
  } else if (!is_programs) {
    graphs_.Destroy(graph);
  }
  return result;
}

CUresult Captures::AddNode(Capture& capture, Stream& stream, Work work) {
  std::vector<GraphEdge>& after = capture.members.at(&stream).after;
  GraphNode* const node = graphs_.AddNode(*capture.graph, std::move(work), after);
  after.assign(1, {node, {}});
  return CUDA_SUCCESS;
}

CUresult Captures::Add(Stream& stream, Work work) {
  const std::lock_guard lock(graphs_.mutex());
  Capture* capture = nullptr;
  if (const CUresult result = UseActive(stream, capture); result != CUDA_SUCCESS) return result;
  return AddNode(*capture, stream, std::move(work));
}

CUresult Captures::Refuse(Stream& stream) {
  const std::lock_guard lock(graphs_.mutex());
  Capture* capture = nullptr;
  if (const CUresult result = UseActive(stream, capture); result != CUDA_SUCCESS) return result;
  Invalidate(*capture);
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult Captures::RefuseEvent(const Event& event) {
  const std::lock_guard lock(graphs_.mutex());
  if (const auto found = events_.find(&event); found != events_.end()) {
    if (Capture* const capture = WithId(found->second.capture); capture != nullptr) Invalidate(*capture);
  }
  return CUDA_ERROR_CAPTURED_EVENT;
}

CUresult Captures::RecordEvent(Stream& stream, Event& event, CUevent handle, bool external) {
  const std::lock_guard lock(graphs_.mutex());
  Capture* capture = nullptr;
  if (const CUresult result = UseActive(stream, capture); result != CUDA_SUCCESS) return result;
  if (external) return AddNode(*capture, stream, EventRecordWork{handle});
  events_[&event] = {capture->id, capture->members.at(&stream).after};
  event.capture.store(capture->id, std::memory_order_release);
  return CUDA_SUCCESS;
}

CUresult Captures::WaitForEvent(Stream& stream, const Event& event, CUevent handle, bool external) {
  const std::lock_guard lock(graphs_.mutex());
  Capture* own = nullptr;
  if (!stream.IsOrdinary()) {
    if (const CUresult result = UseActive(stream, own); result != CUDA_SUCCESS) return result;
    if (external) return AddNode(*own, stream, EventWaitWork{handle});
  }
  Capture* const other = WithId(event.capture.load(std::memory_order_acquire));
  if (other == nullptr) {
    // Recorded outside: work that is no part of the graph.
    if (own == nullptr) return CUDA_ERROR_CAPTURED_EVENT;
    Invalidate(*own);
    return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  }
  if (other->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (own != nullptr && own != other) {
    Invalidate(*own);
    Invalidate(*other);
    return CUDA_ERROR_STREAM_CAPTURE_MERGE;
  }
  const std::vector<GraphEdge>& after = events_.at(&event).after;
  if (own != nullptr) {
    Merge(own->members.at(&stream).after, after);
    return CUDA_SUCCESS;
  }
  if (stream.number == kLegacyStream) {
    Invalidate(*other);
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  }
  Join(*other, stream, after);
  return CUDA_SUCCESS;
}

CUresult Captures::UpdateDependencies(Stream& stream, const CUgraphNode* dependencies, const CUgraphEdgeData* data,
                                      std::size_t count, unsigned flags) {
  const std::lock_guard lock(graphs_.mutex());
  if (stream.IsOrdinary()) return CUDA_ERROR_ILLEGAL_STATE;
  Capture* capture = nullptr;
  if (const CUresult result = UseActive(stream, capture); result != CUDA_SUCCESS) return result;
  std::vector<GraphEdge> edges;
  if (const CUresult result = graphs_.ReadEdges(*capture->graph, dependencies, data, count, edges);
      result != CUDA_SUCCESS) {
    return result;
  }
  std::vector<GraphEdge>& after = capture->members.at(&stream).after;
  if (flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES) {
    after = std::move(edges);
  } else if (flags == CU_STREAM_ADD_CAPTURE_DEPENDENCIES) {
    Merge(after, edges);
  } else {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

void Captures::Leave(Stream& stream) {
  if (stream.IsOrdinary()) return;
  const std::lock_guard lock(graphs_.mutex());
  Capture* const capture = Of(stream);
  if (capture == nullptr) return;
  if (capture->origin == &stream) return Abandon(*capture);
  Invalidate(*capture);
  capture->members.erase(&stream);
  stream.capture_state.store(CaptureState::kNone, std::memory_order_release);
  ForbidLegacyAsNeeded();
}

void Captures::EndAll() {
  if (any_.load(std::memory_order_acquire) == 0) return;
  const std::lock_guard lock(graphs_.mutex());
  while (!captures_.empty()) Abandon(*captures_.begin()->second);
}

void Captures::Abandon(Capture& capture) {
  Graph* const graph = capture.graph;
  const bool is_programs = capture.graph_is_programs;
  Close(capture);
  if (!is_programs) graphs_.Destroy(graph);
}

CUresult Captures::Inspect(Stream& stream, Info& info) {
  const std::lock_guard lock(graphs_.mutex());
  if (stream.capture_state.load(std::memory_order_relaxed) == CaptureState::kForbidden) {
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;  // asking does not end the capture
  }
  Capture* const capture = Of(stream);
  if (capture == nullptr) return CUDA_SUCCESS;
  info.status = capture->invalidated ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  info.id = capture->id;
  if (capture->invalidated) return CUDA_SUCCESS;
  Member& member = capture->members.at(&stream);
  member.told_nodes.clear();
  member.told_edges.clear();
  for (const GraphEdge& edge : member.after) {
    member.told_nodes.push_back(HandleOf(edge.from));
    member.told_edges.push_back(edge.data);
    info.has_programmatic_edges |= edge.data.type != CU_GRAPH_DEPENDENCY_TYPE_DEFAULT;
  }
  info.graph = HandleOf(capture->graph);
  info.dependencies = member.told_nodes.data();
  info.edges = member.told_edges.data();
  info.count = member.told_nodes.size();
  return CUDA_SUCCESS;
}

CUresult Captures::CheckUnsafeSlowly() {
  if (thread_capture_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_SUCCESS;
  const std::lock_guard lock(graphs_.mutex());
  bool forbidden = false;
  for (const auto& [id, capture] : captures_) {
    const bool is_mine = capture->thread == &this_thread;
    const bool forbids = is_mine ? capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED
                                 : capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL &&
                                       thread_capture_mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    if (!forbids) continue;
    forbidden = true;
    Invalidate(*capture);
  }
  return forbidden ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult Captures::CheckContextWide() {
  if (any_.load(std::memory_order_acquire) == 0) return CUDA_SUCCESS;
  const std::lock_guard lock(graphs_.mutex());
  for (const auto& [id, capture] : captures_) Invalidate(*capture);
  return captures_.empty() ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

}  // namespace paella::shim
