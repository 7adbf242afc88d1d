#include "shim/streams.h"

#include <pthread.h>

#include <algorithm>

#include "shim/client.h"
#include "shim/entries.h"

namespace paella::shim {
namespace {

thread_local constinit CUstream per_thread_stream = nullptr;

// Destroys a thread's default stream with the thread.
pthread_key_t ThreadExitKey() {
  static const pthread_key_t key = [] {
    pthread_key_t made{};
    pthread_key_create(&made, [](void* handle) {
      per_thread_stream = nullptr;  // a later exit handler of this thread may want another one
      if (Client* client = ready_client.load(std::memory_order_acquire)) {
        const auto stream = static_cast<CUstream>(handle);
        if (Stream* const object = client->streams.Find(stream)) client->captures.Leave(*object);
        client->streams.Destroy(stream);
      }
    });
    return made;
  }();
  return key;
}

}  // namespace

thread_local constinit bool null_stream_is_per_thread = false;

Stream* Streams::FindDefault(CUstream handle) {
  if (handle == CU_STREAM_LEGACY) return &legacy_;
  if (handle == CU_STREAM_PER_THREAD) return PerThreadStream();
  return null_stream_is_per_thread ? PerThreadStream() : &legacy_;
}

Stream* Streams::PerThreadStream() noexcept try {
  if (per_thread_stream == nullptr) {
    // Of no context: it goes with its thread.
    if (Create(CU_STREAM_DEFAULT, 0, nullptr, per_thread_stream) != CUDA_SUCCESS) return nullptr;
    pthread_setspecific(ThreadExitKey(), per_thread_stream);
  }
  return by_handle_.Find(per_thread_stream);
} catch (...) {  // no host memory: launches come here without a net
  return nullptr;
}

bool Streams::TakeNumber(std::uint32_t& number) {
  // A number is used again only when its last command is done: then nothing can take new commands for old ones.
  const auto free = std::find_if(free_numbers_.begin(), free_numbers_.end(),
                                 [this](std::uint32_t candidate) { return IsIdle(candidate); });
  if (free != free_numbers_.end()) {
    number = *free;
    free_numbers_.erase(free);
    return true;
  }
  number = numbers_used_.load(std::memory_order_relaxed);
  if (number == ipc::kMaxStreams) return false;
  numbers_used_.store(number + 1, std::memory_order_release);
  return true;
}

CUresult Streams::Create(unsigned flags, int priority, Context* context, CUstream& handle) {
  Stream* stream = nullptr;
  ipc::StreamCreate message;
  {
    const std::lock_guard lock(mutex_);
    if (!TakeNumber(message.stream)) return CUDA_ERROR_OUT_OF_MEMORY;
    if (spare_.empty()) {
      stream = new Stream;
    } else {
      stream = spare_.back();
      spare_.pop_back();
    }
    non_blocking_[message.stream] = (flags & CU_STREAM_NON_BLOCKING) != 0;
  }
  message.flags = flags;
  message.priority = priority;
  stream->number = message.stream;
  stream->flags = flags;
  stream->priority = priority;
  stream->id = next_id_.fetch_add(1, std::memory_order_relaxed);
  stream->context = context;
  stream->wait_policy = CU_SYNC_POLICY_AUTO;
  stream->hints = {};
  if (const CUresult posted = submission_.Post(message); posted != CUDA_SUCCESS) return posted;
  if (const Stream* const gate = gate_.load(std::memory_order_acquire)) {
    const CUresult posted = submission_.PostWait(stream->number, gate->number, submission_.Posted(gate->number));
    if (posted != CUDA_SUCCESS) return posted;
  }
  handle = reinterpret_cast<CUstream>(stream);
  by_handle_.Insert(handle, stream);
  return CUDA_SUCCESS;
}

CUresult Streams::Destroy(CUstream handle) {
  if (reinterpret_cast<std::uintptr_t>(handle) <= 2) return CUDA_ERROR_INVALID_HANDLE;
  Stream* const stream = by_handle_.Erase(handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  ipc::StreamDestroy message;
  message.stream = stream->number;
  const CUresult posted = submission_.Post(message);
  const std::lock_guard lock(mutex_);
  free_numbers_.push_back(stream->number);
  spare_.push_back(stream);
  return posted;
}

void Streams::DestroyAllOf(const Context& context) {
  for (const Stream* stream : by_handle_.All()) {
    if (stream->context == &context) Destroy(reinterpret_cast<CUstream>(const_cast<Stream*>(stream)));
  }
}

// With own_mutex_. Never destroyed.
CUresult Streams::OwnStream(std::atomic<Stream*>& own, Stream*& stream) {
  stream = own.load(std::memory_order_relaxed);
  if (stream != nullptr) return CUDA_SUCCESS;
  CUstream handle;
  if (const CUresult result = Create(CU_STREAM_NON_BLOCKING, 0, nullptr, handle); result != CUDA_SUCCESS) return result;
  stream = by_handle_.Find(handle);
  own.store(stream, std::memory_order_release);
  return CUDA_SUCCESS;
}

CUresult Streams::StreamBehindAll(Stream*& stream) {
  const std::lock_guard lock(own_mutex_);
  if (const CUresult result = OwnStream(behind_all_, stream); result != CUDA_SUCCESS) return result;
  const std::uint32_t used = numbers_used_.load(std::memory_order_acquire);
  for (std::uint32_t number = 0; number < used; ++number) {
    if (number == stream->number) continue;
    const CUresult posted = submission_.PostWait(stream->number, number, submission_.Posted(number));
    if (posted != CUDA_SUCCESS) return posted;
  }
  return CUDA_SUCCESS;
}

CUresult Streams::Gate(Stream*& stream) {
  const std::lock_guard lock(own_mutex_);
  return OwnStream(gate_, stream);
}

CUresult Streams::HoldAllBehindGate() {
  const std::lock_guard lock(own_mutex_);
  const Stream* const gate = gate_.load(std::memory_order_relaxed);
  const Stream* const behind_all = behind_all_.load(std::memory_order_relaxed);
  const std::uint64_t held = submission_.Posted(gate->number);
  CUresult result = submission_.PostWait(kLegacyStream, gate->number, held);
  for (const Stream* stream : by_handle_.All()) {
    if (result != CUDA_SUCCESS) return result;
    if (stream != gate && stream != behind_all) result = submission_.PostWait(stream->number, gate->number, held);
  }
  return result;
}

bool Streams::LegacyIsDone() const {
  const std::uint32_t used = numbers_used_.load(std::memory_order_acquire);
  for (std::uint32_t number = 0; number < used; ++number) {
    if (IsCoveredByLegacy(number) && !IsIdle(number)) return false;
  }
  return true;
}

template <typename Covered>
CUresult Streams::WaitForEach(ipc::WaitStyle style, Covered covered) {
  // All the ends first: work that other threads post meanwhile is not waited for.
  const std::uint32_t used = numbers_used_.load(std::memory_order_acquire);
  std::vector<std::pair<std::uint32_t, std::uint64_t>> ends;
  for (std::uint32_t number = 0; number < used; ++number) {
    const std::uint64_t posted = submission_.Posted(number);
    if (covered(number) && !submission_.IsComplete(number, posted)) ends.emplace_back(number, posted);
  }
  for (const auto& [number, posted] : ends) {
    if (const CUresult result = submission_.WaitFor(number, posted, style); result != CUDA_SUCCESS) return result;
  }
  submission_.BringText();
  return submission_.Failure();
}

CUresult Streams::Synchronize(const Stream& stream, ipc::WaitStyle style) {
  if (stream.number == kLegacyStream) {
    return WaitForEach(style, [this](std::uint32_t number) { return IsCoveredByLegacy(number); });
  }
  const CUresult result = submission_.WaitFor(stream.number, submission_.Posted(stream.number), style);
  return result != CUDA_SUCCESS ? result : submission_.Failure();
}

CUresult Streams::SynchronizeAll(ipc::WaitStyle style) {
  return WaitForEach(style, [](std::uint32_t) { return true; });
}

}  // namespace paella::shim
