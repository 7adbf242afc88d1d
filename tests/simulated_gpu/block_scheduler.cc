#include "tests/simulated_gpu/block_scheduler.h"

#include <algorithm>
#include <limits>

namespace paella::simulated_gpu {

BlockScheduler::BlockScheduler(std::uint32_t sms, SmLimits limits, std::uint32_t queues, const Clock& clock)
    : limits_(limits), clock_(clock), sms_(sms), queues_(queues) {}

ItemId BlockScheduler::Submit(const ItemRequest& request) {
  const ItemId id = next_id_++;
  Item& item = items_[id];
  item.request = request;
  item.times.submitted_ns = clock_.NowNs();
  queues_.at(request.queue).push_back(id);
  return id;
}

void BlockScheduler::MarkReady(ItemId item) { items_.at(item).ready = true; }

std::vector<ScheduleAction> BlockScheduler::Dispatch() {
  std::vector<ScheduleAction> actions;
  StartHeads(actions);
  for (auto it = active_.begin(); it != active_.end();) {
    Item& item = items_.at(*it);
    PlaceBlocks(*it, item, actions);
    if (item.placed < item.request.blocks) {
      // A less urgent kernel may fill what is left, except that a cooperative one waiting for room would starve.
      if (item.request.all_at_once) break;
      ++it;
      continue;
    }
    const ItemId placed = *it;
    it = active_.erase(it);
    auto& queue = queues_[item.request.queue];
    if (!queue.empty() && queue.front() == placed) queue.pop_front();
    StartHeads(actions);
  }
  return actions;
}

void BlockScheduler::StartHeads(std::vector<ScheduleAction>& actions) {
  for (auto& queue : queues_) {
    while (!queue.empty()) {
      const ItemId id = queue.front();
      Item& item = items_.at(id);
      if (!item.ready || item.times.started_ns != 0) break;
      item.times.started_ns = std::max<std::uint64_t>(clock_.NowNs(), 1);
      if (item.request.blocks == 0) {
        queue.pop_front();
        actions.push_back({ScheduleAction::Kind::kStart, id, 0, 0});
        continue;
      }
      // It stays at the head until its last block is placed.
      const auto less_urgent = std::find_if(active_.begin(), active_.end(), [&](ItemId other) {
        return items_.at(other).request.priority > item.request.priority;
      });
      active_.insert(less_urgent, id);
      break;
    }
  }
}

void BlockScheduler::PlaceBlocks(ItemId id, Item& item, std::vector<ScheduleAction>& actions) {
  if (item.request.all_at_once && item.placed == 0 && !RoomForAll(item)) return;
  const BlockResources& block = item.request.per_block;
  std::uint32_t full = 0;
  while (item.placed < item.request.blocks && full < sms_.size()) {
    const std::uint32_t index = next_sm_;
    next_sm_ = (next_sm_ + 1) % static_cast<std::uint32_t>(sms_.size());
    if (RoomOn(index, item.request) == 0) {
      ++full;
      continue;
    }
    full = 0;
    Sm& sm = sms_[index];
    sm.used.threads += block.threads;
    sm.used.registers += block.registers;
    sm.used.shared_bytes += block.shared_bytes;
    ++sm.blocks;
    actions.push_back({ScheduleAction::Kind::kPlace, id, item.placed++, index});
  }
}

bool BlockScheduler::RoomForAll(const Item& item) const {
  std::uint64_t room = 0;
  for (std::size_t sm = 0; sm < sms_.size(); ++sm) room += RoomOn(sm, item.request);
  return room >= item.request.blocks;
}

std::uint32_t BlockScheduler::RoomOn(std::size_t index, const ItemRequest& request) const {
  if (request.sms != nullptr && !(*request.sms)[index]) return 0;
  const Sm& sm = sms_[index];
  const SmLimits free{limits_.threads - sm.used.threads, limits_.registers - sm.used.registers,
                      limits_.shared_bytes - sm.used.shared_bytes, limits_.blocks - sm.blocks};
  return BlocksPerSm(free, request.per_block);
}

bool BlockScheduler::FinishBlock(ItemId id, std::uint32_t sm_index, ItemTimes* times) {
  Item& item = items_.at(id);
  Sm& sm = sms_.at(sm_index);
  sm.used.threads -= item.request.per_block.threads;
  sm.used.registers -= item.request.per_block.registers;
  sm.used.shared_bytes -= item.request.per_block.shared_bytes;
  --sm.blocks;
  if (++item.finished < item.request.blocks) return false;
  Forget(id, times);
  return true;
}

void BlockScheduler::Finish(ItemId item, ItemTimes* times) { Forget(item, times); }

bool BlockScheduler::Cancel(ItemId id) {
  Item& item = items_.at(id);
  item.request.blocks = item.placed;
  active_.remove(id);
  std::erase(queues_[item.request.queue], id);
  if (item.finished < item.placed) return false;
  Forget(id, nullptr);
  return true;
}

void BlockScheduler::Forget(ItemId id, ItemTimes* times) {
  const auto it = items_.find(id);
  it->second.times.finished_ns = clock_.NowNs();
  if (times != nullptr) *times = it->second.times;
  items_.erase(it);
}

std::uint32_t BlockScheduler::BlocksPerSm(const SmLimits& limits, const BlockResources& block) {
  std::uint32_t blocks = limits.blocks;
  if (block.threads > 0) blocks = std::min(blocks, limits.threads / block.threads);
  if (block.registers > 0) blocks = std::min(blocks, limits.registers / block.registers);
  if (block.shared_bytes > 0) blocks = std::min(blocks, limits.shared_bytes / block.shared_bytes);
  return blocks;
}

std::uint64_t BlockScheduler::BlocksPerDevice(const BlockResources& block) const {
  return std::uint64_t{BlocksPerSm(limits_, block)} * sms_.size();
}

}  // namespace paella::simulated_gpu
