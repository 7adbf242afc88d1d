// The command with the shortest predicted duration first, whatever it is part of.
//
// Suits: many tenants with single, unlike commands; short ones hardly notice long neighbours.
// Bad: a job of many short kernels goes before one of few long kernels although it takes longer; a kernel seen for the
// first time is placed by a guess; long commands starve without the bound (100 ms by default).
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_SJF_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_SJF_H_

#include "scheduler_daemon/policies/ranked_policy.h"

namespace paella::scheduler_daemon {

class SjfPolicy : public RankedPolicy {
 public:
  explicit SjfPolicy(std::uint64_t starvation_bound_ns) : RankedPolicy(starvation_bound_ns) {}
  std::string_view name() const override { return "sjf"; }

 protected:
  Rank RankOf(const CommandInfo& command) const override {
    return {static_cast<double>(command.predicted_ns), command.arrival};
  }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_SJF_H_
