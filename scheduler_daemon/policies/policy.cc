#include "scheduler_daemon/policies/policy.h"

#include "scheduler_daemon/policies/fifo.h"
#include "scheduler_daemon/policies/round_robin.h"

namespace paella::scheduler_daemon {

std::unique_ptr<Policy> MakePolicy(std::string_view name) {
  if (name == "fifo") return std::make_unique<FifoPolicy>();
  if (name == "round-robin") return std::make_unique<RoundRobinPolicy>();
  return nullptr;
}

std::vector<std::string> PolicyNames() { return {"fifo", "round-robin"}; }

}  // namespace paella::scheduler_daemon
