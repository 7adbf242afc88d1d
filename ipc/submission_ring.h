// The submission ring: how one client hands commands to the daemon without a system call.
//
//   head (reader) ──▶ ┌────────┬──────────┬─────┬───────┐ ◀── tail (writer's own, not shared)
//                     │ record │  record  │ ... │ free  │
//                     └────────┴──────────┴─────┴───────┘
//
// Positions are byte counts that only grow; an offset in the buffer is `position % capacity`. Each record is a
// RecordHeader and its payload, padded to kRecordAlignment. A record is never split: where it would cross the end of
// the buffer, a padding record (kind 0) fills the rest.
//
// A record is published by its own header: the word `published` becomes the stamp of the record's position, which differs
// in each lap. So the line that the reader polls is the line that the next record comes in, and a burst of records
// shares no line at all between writer and reader: a shared tail would go back and forth at every record (a 12-parameter
// launch took 129 ns with one on an H100's host).
//
// One writer at a time (the client's lock keeps program order across its threads), one reader (the daemon). The reader
// trusts nothing in here: it copies a record out and then checks the copy, and never trusts `head` after writing it.
#ifndef PAELLA_IPC_SUBMISSION_RING_H_
#define PAELLA_IPC_SUBMISSION_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace paella::ipc {

inline constexpr std::size_t kCacheLineBytes = 64;
inline constexpr std::size_t kRecordAlignment = 16;

struct RecordHeader {
  std::uint32_t size_bytes;  // header and payload, before padding to kRecordAlignment
  std::uint32_t kind;        // 0 is padding; the meaning of the others belongs to the layer above
  std::atomic<std::uint64_t> published;  // PublishedStamp(position): stored last (release), loaded first (acquire)
};
static_assert(sizeof(RecordHeader) == kRecordAlignment);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

// What a published record at `position` carries. Scrambled, so that a number that an old record left in this place is
// not taken for it: never 0, as new memory is.
constexpr std::uint64_t PublishedStamp(std::uint64_t position) {
  constexpr std::uint64_t kOddConstant = 0x9e3779b97f4a7c15;  // 2^64 divided by the golden ratio (Knuth)
  return (position + 1) * kOddConstant;
}

// Lies at the start of the ring's shared memory; the buffer follows it.
struct RingControl {
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> head;  // stored by the reader (release), read by the writer
};
static_assert(sizeof(RingControl) == kCacheLineBytes);

// A view of shared memory both sides have mapped. `buffer.size()` is a power of two, at least 4 KiB.
struct RingMemory {
  RingControl* control;
  std::span<std::byte> buffer;
};

// The client's end. Not thread-safe: the caller holds the client's writer lock.
class RingWriter {
 public:
  explicit RingWriter(RingMemory memory);

  // Largest payload that any ring of this capacity takes: a quarter of it, so that padding never starves a record.
  std::size_t max_payload_bytes() const;

  // Reserves a record and returns its payload for the caller to fill, or an empty span if the ring has no room now.
  // `payload_bytes` is at most max_payload_bytes() and at least 1. The record becomes visible with Commit().
  std::span<std::byte> Reserve(std::uint32_t kind, std::size_t payload_bytes);

  // Publishes what Reserve() returned.
  void Commit();

 private:
  bool HasRoomFor(std::uint64_t end_position);

  RingMemory memory_;
  std::uint64_t tail_ = 0;
  std::uint64_t pending_record_ = 0;  // position of what Reserve() returned
  std::uint64_t pending_tail_ = 0;
  std::uint64_t known_head_ = 0;   // last head read: refreshed only when the ring looks full
};

enum class ReadStatus { kRecord, kEmpty, kCorrupt };

// The daemon's end. One thread at a time.
class RingReader {
 public:
  explicit RingReader(RingMemory memory);

  // Copies the next record's payload into `payload` (resized) and its kind into `kind`, and frees its place.
  // kCorrupt: the writer broke the format; the ring must not be read again and the client has to end.
  ReadStatus Read(std::uint32_t& kind, std::vector<std::byte>& payload);

  // Whether Read would find something, good or bad.
  bool HasRecord() const;

 private:
  void Advance(std::uint64_t bytes);

  RingMemory memory_;
  std::uint64_t head_ = 0;  // ours; never read back from shared memory
};

}  // namespace paella::ipc

#endif  // PAELLA_IPC_SUBMISSION_RING_H_
