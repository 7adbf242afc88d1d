#include "scheduler_daemon/executor/gpu_streams.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "ipc/waiting.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::size_t kStreamsOfClassAtStart = 3;
constexpr std::size_t kWordsApart = 8;  // a cache line each
constexpr int kLooks = 10'000;  // a millisecond or less

GpuStream* Pop(std::vector<GpuStream*>& idle) {
  GpuStream* const stream = idle.back();
  idle.pop_back();
  return stream;
}

}  // namespace

GpuStreams::~GpuStreams() {
  for (const auto& stream : all_) driver_.cuStreamDestroy(stream->stream);
  if (words_ != nullptr) driver_.cuMemFreeHost(words_);
}

CUresult GpuStreams::Start() {
  int least = 0, greatest = 0;
  CUresult result = driver_.cuCtxGetStreamPriorityRange(&least, &greatest);
  if (result != CUDA_SUCCESS) return result;
  bands_ = PriorityBands(least, greatest);
  void* memory = nullptr;
  const std::size_t count = kMaxStreams * kWordsApart;
  result = driver_.cuMemHostAlloc(&memory, count * sizeof(std::uint64_t), CU_MEMHOSTALLOC_DEVICEMAP);
  if (result != CUDA_SUCCESS) return result;
  words_ = static_cast<std::atomic<std::uint64_t>*>(memory);
  for (std::size_t i = 0; i < count; ++i) new (&words_[i]) std::atomic<std::uint64_t>(0);
  for (const TenantClass each : {TenantClass::kLatency, TenantClass::kNormal, TenantClass::kBestEffort}) {
    for (std::size_t i = 0; i < kStreamsOfClassAtStart; ++i) {
      GpuStream* const stream = Make(PriorityOf(each, least), nullptr);
      if (stream == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
      Return(stream);
    }
  }
  return CUDA_SUCCESS;
}

std::array<std::size_t, 3> GpuStreams::Bands() const {
  std::array<std::size_t, 3> bands{};
  for (std::size_t each = 0; each < bands.size(); ++each) {
    for (std::size_t other = 0; other < bands.size(); ++other) {
      const auto of = [this](std::size_t of_class) { return PriorityOf(static_cast<TenantClass>(of_class), bands_.least()); };
      bands[each] += by_class_ && of(other) < of(each) ? 1 : 0;
    }
  }
  return bands;
}

GpuStream* GpuStreams::Make(std::int32_t priority, const std::shared_ptr<SmShare>& share) {
  if (all_.size() == kMaxStreams) return nullptr;
  auto stream = std::make_unique<GpuStream>();
  stream->priority = priority;
  stream->share = share;
  stream->word = &words_[all_.size() * kWordsApart];
  stream->landing = stream->word + 1;
  if (Create(stream->stream, priority, share.get()) != CUDA_SUCCESS) return nullptr;
  ++made_;
  all_.push_back(std::move(stream));
  return all_.back().get();
}

CUresult GpuStreams::Create(CUstream& stream, std::int32_t priority, const SmShare* share) {
  if (share == nullptr) return driver_.cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, priority);
  return driver_.cuGreenCtxStreamCreate(&stream, share->context(), CU_STREAM_NON_BLOCKING, priority);
}

// Its word goes on where it is: it may only grow. A stream that the driver does not replace stays as it is.
void GpuStreams::MakeAnew(GpuStream& stream, std::int32_t priority, const std::shared_ptr<SmShare>& share) {
  CUstream made = nullptr;
  if (Create(made, priority, share.get()) != CUDA_SUCCESS) return;
  driver_.cuStreamDestroy(std::exchange(stream.stream, made));
  stream.priority = priority;
  stream.share = share;
  ++made_;
}

std::int32_t GpuStreams::PriorityOf(TenantClass tenant_class, std::int32_t own) const {
  return by_class_ ? bands_.Of(tenant_class, own) : std::clamp(own, bands_.greatest(), bands_.least());
}

void GpuStreams::Return(GpuStream* stream) {
  if (stream->share != nullptr && stream->share->retired()) MakeAnew(*stream, stream->priority, nullptr);
  idle_[{stream->share.get(), stream->priority}].push_back(stream);
}

void GpuStreams::Retire(SmShare& share) {
  share.Retire();
  std::vector<GpuStream*> streams;
  for (const auto& [kind, idle] : idle_) {
    if (kind.first == &share) streams.insert(streams.end(), idle.begin(), idle.end());
  }
  std::erase_if(idle_, [&](const auto& entry) { return entry.first.first == &share; });
  for (GpuStream* const stream : streams) Return(stream);
}

GpuStream* GpuStreams::Take(TenantClass tenant_class, std::int32_t own_priority, const std::shared_ptr<SmShare>& share) {
  return TakeOf(PriorityOf(tenant_class, own_priority), share);
}

GpuStream* GpuStreams::TakeOf(std::int32_t priority, const std::shared_ptr<SmShare>& share) {
  if (auto& idle = idle_[{share.get(), priority}]; !idle.empty()) return Pop(idle);
  if (all_.size() < kHardwareQueues) return Make(priority, share);
  // Of the kind that has most to spare, so that there are soon as many of each as are used at once.
  auto& spare = std::ranges::max_element(idle_, {}, [](const auto& entry) { return entry.second.size(); })->second;
  if (spare.empty()) return Make(priority, share);
  GpuStream* const stream = Pop(spare);
  MakeAnew(*stream, priority, share);
  if (stream->share == share) return stream;  // of another priority, if need be, but never on others' SMs
  idle_[{stream->share.get(), stream->priority}].push_back(stream);
  return nullptr;
}

CUresult GpuStreams::Mark(GpuStream& stream, std::uint64_t value) {
  stream.marked = value;
  return driver_.cuStreamWriteValue64(stream.stream, stream.address(), value, CU_STREAM_WRITE_VALUE_DEFAULT);
}

CUresult GpuStreams::MeasureSightLatency(std::uint64_t& latency_ns) {
  constexpr int kTimes = 16;
  GpuStream* const stream = Take(TenantClass::kNormal, bands_.least());
  if (stream == nullptr) return CUDA_ERROR_OUT_OF_MEMORY;
  CUresult result = CUDA_SUCCESS;
  latency_ns = ~0ull;
  for (int i = 0; i < kTimes && result == CUDA_SUCCESS; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    result = Mark(*stream, stream->marked + 1);
    // The driver's wait is the bound, if the word is not seen soon.
    for (int look = 0; look < kLooks && stream->word->load(std::memory_order_acquire) < stream->marked; ++look) {
      ipc::CpuRelax();
    }
    const auto took = std::chrono::steady_clock::now() - begin;
    const bool was_seen = stream->word->load(std::memory_order_acquire) >= stream->marked;
    if (result == CUDA_SUCCESS) result = driver_.cuStreamSynchronize(stream->stream);
    if (was_seen) latency_ns = std::min(latency_ns, static_cast<std::uint64_t>(std::chrono::nanoseconds(took).count()));
  }
  Return(stream);
  if (latency_ns == ~0ull) latency_ns = 0;  // nothing is taken off then
  return result;
}

CUresult GpuStreams::WaitFor(GpuStream& stream, const GpuStream& other, std::uint64_t value) {
  return driver_.cuStreamWaitValue64(stream.stream, other.address(), value, CU_STREAM_WAIT_VALUE_GEQ);
}

}  // namespace paella::scheduler_daemon
