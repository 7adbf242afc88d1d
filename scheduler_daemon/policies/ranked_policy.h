// A policy whose order is a rank of each command that does not change while it is ready: what fifo, sjf, priority and
// edf share.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_RANKED_POLICY_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_RANKED_POLICY_H_

#include "scheduler_daemon/policies/indexed_heap.h"
#include "scheduler_daemon/policies/operations.h"

namespace paella::scheduler_daemon {

class RankedPolicy : public PolicyOperations {
 public:
  explicit RankedPolicy(std::uint64_t starvation_bound_ns) : starvation_bound_ns_(starvation_bound_ns) {}

  std::uint64_t starvation_bound_ns() const override { return starvation_bound_ns_; }
  void Attached(const PolicyView& view) override { view_ = &view; }
  ReadyId Pick(std::uint64_t) override { return ready_.top(); }
  void CommandReady(ReadyId id, const CommandInfo& command, std::uint64_t) override {
    ready_.Set(positions_, id, RankOf(command));
  }
  void CommandDispatched(ReadyId id, const CommandInfo&, std::uint64_t) override { ready_.Erase(positions_, id); }
  void CommandWithdrawn(ReadyId id, const CommandInfo&, std::uint64_t) override { ready_.Erase(positions_, id); }

 protected:
  // The least goes first.
  virtual Rank RankOf(const CommandInfo& command) const = 0;
  const PolicyView& view() const { return *view_; }

 private:
  const std::uint64_t starvation_bound_ns_;
  const PolicyView* view_ = nullptr;
  HeapPositions positions_;
  IndexedHeap ready_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_RANKED_POLICY_H_
