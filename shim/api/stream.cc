// Streams, host functions in them, and capture, which no stream is ever in.
#include <algorithm>
#include <utility>

#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

CUresult EnterStream(Client*& client, CUstream handle, Stream*& stream) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  stream = client->streams.Find(handle);
  return stream != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult CreateStream(CUstream* handle, unsigned flags, int priority) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (handle == nullptr || (flags & ~static_cast<unsigned>(CU_STREAM_NON_BLOCKING)) != 0) return CUDA_ERROR_INVALID_VALUE;
  // A priority out of range is brought into it, as CUDA documents. The greatest priority is the least number.
  priority = std::max(priority, client->welcome.greatest_priority);
  priority = std::min(priority, client->welcome.least_priority);
  return client->streams.Create(flags, priority, current_context, *handle);
}

CUresult DestroyStream(CUstream handle) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  return client->streams.Destroy(handle);
}

CUresult GiveNotCapturing(CUstream handle, CUstreamCaptureStatus* status, cuuint64_t* id) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, handle, stream); result != CUDA_SUCCESS) return result;
  if (status == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (id != nullptr) *id = 0;
  return CUDA_SUCCESS;
}

thread_local constinit CUstreamCaptureMode capture_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

}  // namespace

CUresult paella_cuStreamCreate(CUstream* phStream, unsigned int Flags) { return CreateStream(phStream, Flags, 0); }

CUresult paella_cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  return CreateStream(phStream, flags, priority);
}

CUresult paella_cuStreamDestroy(CUstream hStream) { return DestroyStream(hStream); }
CUresult paella_cuStreamDestroy_v2(CUstream hStream) { return DestroyStream(hStream); }

CUresult paella_cuStreamQuery(CUstream hStream) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  return client->streams.IsDone(*stream) ? CUDA_SUCCESS : client->submission.NotReady();
}

CUresult paella_cuStreamSynchronize(CUstream hStream) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  return client->streams.Synchronize(*stream, client->wait_style());
}

CUresult paella_cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int flags) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  // CU_EVENT_WAIT_EXTERNAL means something in a capture only.
  if ((flags & ~static_cast<unsigned>(CU_EVENT_WAIT_EXTERNAL)) != 0) return CUDA_ERROR_INVALID_VALUE;
  const Event* const event = client->events.Find(hEvent);
  if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return client->events.MakeWait(*stream, *event);
}

CUresult paella_cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (callback == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  Callback added;
  added.stream_callback = callback;
  added.stream = hStream;
  added.user_data = userData;
  return client->callbacks.Add(stream->number, added);
}

CUresult paella_cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (fn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Callback added;
  added.host_function = fn;
  added.user_data = userData;
  return client->callbacks.Add(stream->number, added);
}

CUresult paella_cuStreamGetPriority(CUstream hStream, int* priority) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (priority == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *priority = stream->priority;
  return CUDA_SUCCESS;
}

CUresult paella_cuStreamGetFlags(CUstream hStream, unsigned int* flags) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (flags == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = stream->flags;
  return CUDA_SUCCESS;
}

CUresult paella_cuStreamGetId(CUstream hStream, unsigned long long* streamId) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (streamId == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *streamId = stream->number == kLegacyStream ? 1 : stream->id;
  return CUDA_SUCCESS;
}

CUresult paella_cuStreamGetCtx(CUstream hStream, CUcontext* pctx) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (pctx == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pctx = (stream->context != nullptr ? stream->context : current_context)->handle;
  return CUDA_SUCCESS;
}

CUresult paella_cuStreamGetCtx_v2(CUstream hStream, CUcontext* pCtx, CUgreenCtx* pGreenCtx) {
  if (pGreenCtx != nullptr) *pGreenCtx = nullptr;
  return paella_cuStreamGetCtx(hStream, pCtx);
}

CUresult paella_cuStreamGetDevice(CUstream hStream, CUdevice* device) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *device = 0;
  return CUDA_SUCCESS;
}

CUresult paella_cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  return GiveNotCapturing(hStream, captureStatus, nullptr);
}

CUresult paella_cuStreamGetCaptureInfo(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out) {
  return GiveNotCapturing(hStream, captureStatus_out, id_out);
}

CUresult paella_cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out,
                                          CUgraph*, const CUgraphNode**, size_t*) {
  return GiveNotCapturing(hStream, captureStatus_out, id_out);
}

CUresult paella_cuStreamGetCaptureInfo_v3(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out,
                                          CUgraph*, const CUgraphNode**, const CUgraphEdgeData**, size_t*) {
  return GiveNotCapturing(hStream, captureStatus_out, id_out);
}

CUresult paella_cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (mode == nullptr) return CUDA_ERROR_INVALID_VALUE;
  std::swap(*mode, capture_mode);
  return CUDA_SUCCESS;
}
