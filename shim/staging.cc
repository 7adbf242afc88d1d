#include "shim/staging.h"

namespace paella::shim {
namespace {

constexpr std::uint64_t kAlignmentBytes = 256;  // what the GPU's copy engines like

constexpr std::uint64_t Aligned(std::uint64_t bytes) { return (bytes + kAlignmentBytes - 1) & ~(kAlignmentBytes - 1); }

}  // namespace

void StagingAllocator::Reclaim() {
  while (!entries_.empty()) {
    const Entry& oldest = entries_.front();
    const bool free = oldest.state == State::kFree ||
                      (oldest.state == State::kAfterCommand && is_complete_(context_, oldest.stream, oldest.sequence));
    if (!free) return;
    entries_.pop_front();
    ++first_ticket_;
  }
}

std::optional<StagingRange> StagingAllocator::Allot(std::uint64_t size_bytes) {
  const std::uint64_t size = Aligned(size_bytes == 0 ? 1 : size_bytes);
  const std::lock_guard lock(mutex_);
  Reclaim();
  // Where nothing is in use, from the beginning: those lines are the likeliest in the cache.
  if (entries_.empty()) head_ = (head_ + capacity_ - 1) / capacity_ * capacity_;
  const std::uint64_t to_end = capacity_ - head_ % capacity_;
  const std::uint64_t begin = size <= to_end ? head_ : head_ + to_end;  // a range never wraps
  const std::uint64_t oldest = entries_.empty() ? begin : entries_.front().begin;
  if (begin + size - oldest > capacity_) return std::nullopt;
  entries_.push_back({begin, begin + size, State::kInUse, 0, 0});
  head_ = begin + size;
  return StagingRange{first_ticket_ + entries_.size() - 1, begin % capacity_};
}

void StagingAllocator::FreeAfter(const StagingRange& range, std::uint32_t stream, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  Entry& entry = At(range.ticket);
  entry.state = State::kAfterCommand;
  entry.stream = stream;
  entry.sequence = sequence;
}

void StagingAllocator::FreeNow(const StagingRange& range) {
  const std::lock_guard lock(mutex_);
  At(range.ticket).state = State::kFree;
}

}  // namespace paella::shim
