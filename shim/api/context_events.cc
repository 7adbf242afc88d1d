// Events of a whole context: a record of all its work, and a wait of all that is still to come.
//
// Two streams of our own, made when they are first needed, stand for it. What is recorded is the first one, which
// waits for every stream of the client; the second one waits for events, every stream waits for it, and so does each
// stream that is made while it is not done. All contexts of a client count as one here: more is recorded and waits
// than must.
#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

CUresult EnterContextEvent(Client*& client, CUcontext context, CUevent handle, Event*& event) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  event = client->events.Find(handle);
  if (client->contexts.Find(context) == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  return client->captures.CheckContextWide();
}

}  // namespace

CUresult paella_cuCtxRecordEvent(CUcontext hCtx, CUevent hEvent) {
  Client* client;
  Event* event;
  if (const CUresult result = EnterContextEvent(client, hCtx, hEvent, event); result != CUDA_SUCCESS) return result;
  Stream* all = nullptr;
  if (const CUresult result = client->streams.StreamBehindAll(all); result != CUDA_SUCCESS) return result;
  return client->events.Record(*event, *all);
}

CUresult paella_cuCtxWaitEvent(CUcontext hCtx, CUevent hEvent) {
  Client* client;
  Event* event;
  if (const CUresult result = EnterContextEvent(client, hCtx, hEvent, event); result != CUDA_SUCCESS) return result;
  if (event->capture.load(std::memory_order_acquire) != 0) return CUDA_ERROR_CAPTURED_EVENT;
  Stream* gate = nullptr;
  if (const CUresult result = client->streams.Gate(gate); result != CUDA_SUCCESS) return result;
  if (const CUresult result = client->events.MakeWait(*gate, *event); result != CUDA_SUCCESS) return result;
  return client->streams.HoldAllBehindGate();
}
