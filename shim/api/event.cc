// Events.
#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

CUresult EnterEvent(Client*& client, CUevent handle, Event*& event) {
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  event = client->events.Find(handle);
  return event != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult DestroyEvent(CUevent handle) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  return client->events.Destroy(handle);
}

// An event whose last record was in a capture says nothing of work.
CUresult EnterRecorded(Client*& client, CUevent handle, Event*& event) {
  if (const CUresult result = EnterEvent(client, handle, event); result != CUDA_SUCCESS) return result;
  if (event->capture.load(std::memory_order_acquire) != 0) [[unlikely]] return client->captures.RefuseEvent(*event);
  return CUDA_SUCCESS;
}

CUresult RecordEvent(CUevent handle, CUstream stream_handle, bool external) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  Event* const event = client->events.Find(handle);
  Stream* const stream = client->streams.Find(stream_handle);
  if (event == nullptr || stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (!stream->IsOrdinary()) [[unlikely]] return client->captures.RecordEvent(*stream, *event, handle, external);
  return client->events.Record(*event, *stream);
}

CUresult ElapsedTime(float* milliseconds, CUevent start_handle, CUevent end_handle) {
  Client* client;
  Event *start, *end;
  if (const CUresult result = EnterRecorded(client, start_handle, start); result != CUDA_SUCCESS) return result;
  if (const CUresult result = EnterRecorded(client, end_handle, end); result != CUDA_SUCCESS) return result;
  float elapsed = 0;
  if (const CUresult result = client->events.ElapsedTime(*start, *end, elapsed); result != CUDA_SUCCESS) return result;
  if (milliseconds == nullptr) return CUDA_ERROR_INVALID_HANDLE;  // as the driver says (580)
  *milliseconds = elapsed;
  return CUDA_SUCCESS;
}

}  // namespace

CUresult paella_cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if (phEvent == nullptr || (Flags & ~kKnown) != 0) return CUDA_ERROR_INVALID_VALUE;
  if ((Flags & CU_EVENT_INTERPROCESS) != 0) {
    if ((Flags & CU_EVENT_DISABLE_TIMING) == 0) return CUDA_ERROR_INVALID_VALUE;
    return client->events.CreateShared(Flags, *phEvent);
  }
  *phEvent = client->events.Create(Flags);
  return CUDA_SUCCESS;
}

CUresult paella_cuEventDestroy(CUevent hEvent) { return DestroyEvent(hEvent); }
CUresult paella_cuEventDestroy_v2(CUevent hEvent) { return DestroyEvent(hEvent); }

CUresult paella_cuEventRecord(CUevent hEvent, CUstream hStream) { return RecordEvent(hEvent, hStream, false); }

CUresult paella_cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  // CU_EVENT_RECORD_EXTERNAL means something in a capture only.
  if ((flags & ~static_cast<unsigned>(CU_EVENT_RECORD_EXTERNAL)) != 0) return CUDA_ERROR_INVALID_VALUE;
  return RecordEvent(hEvent, hStream, (flags & CU_EVENT_RECORD_EXTERNAL) != 0);
}

CUresult paella_cuEventQuery(CUevent hEvent) {
  Client* client;
  Event* event;
  if (const CUresult result = EnterRecorded(client, hEvent, event); result != CUDA_SUCCESS) return result;
  if (const CUresult result = client->captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  return client->events.Query(*event);
}

CUresult paella_cuEventSynchronize(CUevent hEvent) {
  Client* client;
  Event* event;
  if (const CUresult result = EnterRecorded(client, hEvent, event); result != CUDA_SUCCESS) return result;
  const bool block = (event->flags & CU_EVENT_BLOCKING_SYNC) != 0;
  return client->events.Synchronize(*event, block ? paella::ipc::WaitStyle::kBlock : client->wait_style());
}

CUresult paella_cuEventElapsedTime(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  return ElapsedTime(pMilliseconds, hStart, hEnd);
}

CUresult paella_cuEventElapsedTime_v2(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  return ElapsedTime(pMilliseconds, hStart, hEnd);
}
