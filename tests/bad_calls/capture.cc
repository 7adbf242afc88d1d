#include <thread>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

constexpr CUstreamCaptureMode kGlobal = CU_STREAM_CAPTURE_MODE_GLOBAL;

void Begin(Row& row, CUstreamCaptureMode mode = kGlobal) {
  row.Prepare(DRIVER(cuStreamBeginCapture), row.state.stream, mode);
}

// What the capture's end answers is part of each row: it shows whether the bad call ended it.
void End(Row& row) {
  CUgraph graph = nullptr;
  row.Call(DRIVER(cuStreamEndCapture), row.state.stream, &graph);
  row.Note(graph == nullptr ? "no graph" : "a graph");
  if (graph != nullptr) row.Quietly(DRIVER(cuGraphDestroy), graph);
}

struct OtherStream {
  explicit OtherStream(Row& of, unsigned flags = CU_STREAM_NON_BLOCKING) : row(of) {
    row.Prepare(DRIVER(cuStreamCreate), &stream, flags);
  }
  ~OtherStream() { row.Quietly(DRIVER(cuStreamDestroy), stream); }
  Row& row;
  CUstream stream = nullptr;
};

void EndElsewhere(Row& row) {
  CUgraph graph = nullptr;
  CUresult ended = CUDA_ERROR_UNKNOWN;
  std::thread([&, context = row.state.context, stream = row.state.stream] {
    cuCtxSetCurrent(context);
    ended = cuStreamEndCapture(stream, &graph);
  }).join();
  row.Note(ended);
}

constexpr BadCall kRows[] = {
    {"capture.begin_on_legacy", [](Row& row) { row.Call(DRIVER(cuStreamBeginCapture), nullptr, kGlobal); }},
    {"capture.begin_mode_unknown",
     [](Row& row) { row.Call(DRIVER(cuStreamBeginCapture), row.state.stream, static_cast<CUstreamCaptureMode>(99)); }},
    {"capture.begin_twice",
     [](Row& row) { Begin(row); row.Call(DRIVER(cuStreamBeginCapture), row.state.stream, kGlobal); End(row); }},
    {"capture.end_without_begin", [](Row& row) { End(row); }},
    {"capture.end_on_legacy",
     [](Row& row) { CUgraph graph = nullptr; row.Call(DRIVER(cuStreamEndCapture), nullptr, &graph); }},
    {"capture.end_on_a_forked_stream",
     [](Row& row) {
       OtherStream other(row);
       CUgraph graph = nullptr;
       Begin(row);
       row.Prepare(DRIVER(cuEventRecord), row.state.untimed_event, row.state.stream);
       row.Prepare(DRIVER(cuStreamWaitEvent), other.stream, row.state.untimed_event, 0);
       row.Call(DRIVER(cuStreamEndCapture), other.stream, &graph);
       End(row);
     }},
    {"capture.end_with_a_stream_not_joined",
     [](Row& row) {
       OtherStream other(row);
       Begin(row);
       row.Prepare(DRIVER(cuEventRecord), row.state.untimed_event, row.state.stream);
       row.Prepare(DRIVER(cuStreamWaitEvent), other.stream, row.state.untimed_event, 0);
       row.Prepare(DRIVER(cuMemsetD8Async), row.state.memory, 0, 16, other.stream);
       End(row);
     }},
    {"capture.end_by_another_thread", [](Row& row) { Begin(row); EndElsewhere(row); End(row); }},
    {"capture.relaxed_end_by_another_thread",
     [](Row& row) { Begin(row, CU_STREAM_CAPTURE_MODE_RELAXED); EndElsewhere(row); }},
    {"capture.synchronize_stream",
     [](Row& row) { Begin(row); row.Call(DRIVER(cuStreamSynchronize), row.state.stream); End(row); }},
    {"capture.query_stream",
     [](Row& row) { Begin(row); row.Call(DRIVER(cuStreamQuery), row.state.stream); End(row); }},
    {"capture.synchronize_context", [](Row& row) { Begin(row); row.Call(DRIVER(cuCtxSynchronize)); End(row); }},
    {"capture.use_after_it_was_invalidated",
     [](Row& row) {
       Begin(row);
       row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
       row.Call(DRIVER(cuMemsetD8Async), row.state.memory, 0, 16, row.state.stream);
       End(row);
     }},
    {"capture.allocate",
     [](Row& row) {
       CUdeviceptr address = 0;
       Begin(row);
       row.Call(DRIVER(cuMemAlloc), &address, 64);
       End(row);
     }},
    {"capture.relaxed_allocate",
     [](Row& row) {
       CUdeviceptr address = 0;
       Begin(row, CU_STREAM_CAPTURE_MODE_RELAXED);
       row.Call(DRIVER(cuMemAlloc), &address, 64);
       End(row);
       row.Quietly(DRIVER(cuMemFree), address);
     }},
    {"capture.query_a_recorded_event",
     [](Row& row) {
       Begin(row);
       row.Prepare(DRIVER(cuEventRecord), row.state.event, row.state.stream);
       row.Call(DRIVER(cuEventQuery), row.state.event);
       End(row);
     }},
    {"capture.synchronize_a_recorded_event",
     [](Row& row) {
       Begin(row);
       row.Prepare(DRIVER(cuEventRecord), row.state.event, row.state.stream);
       row.Call(DRIVER(cuEventSynchronize), row.state.event);
       End(row);
     }},
    {"capture.wait_for_an_event_from_before",
     [](Row& row) {
       OtherStream other(row);
       row.Prepare(DRIVER(cuEventRecord), row.state.event, other.stream);
       Begin(row);
       row.Call(DRIVER(cuStreamWaitEvent), row.state.stream, row.state.event, 0);
       End(row);
     }},
    {"capture.copy_on_the_legacy_stream",
     [](Row& row) {
       OtherStream blocking(row, CU_STREAM_DEFAULT);
       CUgraph graph = nullptr;
       row.Prepare(DRIVER(cuStreamBeginCapture), blocking.stream, kGlobal);
       row.Call(DRIVER(cuMemcpyDtoDAsync), row.state.memory, row.state.other, 16, nullptr);
       row.Call(DRIVER(cuStreamEndCapture), blocking.stream, &graph);
     }},
    {"capture.launch_a_graph",
     [](Row& row) {
       CUgraph graph = nullptr;
       CUgraphExec executable = nullptr;
       row.Prepare(DRIVER(cuGraphCreate), &graph, 0);
       row.Prepare(DRIVER(cuGraphInstantiate), &executable, graph, 0);
       Begin(row);
       row.Call(DRIVER(cuGraphLaunch), executable, row.state.stream);
       End(row);
       row.Quietly(DRIVER(cuGraphExecDestroy), executable);
       row.Quietly(DRIVER(cuGraphDestroy), graph);
     }},
    {"capture.fill_memory_that_is_not_there",
     [](Row& row) { Begin(row); row.Call(DRIVER(cuMemsetD8Async), 0x80, 0, 16384, row.state.stream); End(row); }},
    {"capture.copy_memory_that_is_not_there",
     [](Row& row) {
       Begin(row);
       row.Call(DRIVER(cuMemcpyDtoDAsync), 0x1234560000, 0x2234560000, 16, row.state.stream);
       End(row);
     }},
    {"capture.information_to_null",
     [](Row& row) { Begin(row); row.Call(DRIVER(cuStreamIsCapturing), row.state.stream, nullptr); End(row); }},
};

}  // namespace

BadCalls CaptureBadCalls() { return kRows; }

}  // namespace paella::bad_calls
