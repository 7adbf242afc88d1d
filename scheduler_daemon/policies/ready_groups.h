// Ready commands in groups (tenants, or jobs): which group is next by the group's rank, and which of its commands by
// the command's own. What most policies are made of; each operation costs O(log groups + log commands of the group).
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_READY_GROUPS_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_READY_GROUPS_H_

#include <cstdint>
#include <vector>

#include "scheduler_daemon/policies/indexed_heap.h"
#include "scheduler_daemon/policies/operations.h"

namespace paella::scheduler_daemon {

class ReadyGroups {
 public:
  bool empty() const { return groups_.empty(); }
  // Of those with a ready command.
  std::uint32_t first_group() const { return groups_.top(); }
  ReadyId FirstOf(std::uint32_t group) const { return members_[group].top(); }
  ReadyId first() const { return FirstOf(first_group()); }

  bool IsEmpty(std::uint32_t group) const { return group >= members_.size() || members_[group].empty(); }

  void Add(std::uint32_t group, Rank group_rank, ReadyId command, Rank rank) {
    if (group >= members_.size()) members_.resize(std::size_t{group} + group / 2 + 1);
    members_[group].Set(command_positions_, command, rank);
    groups_.Set(group_positions_, group, group_rank);
  }

  void Remove(std::uint32_t group, ReadyId command) {
    members_[group].Erase(command_positions_, command);
    if (members_[group].empty()) groups_.Erase(group_positions_, group);
  }

  // Nothing happens to a group without ready commands: Add says its rank.
  void SetRank(std::uint32_t group, Rank rank) {
    if (!IsEmpty(group)) groups_.Set(group_positions_, group, rank);
  }

 private:
  HeapPositions group_positions_;
  HeapPositions command_positions_;  // a command is in one group only
  IndexedHeap groups_;
  std::vector<IndexedHeap> members_;  // by group
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_READY_GROUPS_H_
