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
  const std::uint64_t offset = tail_ % capacity;
  const std::uint64_t to_end = capacity - offset;
  const std::uint64_t padding = PaddedSize(size) <= to_end ? 0 : to_end;
  const std::uint64_t end_position = tail_ + padding + PaddedSize(size);
  if (!HasRoomFor(end_position)) return {};
  if (padding != 0) {
    const RecordHeader filler{static_cast<std::uint32_t>(padding), kPaddingKind, 0};
    std::memcpy(memory_.buffer.data() + offset, &filler, sizeof filler);
  }
  std::byte* record = memory_.buffer.data() + (tail_ + padding) % capacity;
  const RecordHeader header{static_cast<std::uint32_t>(size), kind, 0};
  std::memcpy(record, &header, sizeof header);
  pending_tail_ = end_position;
  return {record + sizeof header, payload_bytes};
}

void RingWriter::Commit() {
  tail_ = pending_tail_;
  memory_.control->tail.store(tail_, std::memory_order_release);  // pairs with RingReader::Read
}

RingReader::RingReader(RingMemory memory) : memory_(memory) { CheckMemory(memory_); }

void RingReader::Advance(std::uint64_t bytes) {
  head_ += bytes;
  memory_.control->head.store(head_, std::memory_order_release);  // pairs with RingWriter::HasRoomFor
}

ReadStatus RingReader::Read(std::uint32_t& kind, std::vector<std::byte>& payload) {
  const std::uint64_t capacity = memory_.buffer.size();
  // At most one padding record stands before a record, so two rounds always suffice; a third is a broken writer.
  for (int round = 0; round < 2; ++round) {
    const std::uint64_t tail = memory_.control->tail.load(std::memory_order_acquire);  // pairs with RingWriter::Commit
    const std::uint64_t available = tail - head_;
    if (available == 0) return ReadStatus::kEmpty;
    if (available > capacity || available % kRecordAlignment != 0) return ReadStatus::kCorrupt;

    const std::uint64_t offset = head_ % capacity;
    RecordHeader header;
    std::memcpy(&header, memory_.buffer.data() + offset, sizeof header);
    const std::uint64_t padded = PaddedSize(header.size_bytes);
    if (header.size_bytes < sizeof header || padded > available || padded > capacity - offset) {
      return ReadStatus::kCorrupt;
    }
    if (header.kind != kPaddingKind) {
      kind = header.kind;
      const std::byte* body = memory_.buffer.data() + offset + sizeof header;
      payload.assign(body, body + (header.size_bytes - sizeof header));
      Advance(padded);
      return ReadStatus::kRecord;
    }
    if (padded != capacity - offset) return ReadStatus::kCorrupt;
    Advance(padded);
  }
  return ReadStatus::kCorrupt;
}

}  // namespace paella::ipc
