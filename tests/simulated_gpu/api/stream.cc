// Streams, events, waits on values, and host functions.
#include "tests/simulated_gpu/api/common.h"
#include "tests/simulated_gpu/memory_map.h"
#include "tests/simulated_gpu/print_buffer.h"
#include "tests/simulated_gpu/raw_memory.h"

#include <algorithm>

namespace paella::simulated_gpu {

CUresult UseEvent(CUevent handle, std::shared_ptr<Event>& event) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  event = Handles<Event>::Get().Find(handle);
  return event == nullptr ? CUDA_ERROR_INVALID_HANDLE : event->context->error.load();
}

namespace {

CUresult QueryOperation(const std::shared_ptr<Operation>& operation, const Context& context) {
  if (!Engine::Get().IsDone(operation)) return CUDA_ERROR_NOT_READY;
  return context.error;
}

template <typename T>
bool Holds(const void* at, T value, unsigned flags) {
  const T found = LoadRaw<T>(at);
  switch (flags & 3) {
    case CU_STREAM_WAIT_VALUE_EQ: return found == value;
    case CU_STREAM_WAIT_VALUE_AND: return (found & value) != 0;
    case CU_STREAM_WAIT_VALUE_NOR: return static_cast<T>(~(found | value)) != 0;
    // GEQ goes round: the difference counts as signed.
    default: return static_cast<std::make_signed_t<T>>(static_cast<T>(found - value)) >= 0;
  }
}

// Memory that went away meanwhile ends the wait; the real part would fault.
bool Covered(CUdeviceptr address, std::size_t bytes, bool write) { return MemoryMap::Get().Covers(address, bytes, write); }

template <typename T>
CUresult CheckWord(CUdeviceptr address, bool write) {
  const MemoryMap::SharedHold hold(MemoryMap::Get());
  return address % sizeof(T) == 0 && Covered(address, sizeof(T), write) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

template <typename T>
CUresult WaitValue(CUstream handle, CUdeviceptr address, T value, unsigned flags) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(handle, stream));
  PAELLA_RETURN_IF_ERROR(CheckWord<T>(address, false));
  auto operation = std::make_shared<Operation>();
  operation->holds = [=] {
    const MemoryMap::SharedHold hold(MemoryMap::Get());
    return !Covered(address, sizeof(T), false) || Holds<T>(Pointer(address), value, flags);
  };
  return Submit(stream, operation, false);
}

template <typename T>
CUresult WriteValue(CUstream handle, CUdeviceptr address, T value) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(handle, stream));
  PAELLA_RETURN_IF_ERROR(CheckWord<T>(address, true));
  auto operation = std::make_shared<Operation>();
  operation->work = [=] {
    const MemoryMap::SharedHold hold(MemoryMap::Get());
    if (!Covered(address, sizeof(T), true)) return CUDA_ERROR_ILLEGAL_ADDRESS;
    StoreRaw<T>(Pointer(address), value);
    return CUDA_SUCCESS;
  };
  return Submit(stream, operation, false);
}

CUresult MakeStream(CUstream* stream, unsigned flags, int priority) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  if (stream == nullptr || (flags & ~unsigned{CU_STREAM_NON_BLOCKING}) != 0) return CUDA_ERROR_INVALID_VALUE;
  priority = std::clamp(priority, kGreatestPriority, 0);
  *stream = reinterpret_cast<CUstream>(Handles<Stream>::Get().Add(Engine::Get().MakeStream(context, flags, priority)));
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuStreamCreate(CUstream* phStream, unsigned int Flags) { return MakeStream(phStream, Flags, 0); }
CUresult cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  return MakeStream(phStream, flags, priority);
}

// Work under way goes on to its end.
CUresult cuStreamDestroy(CUstream hStream) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  return Handles<Stream>::Get().Remove(hStream) == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

CUresult cuStreamSynchronize(CUstream hStream) {
  std::shared_ptr<Stream> stream;
  if (const CUresult result = UseStream(hStream, stream); result != CUDA_SUCCESS) {
    PrintBuffer::Get().Flush();  // what was printed before a fault, and of assertions
    return result;
  }
  Engine::Get().Wait(Engine::Get().LastOf(*stream));
  PrintBuffer::Get().Flush();
  return stream->context->error;
}

CUresult cuStreamQuery(CUstream hStream) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  return QueryOperation(Engine::Get().LastOf(*stream), *stream->context);
}

