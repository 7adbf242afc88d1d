#include "scheduler_daemon/executor/status.h"

#include <nlohmann/json.hpp>

namespace paella::scheduler_daemon {
namespace {

// With what it has been at since it was last idle.
std::uint64_t BusyNs(const Tenant& tenant, std::uint64_t now_ns) {
  return tenant.busy_ns.load() + (tenant.in_flight != 0 ? now_ns - tenant.busy_since_ns : 0);
}

nlohmann::json DescribeAccuracy(const Accuracy& accuracy) {
  return {{"predictions", accuracy.total()}, {"within_1.2", accuracy.WithinFactor(1.2)}};
}

nlohmann::json DescribeScheduling(const CommandFeed& feed) {
  auto evictions = nlohmann::json::array();
  for (const Eviction& eviction : feed.host().evictions()) {
    evictions.push_back(
        {{"policy", eviction.policy}, {"reason", ReasonName(eviction.reason)}, {"detail", eviction.detail}});
  }
  const Knowledge& knowledge = feed.knowledge();
  return {{"running_policy", feed.host().policy_name()},
          {"evictions", std::move(evictions)},
          {"kernels", knowledge.kernels.table().all().size()},
          {"job_prefixes", knowledge.jobs.table().all().size()},
          {"kernel_accuracy", DescribeAccuracy(knowledge.kernel_accuracy)},
          {"job_accuracy", DescribeAccuracy(knowledge.job_accuracy)}};
}

}  // namespace

std::string DescribeStatus(const ExecutorParts& executor, std::uint64_t now_ns) {
  auto clients = nlohmann::json::array();
  executor.scheduler.ForEachSession([&](ClientSession& session) {
    std::size_t waiting = 0;
    for (const std::uint32_t stream : session.streams().active()) waiting += session.streams().at(stream).waiting.size();
    const Tenant& tenant = session.tenant();
    const CommandFeed& feed = executor.scheduler.feed();
    const FlightRecorder::TenantLatency latency = feed.flight().LatencyOf(tenant.number);
    clients.push_back({{"client", session.identity().client},
                       {"tenant", tenant.name},
                       {"launches", session.launches.load()},
                       {"slices", session.slices},
                       {"waiting", waiting},
                       {"in_flight_tenant", tenant.in_flight},
                       {"multiprocessors", tenant.sm_share == nullptr ? 0 : tenant.sm_share->multiprocessors()},
                       {"memory_bytes", tenant.memory.used_bytes()},
                       {"gpu_seconds", static_cast<double>(BusyNs(tenant, now_ns)) * 1e-9},
                       {"charged_seconds", static_cast<double>(feed.host().Tenant(tenant.number).gpu_time_ns) * 1e-9},
                       {"jobs", latency.jobs},
                       {"job_p50_ms", static_cast<double>(latency.p50_ns) * 1e-6},
                       {"job_p99_ms", static_cast<double>(latency.p99_ns) * 1e-6}});
  });
  auto finished = nlohmann::json::array();
  for (const auto& [tenant, gpu_seconds] : executor.tenants.finished()) {
    finished.push_back({{"tenant", tenant}, {"gpu_seconds", gpu_seconds}});
  }
  const nlohmann::json document = {
      {"scheduling", DescribeScheduling(executor.scheduler.feed())},
      {"clients", std::move(clients)},
      {"finished", std::move(finished)},
      {"modules", {{"loaded", executor.modules.loaded()}, {"shared_loads", executor.modules.shared_loads()}}},
      {"ready_memory_bytes", executor.slabs.ready_bytes()}};
  // Names come from clients: what is not UTF-8 in them is replaced, not thrown at us.
  return document.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace paella::scheduler_daemon
