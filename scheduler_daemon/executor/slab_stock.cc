#include "scheduler_daemon/executor/slab_stock.h"

#include <utility>

#include "ipc/channel.h"

namespace paella::scheduler_daemon {

SlabStock::SlabStock(const Driver& driver, SlabSource& source, std::uint64_t ready_slab_bytes,
                     std::function<void()> prepare)
    : driver_(driver), source_(source), ready_slab_bytes_(ready_slab_bytes), keeper_(std::move(prepare)) {}

SlabStock::~SlabStock() { GiveUp(); }

void SlabStock::Keep(std::size_t count) {
  const std::lock_guard lock(mutex_);
  wanted_ = count;
  Refill();
}

CUresult SlabStock::TakeNew(std::uint64_t size_bytes, SlabSource::Need need, Slab& slab) {
  CUresult result = CUDA_SUCCESS;
  const auto grant = source_.Take(size_bytes, need, result);
  if (!grant) return result;
  slab = {grant->tag, size_bytes, 0};
  void* const fd = reinterpret_cast<void*>(static_cast<std::intptr_t>(grant->memory.get()));
  result = driver_.cuMemImportFromShareableHandle(&slab.handle, fd, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
  if (result != CUDA_SUCCESS) source_.Return(slab.tag);
  return result;
}

void SlabStock::PutBack(const Slab& slab) {
  driver_.cuMemRelease(slab.handle);
  source_.Return(slab.tag);
  ++put_back_ever_;
}

CUresult SlabStock::Take(std::uint64_t size_bytes, Slab& slab) {
  std::uint64_t before = 0;
  {
    const std::lock_guard lock(mutex_);
    if (size_bytes == ready_slab_bytes_ && !ready_.empty()) {
      slab = ready_.back();
      ready_.pop_back();
      Refill();
      return CUDA_SUCCESS;
    }
    ++takers_;
    before = put_back_;
  }
  CUresult result = TakeNew(size_bytes, SlabSource::Need::kNow, slab);
  if (result == CUDA_ERROR_OUT_OF_MEMORY && GiveUp() != before) {
    result = TakeNew(size_bytes, SlabSource::Need::kNow, slab);
  }
  const std::lock_guard lock(mutex_);
  --takers_;
  Refill();
  return result;
}

void SlabStock::Return(const Slab& slab) {
  PutBack(slab);
  const std::lock_guard lock(mutex_);
  is_short_ = false;
  Refill();
}

std::uint64_t SlabStock::GiveUp() {
  std::unique_lock lock(mutex_);
  is_short_ = true;
  filled_.wait_for(lock, kFillTimeout, [this] { return !filling_; });
  for (const Slab& slab : ready_) PutBack(slab);
  put_back_ += ready_.size();
  ready_.clear();
  return put_back_;
}

// The source does one thing after the other, so any answer will do.
void SlabStock::AwaitReturns() {
  const std::uint64_t before = put_back_ever_;
  CUresult result = CUDA_SUCCESS;
  const auto grant = source_.Take(ipc::kPhysicalGranularityBytes, SlabSource::Need::kNow, result);
  if (grant) source_.Return(grant->tag);
  awaited_ = before;
}

std::uint64_t SlabStock::ready_bytes() const {
  const std::lock_guard lock(mutex_);
  return ready_.size() * ready_slab_bytes_;
}

bool SlabStock::MayFill() const { return ready_.size() < wanted_ && takers_ == 0 && !filling_ && !is_short_; }

void SlabStock::Refill() {
  if (MayFill()) keeper_.Post([this] { FillOne(); });
}

void SlabStock::FillOne() {
  std::unique_lock lock(mutex_);
  if (!MayFill()) return;
  filling_ = true;
  lock.unlock();
  Slab slab;
  const CUresult result = TakeNew(ready_slab_bytes_, SlabSource::Need::kAhead, slab);
  lock.lock();
  if (result != CUDA_SUCCESS) {
    is_short_ = true;
  } else if (is_short_) {  // given up meanwhile
    PutBack(slab);
    ++put_back_;
  } else {
    ready_.push_back(slab);
  }
  filling_ = false;
  filled_.notify_all();
  Refill();
}

}  // namespace paella::scheduler_daemon
