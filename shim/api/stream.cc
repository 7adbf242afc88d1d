// Streams, and host functions in them.
#include <algorithm>

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
  if (Stream* const stream = client->streams.Find(handle)) client->captures.Leave(*stream);
  return client->streams.Destroy(handle);
}

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
  if (!stream->IsOrdinary()) [[unlikely]] return client->captures.Refuse(*stream);
  return client->streams.IsDone(*stream) ? CUDA_SUCCESS : client->submission.NotReady();
}

CUresult paella_cuStreamSynchronize(CUstream hStream) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (!stream->IsOrdinary()) [[unlikely]] return client->captures.Refuse(*stream);
  return client->streams.Synchronize(*stream, WaitStyleOf(stream->wait_policy, client->wait_style()));
}

CUresult paella_cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int flags) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if ((flags & ~static_cast<unsigned>(CU_EVENT_WAIT_EXTERNAL)) != 0) return CUDA_ERROR_INVALID_VALUE;
  const Event* const event = client->events.Find(hEvent);
  if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const bool captured = !stream->IsOrdinary() || event->capture.load(std::memory_order_acquire) != 0;
  if (captured) [[unlikely]] {
    // CU_EVENT_WAIT_EXTERNAL means something in a capture only.
    return client->captures.WaitForEvent(*stream, *event, hEvent, (flags & CU_EVENT_WAIT_EXTERNAL) != 0);
  }
  return client->events.MakeWait(*stream, *event);
}

CUresult paella_cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  Client* client;
  Stream* stream;
  if (const CUresult result = EnterStream(client, hStream, stream); result != CUDA_SUCCESS) return result;
  if (callback == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (!stream->IsOrdinary()) return client->captures.Refuse(*stream);
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
  if (!stream->IsOrdinary()) return client->captures.Add(*stream, HostWork{fn, userData});
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
