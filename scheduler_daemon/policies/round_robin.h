// One command of each tenant in turn, the tenant's oldest first. Equal numbers of commands, not equal GPU time: good
// where commands are alike, unfair to tenants with short kernels beside tenants with long ones.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_ROUND_ROBIN_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_ROUND_ROBIN_H_

#include "scheduler_daemon/policies/policy.h"

namespace paella::scheduler_daemon {

class RoundRobinPolicy : public Policy {
 public:
  std::string_view name() const override { return "round-robin"; }
  std::size_t Pick(std::span<const ReadyCommand> ready, std::uint64_t now_ns) override;
  void OnDispatched(const ReadyCommand& command, std::uint64_t now_ns) override;

 private:
  std::uint32_t last_tenant_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_ROUND_ROBIN_H_
