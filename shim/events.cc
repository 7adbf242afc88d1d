#include "shim/events.h"

#include "shim/shared_events.h"

namespace paella::shim {
namespace {

constexpr int kSequenceBits = 54;
static_assert(ipc::kMaxStreams <= 1u << (64 - kSequenceBits));

std::uint64_t Point(std::uint32_t stream, std::uint64_t sequence) {
  return static_cast<std::uint64_t>(stream) << kSequenceBits | sequence;
}
std::uint32_t StreamOf(std::uint64_t point) { return static_cast<std::uint32_t>(point >> kSequenceBits); }
std::uint64_t SequenceOf(std::uint64_t point) { return point & ((std::uint64_t{1} << kSequenceBits) - 1); }

}  // namespace

Event* Events::Take(unsigned flags) {
  Event* event = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      event = spare_.back();
      spare_.pop_back();
    }
  }
  if (event == nullptr) event = new Event;
  event->flags = flags;
  event->number = next_number_.fetch_add(1, std::memory_order_relaxed);
  event->recorded = false;
  event->point = 0;
  event->capture = 0;
  event->opened = false;
  return event;
}

CUevent Events::Insert(Event* event) {
  const auto handle = reinterpret_cast<CUevent>(event);
  by_handle_.Insert(handle, event);
  return handle;
}

void Events::PutBack(Event* event) {
  const std::lock_guard lock(mutex_);
  spare_.push_back(event);
}

CUevent Events::Create(unsigned flags) { return Insert(Take(flags)); }

CUresult Events::CreateShared(unsigned flags, CUevent& handle) {
  Event* const event = Take(flags);
  ipc::SharedEventCreate message;
  message.event = event->number;
  ipc::SharedEventCreateReply reply;
  const CUresult result = submission_.Call(message, reply);
  if (result != CUDA_SUCCESS) {
    PutBack(event);
    return result;
  }
  event->token_high = reply.token_high;
  event->token_low = reply.token_low;
  handle = Insert(event);
  return CUDA_SUCCESS;
}

CUresult Events::Open(ipc::SharedEventOpen& message, CUevent& handle) {
  Event* const event = Take(CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING);
  message.event = event->number;
  ipc::SharedEventOpenReply reply;
  const CUresult result = submission_.Call(message, reply);
  if (result != CUDA_SUCCESS) {
    PutBack(event);
    return result;
  }
  event->opened = true;
  handle = Insert(event);
  return CUDA_SUCCESS;
}

CUresult Events::Destroy(CUevent handle) {
  Event* const event = by_handle_.Erase(handle);
  if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  CUresult result = CUDA_SUCCESS;
  if (event->IsShared() || (event->HasTiming() && event->recorded)) {
    ipc::EventDestroy message;
    message.event = event->number;
    result = submission_.Post(message);
  }
  PutBack(event);
  return result;
}

CUresult Events::PostMarker(const Stream& stream, std::uint64_t& sequence) {
  ipc::WaitForSequence marker;  // for nothing: sequence 0 of a stream is always complete
  marker.stream = stream.number;
  const CUresult posted = submission_.PostCommand(marker);
  sequence = marker.sequence;
  return posted;
}

CUresult Events::Record(Event& event, const Stream& stream) {
  std::uint64_t sequence = 0;
  CUresult result = CUDA_SUCCESS;
  // The legacy stream and the blocking streams wait for each other at each command: there the end of the last command is
  // not the whole story, and a command of its own is.
  const bool last_command_tells_all =
      stream.number != kLegacyStream &&
      (!stream.IsBlocking() || submission_.IsComplete(kLegacyStream, submission_.Posted(kLegacyStream)));
  if (event.IsShared()) {
    result = RecordShared(submission_, event, stream);
  } else if (event.HasTiming()) {
    ipc::RecordTime message;
    message.stream = stream.number;
    message.event = event.number;
    result = submission_.PostCommand(message);
    sequence = message.sequence;
  } else if (last_command_tells_all) {
    result = submission_.Failure();
    sequence = submission_.Posted(stream.number);
  } else {
    result = PostMarker(stream, sequence);
  }
  if (result != CUDA_SUCCESS) return result;
  event.point.store(Point(stream.number, sequence), std::memory_order_release);
  event.capture.store(0, std::memory_order_release);
  event.recorded.store(true, std::memory_order_release);
  return CUDA_SUCCESS;
}

bool Events::IsComplete(const Event& event) const {
  const std::uint64_t point = event.point.load(std::memory_order_acquire);
  return submission_.IsComplete(StreamOf(point), SequenceOf(point));
}

CUresult Events::Query(const Event& event) {
  if (event.IsShared()) return QueryShared(submission_, event);
  return IsComplete(event) ? CUDA_SUCCESS : submission_.NotReady();
}

CUresult Events::Synchronize(const Event& event, ipc::WaitStyle style) {
  if (event.IsShared()) return SynchronizeShared(submission_, event);
  const std::uint64_t point = event.point.load(std::memory_order_acquire);
  const CUresult result = submission_.WaitFor(StreamOf(point), SequenceOf(point), style);
  return result != CUDA_SUCCESS ? result : submission_.Failure();
}

CUresult Events::MakeWait(const Stream& stream, const Event& event) {
  if (event.IsShared()) return WaitShared(submission_, event, stream);
  const std::uint64_t point = event.point.load(std::memory_order_acquire);
  if (StreamOf(point) == stream.number) return submission_.Failure();
  return submission_.PostWait(stream.number, StreamOf(point), SequenceOf(point));
}

CUresult Events::ElapsedTime(const Event& start, const Event& end, float& milliseconds) {
  for (const Event* event : {&start, &end}) {
    if (!event->HasTiming() || !event->recorded) return CUDA_ERROR_INVALID_HANDLE;
  }
  if (!IsComplete(start) || !IsComplete(end)) return CUDA_ERROR_NOT_READY;
  ipc::EventElapsed message;
  message.start = start.number;
  message.end = end.number;
  ipc::EventElapsedReply reply;
  const CUresult result = submission_.Call(message, reply);
  if (result == CUDA_SUCCESS) milliseconds = reply.milliseconds;
  return result;
}

}  // namespace paella::shim
