// Weighted fair queueing by GPU time: the tenant to which the GPU owes most for each unit of its weight, its oldest
// command first. Dispatched commands are charged as predicted, and as measured when they are done, so a wrong
// prediction is made up for.
//
// Suits: tenants that pay for shares; a backlogged tenant gets its weight's part whatever others submit.
// Bad: cares for no response time: a short job of a tenant that had its share waits. Starves nobody whose weight is not
// tiny.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_WFQ_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_WFQ_H_

#include "scheduler_daemon/policies/ready_groups.h"

namespace paella::scheduler_daemon {

class WfqPolicy : public PolicyOperations {
 public:
  WfqPolicy(std::uint64_t starvation_bound_ns, std::uint64_t debt_kept_ns)
      : starvation_bound_ns_(starvation_bound_ns), debt_kept_ns_(debt_kept_ns) {}

  std::string_view name() const override { return "wfq"; }
  std::uint64_t starvation_bound_ns() const override { return starvation_bound_ns_; }
  std::uint64_t debt_kept_ns() const override { return debt_kept_ns_; }
  void Attached(const PolicyView& view) override { view_ = &view; }
  ReadyId Pick(std::uint64_t) override { return tenants_.first(); }
  void CommandReady(ReadyId id, const CommandInfo& command, std::uint64_t) override {
    tenants_.Add(command.tenant, RankOf(command.tenant), id, {0, command.arrival});
  }
  void CommandDispatched(ReadyId id, const CommandInfo& command, std::uint64_t) override {
    tenants_.Remove(command.tenant, id);
    tenants_.SetRank(command.tenant, RankOf(command.tenant));
  }
  void CommandWithdrawn(ReadyId id, const CommandInfo& command, std::uint64_t) override {
    tenants_.Remove(command.tenant, id);
  }
  void CommandCompleted(ReadyId, const CommandInfo& command, std::uint64_t, std::uint64_t) override {
    tenants_.SetRank(command.tenant, RankOf(command.tenant));
  }

 private:
  Rank RankOf(TenantId tenant) const { return {view_->ServiceTag(tenant), tenant}; }

  const std::uint64_t starvation_bound_ns_;
  const std::uint64_t debt_kept_ns_;
  const PolicyView* view_ = nullptr;
  ReadyGroups tenants_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_WFQ_H_
