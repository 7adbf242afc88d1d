// A binary heap of small numbers by rank, the least first, in which any member's rank can be changed and any member can
// leave, in O(log n) and without an allocation for each: what policies order by.
//
// Where each member stands is kept in a vector of the owner's, so that many heaps of disjoint members can share one.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_INDEXED_HEAP_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_INDEXED_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace paella::scheduler_daemon {

// Whole numbers are exact in `first` up to 2^53: 104 days in nanoseconds.
struct Rank {
  double first = 0;
  std::uint64_t second = 0;

  friend bool operator<(const Rank& a, const Rank& b) {
    return a.first != b.first ? a.first < b.first : a.second < b.second;
  }
};

class HeapPositions {
 public:
  static constexpr std::uint32_t kAbsent = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t Of(std::uint32_t member) const { return member < positions_.size() ? positions_[member] : kAbsent; }
  void Set(std::uint32_t member, std::uint32_t position) { positions_[member] = position; }
  void MakeRoomFor(std::uint32_t member) {
    if (member >= positions_.size()) positions_.resize(std::size_t{member} + member / 2 + 1, kAbsent);
  }

 private:
  std::vector<std::uint32_t> positions_;
};

class IndexedHeap {
 public:
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::uint32_t top() const { return entries_.front().member; }

  // Adds the member, or gives it another rank.
  void Set(HeapPositions& positions, std::uint32_t member, Rank rank) {
    std::uint32_t position = positions.Of(member);
    if (position == HeapPositions::kAbsent) {
      positions.MakeRoomFor(member);
      position = static_cast<std::uint32_t>(entries_.size());
      entries_.push_back({rank, member});
      RiseFrom(positions, position, {rank, member});
      return;
    }
    Place(positions, position, {rank, member});
  }

  // A member of this heap.
  void Erase(HeapPositions& positions, std::uint32_t member) {
    const std::uint32_t position = positions.Of(member);
    const Entry last = entries_.back();
    entries_.pop_back();
    positions.Set(member, HeapPositions::kAbsent);
    if (last.member != member) Place(positions, position, last);
  }

 private:
  struct Entry {
    Rank rank;
    std::uint32_t member;
  };

  void Place(HeapPositions& positions, std::uint32_t position, const Entry& entry) {
    if (position > 0 && entry.rank < entries_[(position - 1) / 2].rank) {
      RiseFrom(positions, position, entry);
    } else {
      SinkFrom(positions, position, entry);
    }
  }

  void RiseFrom(HeapPositions& positions, std::uint32_t position, Entry entry) {
    while (position > 0) {
      const std::uint32_t parent = (position - 1) / 2;
      if (!(entry.rank < entries_[parent].rank)) break;
      Put(positions, position, entries_[parent]);
      position = parent;
    }
    Put(positions, position, entry);
  }

  void SinkFrom(HeapPositions& positions, std::uint32_t position, Entry entry) {
    const auto size = static_cast<std::uint32_t>(entries_.size());
    while (true) {
      std::uint32_t child = 2 * position + 1;
      if (child >= size) break;
      if (child + 1 < size && entries_[child + 1].rank < entries_[child].rank) ++child;
      if (!(entries_[child].rank < entry.rank)) break;
      Put(positions, position, entries_[child]);
      position = child;
    }
    Put(positions, position, entry);
  }

  void Put(HeapPositions& positions, std::uint32_t position, const Entry& entry) {
    entries_[position] = entry;
    positions.Set(entry.member, position);
  }

  std::vector<Entry> entries_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_INDEXED_HEAP_H_
