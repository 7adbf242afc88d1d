// Allots the channel's staging area, through which the bytes of pageable copies pass: a queue of ranges, each free again
// when its command has completed (host to device) or when its bytes were fetched (device to host).
//
// First in, first out: a range is reused only after all the ranges before it, so one stream that stands still can make
// pageable copies of the others wait once 16 MiB lie behind it. Any thread. Owns no memory: it deals in offsets.
#ifndef PAELLA_SHIM_STAGING_H_
#define PAELLA_SHIM_STAGING_H_

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

namespace paella::shim {

struct StagingRange {
  std::uint64_t ticket = 0;
  std::uint64_t offset = 0;
};

class StagingAllocator {
 public:
  // Whether command `sequence` of `stream` has completed.
  using IsComplete = bool (*)(void* context, std::uint32_t stream, std::uint64_t sequence);

  StagingAllocator(std::uint64_t capacity_bytes, IsComplete is_complete, void* context)
      : capacity_(capacity_bytes), is_complete_(is_complete), context_(context) {}

  // A range, if there is room now. `size_bytes` is at most half of the capacity.
  std::optional<StagingRange> Allot(std::uint64_t size_bytes);

  // The range is free once this command has completed.
  void FreeAfter(const StagingRange& range, std::uint32_t stream, std::uint64_t sequence);
  void FreeNow(const StagingRange& range);

 private:
  enum class State { kInUse, kAfterCommand, kFree };
  struct Entry {
    std::uint64_t begin, end;  // positions, which only grow; an offset is position % capacity_
    State state;
    std::uint32_t stream;
    std::uint64_t sequence;
  };

  void Reclaim();
  Entry& At(std::uint64_t ticket) { return entries_[ticket - first_ticket_]; }

  const std::uint64_t capacity_;
  const IsComplete is_complete_;
  void* const context_;
  std::mutex mutex_;
  std::deque<Entry> entries_;      // under mutex_, like all below
  std::uint64_t first_ticket_ = 0;  // of entries_.front()
  std::uint64_t head_ = 0;          // where the next range begins
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_STAGING_H_
