// Stream capture: what becomes of a call in a stream that is captured, and what may not be called meanwhile.
//
//   call of a stream ─▶ stream.capture_state ─┬▶ kNone: as ever; one load is all that capture costs then
//                                             └▶ else: Add, RecordEvent, WaitForEvent ... here, or the error
//
// All of it is state of this process: the daemon hears of a graph when it is instantiated. Any thread; whatever is more
// than that load happens with the mutex of Graphs held. Owns the captures.
#ifndef PAELLA_SHIM_CAPTURES_H_
#define PAELLA_SHIM_CAPTURES_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "shim/cuda_api.h"
#include "shim/events.h"
#include "shim/graphs.h"
#include "shim/streams.h"

namespace paella::shim {

// This thread's answer to what other captures forbid (cuThreadExchangeStreamCaptureMode).
extern thread_local constinit CUstreamCaptureMode thread_capture_mode;

class Captures {
 public:
  Captures(Graphs& graphs, Streams& streams) : graphs_(graphs), streams_(streams) {}

  // Into a new graph, or into `graph`, behind `dependencies` of it.
  CUresult Begin(Stream& stream, CUstreamCaptureMode mode, CUgraph graph, const CUgraphNode* dependencies,
                 const CUgraphEdgeData* data, std::size_t count);
  CUresult End(Stream& stream, CUgraph& graph);

  // What follows is for streams that are not ordinary.

  CUresult Add(Stream& stream, Work work);
  // A call that no capture can take, like waiting for the stream: the capture is over.
  CUresult Refuse(Stream& stream);
  CUresult RecordEvent(Stream& stream, Event& event, CUevent handle, bool external);
  // Also for ordinary streams, which a captured event draws into its capture.
  CUresult WaitForEvent(Stream& stream, const Event& event, CUevent handle, bool external);
  CUresult UpdateDependencies(Stream& stream, const CUgraphNode* dependencies, const CUgraphEdgeData* data,
                              std::size_t count, unsigned flags);
  // A stream that is destroyed leaves its capture.
  void Leave(Stream& stream);
  // When streams go with their context.
  void EndAll();

  struct Info {
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    std::uint64_t id = 0;
    CUgraph graph = nullptr;
    const CUgraphNode* dependencies = nullptr;  // valid until the stream's next call
    const CUgraphEdgeData* edges = nullptr;
    std::size_t count = 0;
    bool has_programmatic_edges = false;
  };
  CUresult Inspect(Stream& stream, Info& info);

  // A question about work to an event whose last record was in a capture: it has no answer, and ends the capture.
  CUresult RefuseEvent(const Event& event);

  // For calls that may not be made while somebody captures, unless the modes of thread and capture say so.
  CUresult CheckUnsafe() { return any_.load(std::memory_order_acquire) == 0 ? CUDA_SUCCESS : CheckUnsafeSlowly(); }
  // For those that wait for all streams: never during a capture.
  CUresult CheckContextWide();

 private:
  struct Member {
    std::vector<GraphEdge> after;  // what the stream's next node depends on
    std::vector<CUgraphNode> told_nodes;  // what Inspect gave out
    std::vector<CUgraphEdgeData> told_edges;
  };
  struct Capture {
    std::uint64_t id = 0;
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    const void* thread = nullptr;  // that began it
    Stream* origin = nullptr;
    Graph* graph = nullptr;
    bool graph_is_programs = false;  // it was there before
    bool invalidated = false;
    std::map<Stream*, Member> members;
  };
  struct CapturedEvent {
    std::uint64_t capture;
    std::vector<GraphEdge> after;
  };

  // All with the mutex held.
  Capture* Of(const Stream& stream);
  Capture* WithId(std::uint64_t id);
  CUresult UseActive(Stream& stream, Capture*& capture);
  void Join(Capture& capture, Stream& stream, std::vector<GraphEdge> after);
  void Invalidate(Capture& capture);
  CUresult Forbid();
  CUresult AddNode(Capture& capture, Stream& stream, Work work);
  bool AllIsJoined(const Capture& capture) const;
  void Close(Capture& capture);
  void Abandon(Capture& capture);
  void ForbidLegacyAsNeeded();
  CUresult CheckUnsafeSlowly();

  Graphs& graphs_;
  Streams& streams_;
  std::atomic<std::uint32_t> any_{0};
  std::map<std::uint64_t, std::unique_ptr<Capture>> captures_;  // by id
  std::unordered_map<const Event*, CapturedEvent> events_;      // recorded in a capture that goes on
  std::uint64_t next_id_ = 1;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_CAPTURES_H_
