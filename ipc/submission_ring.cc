#include "ipc/submission_ring.h"

#include <bit>
#include <cstdlib>
#include <cstring>

namespace paella::ipc {
namespace {

constexpr std::uint32_t kPaddingKind = 0;
constexpr std::size_t kMinCapacityBytes = 4096;

constexpr std::uint64_t PaddedSize(std::uint64_t bytes) {
  return (bytes + kRecordAlignment - 1) & ~(kRecordAlignment - 1);
}

// Our own bug, on either side: the memory was made and sized by us, whatever a peer wrote into it.
void CheckMemory(const RingMemory& memory) {
  const std::size_t capacity = memory.buffer.size();
  if (memory.control == nullptr || capacity < kMinCapacityBytes || !std::has_single_bit(capacity)) std::abort();
}

RecordHeader& HeaderAt(const RingMemory& memory, std::uint64_t position) {
  return *reinterpret_cast<RecordHeader*>(memory.buffer.data() + position % memory.buffer.size());
}

void PrefetchForWriting(const std::byte* line) {
#if defined(__x86_64__)
  asm volatile("prefetchw %0" : : "m"(*line));  // __builtin_prefetch asks for a shared copy where the target is plain x86-64
#else
  __builtin_prefetch(line, 1);
#endif
}

// The lines of the records to come are in the reader's cache since the last lap. Asked for ahead, they are here when they
// are written, and the next locked instruction need not wait for them.
void PrefetchForWriting(const RingMemory& memory, std::uint64_t position) {
  constexpr std::uint64_t kAheadBytes = 1024;
  constexpr std::uint64_t kLines = 4;  // a launch's record has three to five
  for (std::uint64_t line = 0; line < kLines; ++line) {
    const std::uint64_t offset = (position + kAheadBytes + line * kCacheLineBytes) % memory.buffer.size();
    PrefetchForWriting(memory.buffer.data() + offset);
  }
}

}  // namespace

RingWriter::RingWriter(RingMemory memory) : memory_(memory) { CheckMemory(memory_); }

std::size_t RingWriter::max_payload_bytes() const { return memory_.buffer.size() / 4 - sizeof(RecordHeader); }

bool RingWriter::HasRoomFor(std::uint64_t end_position) {
  if (end_position - known_head_ <= memory_.buffer.size()) return true;
  known_head_ = memory_.control->head.load(std::memory_order_acquire);  // pairs with RingReader::Advance
  return end_position - known_head_ <= memory_.buffer.size();
}

std::span<std::byte> RingWriter::Reserve(std::uint32_t kind, std::size_t payload_bytes) {
  if (kind == kPaddingKind || payload_bytes == 0 || payload_bytes > max_payload_bytes()) std::abort();
  const std::uint64_t capacity = memory_.buffer.size();
  const std::uint64_t size = sizeof(RecordHeader) + payload_bytes;
  const std::uint64_t to_end = capacity - tail_ % capacity;
  const std::uint64_t padding = PaddedSize(size) <= to_end ? 0 : to_end;
  const std::uint64_t end_position = tail_ + padding + PaddedSize(size);
  if (!HasRoomFor(end_position)) return {};
  if (padding != 0) {
    RecordHeader& filler = HeaderAt(memory_, tail_);
    filler.size_bytes = static_cast<std::uint32_t>(padding);
    filler.kind = kPaddingKind;
    filler.published.store(PublishedStamp(tail_), std::memory_order_release);  // pairs with RingReader::Read
    tail_ += padding;
  }
  RecordHeader& header = HeaderAt(memory_, tail_);
  header.size_bytes = static_cast<std::uint32_t>(size);
  header.kind = kind;
  pending_record_ = tail_;
  pending_tail_ = end_position;
  PrefetchForWriting(memory_, end_position);
  return {reinterpret_cast<std::byte*>(&header) + sizeof header, payload_bytes};
}

void RingWriter::Commit() {
  HeaderAt(memory_, pending_record_).published.store(PublishedStamp(pending_record_), std::memory_order_release);
  tail_ = pending_tail_;  // the store above pairs with RingReader::Read
}

RingReader::RingReader(RingMemory memory) : memory_(memory) { CheckMemory(memory_); }

void RingReader::Advance(std::uint64_t bytes) {
  head_ += bytes;
  memory_.control->head.store(head_, std::memory_order_release);  // pairs with RingWriter::HasRoomFor
}

bool RingReader::HasRecord() const {
  // Pairs with RingWriter's store.
  return HeaderAt(memory_, head_).published.load(std::memory_order_acquire) == PublishedStamp(head_);
}

ReadStatus RingReader::Read(std::uint32_t& kind, std::vector<std::byte>& payload) {
  const std::uint64_t capacity = memory_.buffer.size();
  // At most one padding record stands before a record, so two rounds always suffice; a third is a broken writer.
  for (int round = 0; round < 2; ++round) {
    const std::uint64_t to_end = capacity - head_ % capacity;
    const RecordHeader& shared = HeaderAt(memory_, head_);
    if (!HasRecord()) return ReadStatus::kEmpty;
    std::uint32_t copy[2];  // size and kind, read once
    std::memcpy(copy, &shared, sizeof copy);
    const auto [size_bytes, its_kind] = copy;
    const std::uint64_t padded = PaddedSize(size_bytes);
    if (size_bytes < sizeof(RecordHeader) || padded > to_end) return ReadStatus::kCorrupt;
    if (its_kind != kPaddingKind) {
      kind = its_kind;
      const std::byte* const body = reinterpret_cast<const std::byte*>(&shared) + sizeof shared;
      payload.assign(body, body + (size_bytes - sizeof shared));
      Advance(padded);
      return ReadStatus::kRecord;
    }
    if (padded != to_end) return ReadStatus::kCorrupt;
    Advance(padded);
  }
  return ReadStatus::kCorrupt;
}

}  // namespace paella::ipc
