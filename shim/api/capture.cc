// Stream capture: begin, end, and questions about it.
#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

CUresult EnterStream(Client*& client, CUstream handle, Stream*& stream) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  stream = client->streams.Find(handle);
  return stream != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

bool IsMode(CUstreamCaptureMode mode) {
  return mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED;
}

CUresult Begin(CUstream handle, CUstreamCaptureMode mode, CUgraph graph, const CUgraphNode* dependencies,
               const CUgraphEdgeData* data, std::size_t count) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, handle, stream); result != CUDA_SUCCESS) return result;
  if (!IsMode(mode)) return CUDA_ERROR_INVALID_VALUE;
  return client->captures.Begin(*stream, mode, graph, dependencies, data, count);
}

// What each version of cuStreamGetCaptureInfo is asked for; null: nothing.
struct Wanted {
  cuuint64_t* id = nullptr;
  CUgraph* graph = nullptr;
  const CUgraphNode** dependencies = nullptr;
  const CUgraphEdgeData** edges = nullptr;
  size_t* count = nullptr;
};

CUresult GetInfo(CUstream handle, CUstreamCaptureStatus* status, const Wanted& wanted) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, handle, stream); result != CUDA_SUCCESS) return result;
  if (status == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Captures::Info info;
  if (!stream->IsOrdinary()) {
    if (const CUresult result = client->captures.Inspect(*stream, info); result != CUDA_SUCCESS) return result;
  }
  // One who does not ask for the edges' data takes them for ordinary.
  if (wanted.dependencies != nullptr && wanted.edges == nullptr && info.has_programmatic_edges) {
    return CUDA_ERROR_LOSSY_QUERY;
  }
  *status = info.status;
  if (wanted.id != nullptr) *wanted.id = info.id;
  if (info.status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return CUDA_SUCCESS;
  if (wanted.graph != nullptr) *wanted.graph = info.graph;
  if (wanted.dependencies != nullptr) *wanted.dependencies = info.dependencies;
  if (wanted.edges != nullptr) *wanted.edges = info.edges;
  if (wanted.count != nullptr) *wanted.count = info.count;
  return CUDA_SUCCESS;
}

CUresult UpdateDependencies(CUstream handle, const CUgraphNode* dependencies, const CUgraphEdgeData* data,
                            std::size_t count, unsigned flags) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, handle, stream); result != CUDA_SUCCESS) return result;
  return client->captures.UpdateDependencies(*stream, dependencies, data, count, flags);
}

CUstreamCaptureStatus StatusOf(CaptureState state) {
  switch (state) {
    case CaptureState::kActive: return CU_STREAM_CAPTURE_STATUS_ACTIVE;
    case CaptureState::kInvalidated: return CU_STREAM_CAPTURE_STATUS_INVALIDATED;
    case CaptureState::kNone:
    case CaptureState::kForbidden: break;
  }
  return CU_STREAM_CAPTURE_STATUS_NONE;
}

}  // namespace

CUresult paella_cuStreamBeginCapture(CUstream hStream) {
  return Begin(hStream, CU_STREAM_CAPTURE_MODE_GLOBAL, nullptr, nullptr, nullptr, 0);
}

CUresult paella_cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode) {
  return Begin(hStream, mode, nullptr, nullptr, nullptr, 0);
}

CUresult paella_cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph, const CUgraphNode* dependencies,
                                            const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                            CUstreamCaptureMode mode) {
  if (hGraph == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return Begin(hStream, mode, hGraph, dependencies, dependencyData, numDependencies);
}

CUresult paella_cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (phGraph == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return client->captures.End(*stream, *phGraph);
}

// Asked before nearly every allocation of a framework: no lock.
CUresult paella_cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (captureStatus == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const CaptureState state = stream->capture_state.load(std::memory_order_acquire);
  if (state == CaptureState::kForbidden) [[unlikely]] return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  *captureStatus = StatusOf(state);
  return CUDA_SUCCESS;
}

CUresult paella_cuStreamGetCaptureInfo(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out) {
  return GetInfo(hStream, captureStatus_out, {.id = id_out});
}

CUresult paella_cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus* captureStatus_out,
                                          cuuint64_t* id_out, CUgraph* graph_out, const CUgraphNode** dependencies_out,
                                          size_t* numDependencies_out) {
  return GetInfo(hStream, captureStatus_out, {id_out, graph_out, dependencies_out, nullptr, numDependencies_out});
}

CUresult paella_cuStreamGetCaptureInfo_v3(CUstream hStream, CUstreamCaptureStatus* captureStatus_out,
                                          cuuint64_t* id_out, CUgraph* graph_out, const CUgraphNode** dependencies_out,
                                          const CUgraphEdgeData** edgeData_out, size_t* numDependencies_out) {
  return GetInfo(hStream, captureStatus_out, {id_out, graph_out, dependencies_out, edgeData_out, numDependencies_out});
}

CUresult paella_cuStreamUpdateCaptureDependencies(CUstream hStream, CUgraphNode* dependencies, size_t numDependencies,
                                                  unsigned int flags) {
  return UpdateDependencies(hStream, dependencies, nullptr, numDependencies, flags);
}

CUresult paella_cuStreamUpdateCaptureDependencies_v2(CUstream hStream, CUgraphNode* dependencies,
                                                     const CUgraphEdgeData* dependencyData, size_t numDependencies,
                                                     unsigned int flags) {
  return UpdateDependencies(hStream, dependencies, dependencyData, numDependencies, flags);
}

CUresult paella_cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (mode == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::swap(*mode, thread_capture_mode);
  return CUDA_SUCCESS;
}