CUresult cuStreamGetPriority(CUstream hStream, int* priority) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  PAELLA_RETURN_IF_NULL(priority);
  *priority = stream->priority;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetFlags(CUstream hStream, unsigned int* flags) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  PAELLA_RETURN_IF_NULL(flags);
  *flags = stream->flags;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetId(CUstream hStream, unsigned long long* streamId) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  PAELLA_RETURN_IF_NULL(streamId);
  *streamId = stream->id;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCtx(CUstream hStream, CUcontext* pctx) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  PAELLA_RETURN_IF_NULL(pctx);
  *pctx = reinterpret_cast<CUcontext>(stream->context);
  return CUDA_SUCCESS;
}

// Capture is not modelled, so no stream ever captures.
CUresult cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  PAELLA_RETURN_IF_NULL(captureStatus);
  *captureStatus = CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}

CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int) {
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Event> event;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  PAELLA_RETURN_IF_ERROR(UseEvent(hEvent, event));
  const std::shared_ptr<Operation> recorded = Engine::Get().Recorded(*event);
  if (recorded != nullptr) Engine::Get().Enqueue(stream, std::make_shared<Operation>(), recorded);
  return CUDA_SUCCESS;
}

CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  if (fn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  auto operation = std::make_shared<Operation>();
  operation->on_host_thread = true;
  operation->work = [fn, userData] {
    fn(userData);
    return CUDA_SUCCESS;
  };
  return Submit(stream, operation, false);
}

CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  std::shared_ptr<Stream> stream;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  if (callback == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
  auto operation = std::make_shared<Operation>();
  operation->on_host_thread = true;
  operation->work = [hStream, callback, userData, stream] {
    callback(hStream, stream->context->error, userData);
    return CUDA_SUCCESS;
  };
  return Submit(stream, operation, false);
}

CUresult cuStreamWaitValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return WaitValue<std::uint32_t>(stream, addr, value, flags);
}
CUresult cuStreamWaitValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return WaitValue<std::uint64_t>(stream, addr, value, flags);
}
CUresult cuStreamWriteValue32(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int) {
  return WriteValue<std::uint32_t>(stream, addr, value);
}
CUresult cuStreamWriteValue64(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int) {
  return WriteValue<std::uint64_t>(stream, addr, value);
}

CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  Context* context = nullptr;
  PAELLA_RETURN_IF_ERROR(UseContext(context));
  constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if (phEvent == nullptr || (Flags & ~kKnown) != 0) return CUDA_ERROR_INVALID_VALUE;
  auto event = std::make_shared<Event>();
  event->context = context;
  event->flags = Flags;
  *phEvent = reinterpret_cast<CUevent>(Handles<Event>::Get().Add(std::move(event)));
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent hEvent) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  return Handles<Event>::Get().Remove(hEvent) == nullptr ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
}

CUresult cuEventRecord(CUevent hEvent, CUstream hStream) {
  std::shared_ptr<Stream> stream;
  std::shared_ptr<Event> event;
  PAELLA_RETURN_IF_ERROR(UseStream(hStream, stream));
  PAELLA_RETURN_IF_ERROR(UseEvent(hEvent, event));
  if (event->context != stream->context) return CUDA_ERROR_INVALID_HANDLE;
  Engine::Get().Record(event, stream);
  return CUDA_SUCCESS;
}

CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int) { return cuEventRecord(hEvent, hStream); }

CUresult cuEventQuery(CUevent hEvent) {
  std::shared_ptr<Event> event;
  PAELLA_RETURN_IF_ERROR(UseEvent(hEvent, event));
  return QueryOperation(Engine::Get().Recorded(*event), *event->context);
}

CUresult cuEventSynchronize(CUevent hEvent) {
  std::shared_ptr<Event> event;
  if (const CUresult result = UseEvent(hEvent, event); result != CUDA_SUCCESS) {
    PrintBuffer::Get().Flush();
    return result;
  }
  Engine::Get().Wait(Engine::Get().Recorded(*event));
  PrintBuffer::Get().Flush();
  return event->context->error;
}

CUresult cuEventElapsedTime(float* pMilliseconds, CUevent hStart, CUevent hEnd) {
  std::shared_ptr<Event> start, end;
  PAELLA_RETURN_IF_ERROR(UseEvent(hStart, start));
  PAELLA_RETURN_IF_ERROR(UseEvent(hEnd, end));
  PAELLA_RETURN_IF_NULL(pMilliseconds);
  if (((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING) != 0) return CUDA_ERROR_INVALID_HANDLE;
  const auto first = Engine::Get().Recorded(*start), last = Engine::Get().Recorded(*end);
  if (first == nullptr || last == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  if (!Engine::Get().IsDone(first) || !Engine::Get().IsDone(last)) return CUDA_ERROR_NOT_READY;
  const auto elapsed_ns = static_cast<std::int64_t>(last->finished_ns - first->finished_ns);
  *pMilliseconds = static_cast<float>(static_cast<double>(elapsed_ns) / 1e6);
  return CUDA_SUCCESS;
}
