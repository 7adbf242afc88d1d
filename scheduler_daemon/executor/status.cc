#include "scheduler_daemon/executor/status.h"

#include <nlohmann/json.hpp>

namespace paella::scheduler_daemon {

std::string DescribeStatus(const Scheduler& scheduler, const Tenants& tenants, const SlabStock& slabs) {
  auto clients = nlohmann::json::array();
  scheduler.ForEachSession([&](ClientSession& session) {
    std::size_t waiting = 0;
    for (const std::uint32_t stream : session.streams().active()) waiting += session.streams().at(stream).waiting.size();
    const Tenant& tenant = session.tenant();
    clients.push_back({{"client", session.identity().client},
                       {"tenant", tenant.name},
                       {"class", session.identity().class_name},
                       {"launches", session.launches.load()},
                       {"waiting", waiting},
                       {"in_flight_tenant", tenant.in_flight},
                       {"memory_bytes", tenant.memory.used_bytes()},
                       {"gpu_seconds", static_cast<double>(tenant.busy_ns.load()) * 1e-9}});
  });
  auto finished = nlohmann::json::array();
  for (const auto& [tenant, gpu_seconds] : tenants.finished()) {
    finished.push_back({{"tenant", tenant}, {"gpu_seconds", gpu_seconds}});
  }
  const nlohmann::json document = {{"policy", scheduler.policy().name()},
                                   {"clients", std::move(clients)},
                                   {"finished", std::move(finished)},
                                   {"ready_memory_bytes", slabs.ready_bytes()}};
  // Names come from clients: what is not UTF-8 in them is replaced, not thrown at us.
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace paella::scheduler_daemon
