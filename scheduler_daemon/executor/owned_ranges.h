// The addresses that one client may name in copies and memsets: its allocations, its globals, what it mapped itself.
//
// The dispatching thread asks, the client's worker changes: one lock, held for a look-up.
//
// An allocation is a range of its own: nothing may run from one into the next, however close it lies. Mappings are the
// pieces that a program puts together as one buffer, so those that lie side by side count as one range.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_OWNED_RANGES_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_OWNED_RANGES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>

namespace paella::scheduler_daemon {

enum class RangeUse { kRead, kWrite };

class OwnedRanges {
 public:
  // False: a range starts there already.
  bool Add(std::uint64_t address, std::uint64_t size_bytes);
  // A mapping that the client may read, and perhaps write; takes the place of what was said of it before.
  void SetMapping(std::uint64_t address, std::uint64_t size_bytes, bool writable);
  // False: none starts there.
  bool Remove(std::uint64_t address);

  // Of [address, address + size) nothing is allowed until EndRetiring says the same: a call that takes it away was read, and
  // waits for the commands before it. Commands behind it must not find it any more.
  void BeginRetiring(std::uint64_t address, std::uint64_t size_bytes);
  void EndRetiring(std::uint64_t address, std::uint64_t size_bytes);
  std::size_t retiring() const;

  // How often something was taken away: while this stays, what was allowed is allowed.
  std::uint64_t lost() const { return lost_.load(std::memory_order_acquire); }

  // Whether [address, address + size) may be used so.
  bool Allow(std::uint64_t address, std::uint64_t size_bytes, RangeUse use) const;

 private:
  struct Range {
    std::uint64_t size_bytes;
    bool is_mapping;
    bool writable;
  };

  bool IsRetiring(std::uint64_t address, std::uint64_t size_bytes) const;

  mutable std::mutex mutex_;
  std::map<std::uint64_t, Range> ranges_;  // by address
  std::multimap<std::uint64_t, std::uint64_t> retiring_;  // address -> size: as many as calls are on their way
  std::atomic<std::uint64_t> lost_{0};
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_OWNED_RANGES_H_
