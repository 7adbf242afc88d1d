// First in, first out over all tenants: what one queue in front of the GPU would do. Fair to nobody, starves nobody; a
// tenant with many small commands waits behind one with large ones.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_FIFO_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_FIFO_H_

#include "scheduler_daemon/policies/policy.h"

namespace paella::scheduler_daemon {

class FifoPolicy : public Policy {
 public:
  std::string_view name() const override { return "fifo"; }
  std::size_t Pick(std::span<const ReadyCommand> ready, std::uint64_t now_ns) override;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_FIFO_H_
