// The model of the hardware's block scheduler: which block of which kernel runs next, and on which SM.
//
//   hardware queues (first-in first-out)          SMs
//   ┌──────┬──────┬──────┐  head               ┌──────────────────────────────┐
//   │ item │ item │ item │ ───▶ active kernels ─▶ registers, shared, threads, │
//   └──────┴──────┴──────┘      by priority     │  block slots                │
//        ...                                    └──────────────────────────────┘
//
// An item leaves its queue when it is the head and its dependencies are met (MarkReady). Until then everything behind
// it waits, of whichever stream: that is the head-of-line blocking of the real part. A kernel whose blocks are all
// placed no longer holds its queue up; items of the same stream wait because they are not ready, not because of it.
// Items with no blocks (copies, markers) are started and then belong to the caller until Finish().
//
// Pure: no threads, no locks, no clock of its own. The device calls it under its mutex with the real clock; a
// simulation calls it with a virtual one. Owns copies of what it is told, nothing else.
#ifndef PAELLA_TESTS_SIMULATED_GPU_BLOCK_SCHEDULER_H_
#define PAELLA_TESTS_SIMULATED_GPU_BLOCK_SCHEDULER_H_

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

namespace paella::simulated_gpu {

// Where the scheduler's time stamps come from.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::uint64_t NowNs() const = 0;
};

// What one block takes from an SM for as long as it is resident.
struct BlockResources {
  std::uint32_t threads = 0;
  std::uint32_t registers = 0;
  std::uint32_t shared_bytes = 0;
};

struct SmLimits {
  std::uint32_t threads;
  std::uint32_t registers;
  std::uint32_t shared_bytes;
  std::uint32_t blocks;
};

using ItemId = std::uint64_t;

struct ItemRequest {
  std::uint32_t queue = 0;
  int priority = 0;             // smaller is more urgent, as in CUDA
  std::uint64_t blocks = 0;     // 0: not a kernel
  BlockResources per_block{};
  bool all_at_once = false;     // cooperative: no block is placed before there is room for all
  std::shared_ptr<const std::vector<bool>> sms;  // those it may run on; null: any
};

struct ScheduleAction {
  enum class Kind { kStart, kPlace };
  Kind kind;
  ItemId item;
  std::uint64_t block;  // kPlace: the block's index
  std::uint32_t sm;     // kPlace: where it became resident
};

struct ItemTimes {
  std::uint64_t submitted_ns = 0;
  std::uint64_t started_ns = 0;  // left its queue
  std::uint64_t finished_ns = 0;
};

class BlockScheduler {
 public:
  // `clock` must outlive the scheduler.
  BlockScheduler(std::uint32_t sms, SmLimits limits, std::uint32_t queues, const Clock& clock);

  // Appends to its queue. The item must fit an empty SM (see Fits); a kernel that does not would wait for ever.
  ItemId Submit(const ItemRequest& request);

  // The item's dependencies are met.
  void MarkReady(ItemId item);

  // Starts and places whatever can be now, most urgent kernels first, in order of arrival among equals.
  std::vector<ScheduleAction> Dispatch();

  // A block placed on `sm` has ended. Returns true if it was the kernel's last one; the item is gone then, and `times`
  // (if given) tells its life.
  bool FinishBlock(ItemId item, std::uint32_t sm, ItemTimes* times = nullptr);

  // An item without blocks has ended.
  void Finish(ItemId item, ItemTimes* times = nullptr);

  // Drops the blocks of a kernel that were not placed yet (its context has failed). Returns true if nothing of it is
  // left, in which case the item is gone.
  bool Cancel(ItemId item);

  // How many such blocks an empty SM takes: the occupancy.
  static std::uint32_t BlocksPerSm(const SmLimits& limits, const BlockResources& block);
  std::uint64_t BlocksPerDevice(const BlockResources& block) const;
  bool Fits(const BlockResources& block) const { return BlocksPerSm(limits_, block) > 0; }

  std::size_t items() const { return items_.size(); }

 private:
  struct Item {
    ItemRequest request;
    bool ready = false;
    std::uint64_t placed = 0;
    std::uint64_t finished = 0;
    ItemTimes times;
  };
  struct Sm {
    BlockResources used;
    std::uint32_t blocks = 0;
  };

  void StartHeads(std::vector<ScheduleAction>& actions);
  void PlaceBlocks(ItemId id, Item& item, std::vector<ScheduleAction>& actions);
  bool RoomForAll(const Item& item) const;
  // For blocks of the item.
  std::uint32_t RoomOn(std::size_t sm, const ItemRequest& request) const;
  void Forget(ItemId id, ItemTimes* times);

  const SmLimits limits_;
  const Clock& clock_;
  std::vector<Sm> sms_;
  std::vector<std::deque<ItemId>> queues_;
  std::unordered_map<ItemId, Item> items_;
  std::list<ItemId> active_;  // kernels out of their queue with blocks still to place, by priority, then arrival
  ItemId next_id_ = 1;
  std::uint32_t next_sm_ = 0;  // placement goes round, so that few blocks spread over all SMs
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_BLOCK_SCHEDULER_H_
