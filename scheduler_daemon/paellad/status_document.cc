#include "scheduler_daemon/paellad/status_document.h"

#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>

namespace paella::scheduler_daemon {
namespace {

using nlohmann::json;

// The executor's report; an empty object if there is none.
json Parsed(const std::string& report) {
  json document = json::parse(report, nullptr, /*allow_exceptions=*/false);
  return document.is_object() ? document : json::object();
}

// The executor's entries by client number.
std::map<std::uint64_t, json> WorkOf(const json& report) {
  std::map<std::uint64_t, json> work;
  for (const json& entry : report.value("clients", json::array())) {
    work.emplace(entry.value("client", std::uint64_t{0}), entry);
  }
  return work;
}

json Daemon(const Settings& settings, const ExecutorSupervisor& executor, std::uint64_t uptime_s) {
  return {{"version", PAELLA_VERSION},
          {"pid", getpid()},
          {"socket", settings.socket},
          {"executor_pid", executor.pid() > 0 ? json(executor.pid()) : json(nullptr)},
          {"executor_restarts", executor.restarts()},
          {"uptime_s", uptime_s}};
}

json Device(const Settings& settings, const ipc::ExecutorReady* device, const json& report) {
  if (device == nullptr) return nullptr;
  return {{"ordinal", settings.device},
          {"name", device->device_name},
          {"pci_bus_id", device->pci_bus_id},
          {"driver_version", device->driver_version},
          {"total_memory_bytes", device->total_memory_bytes},
          {"ready_memory_bytes", report.value("ready_memory_bytes", std::uint64_t{0})}};
}

// A tenant's clients together. Memory and GPU time are the tenant's own and stand in each of its clients' reports.
json Tenants(const ClientRegistry& registry, const std::map<std::uint64_t, json>& work) {
  std::map<std::string, json> tenants;
  for (const auto& [number, client] : registry.clients()) {
    json& tenant = tenants[client.tenant];
    if (tenant.is_null()) {
      const TenantInfo info = registry.TenantOf(client.tenant);
      tenant = {{"tenant", client.tenant}, {"class", ClassName(info.tenant_class)}, {"weight", info.weight},
                {"clients", 0},            {"launches", 0},                          {"slices", 0},
                {"waiting", 0},            {"in_flight", 0},                         {"memory_bytes", 0},
                {"gpu_seconds", 0.0},      {"charged_seconds", nullptr},             {"jobs", nullptr},
                {"job_p50_ms", nullptr},   {"job_p99_ms", nullptr},                 {"multiprocessors", 0}};
    }
    tenant["clients"] = tenant["clients"].get<std::uint64_t>() + 1;
    const auto found = work.find(number);
    if (found == work.end()) continue;
    const json& report = found->second;
    for (const char* key : {"launches", "slices", "waiting"}) {
      tenant[key] = tenant[key].get<std::uint64_t>() + report.value(key, std::uint64_t{0});
    }
    tenant["in_flight"] = report.value("in_flight_tenant", std::uint64_t{0});
    tenant["memory_bytes"] = report.value("memory_bytes", std::uint64_t{0});
    tenant["multiprocessors"] = report.value("multiprocessors", 0u);
    tenant["jobs"] = report.value("jobs", std::uint64_t{0});
    for (const char* key : {"gpu_seconds", "charged_seconds", "job_p50_ms", "job_p99_ms"}) {
      tenant[key] = report.value(key, 0.0);
    }
  }
  json list = json::array();
  for (auto& [name, tenant] : tenants) list.push_back(std::move(tenant));
  return list;
}

json Clients(const ClientRegistry& registry, const std::map<std::uint64_t, json>& work) {
  json list = json::array();
  for (const auto& [number, client] : registry.clients()) {
    const auto found = work.find(number);
    const json report = found == work.end() ? json::object() : found->second;
    list.push_back({{"client", number},
                    {"tenant", client.tenant},
                    {"class", ClassName(registry.TenantOf(client.tenant).tenant_class)},
                    {"program", client.program},
                    {"pid", client.owner.pid},
                    {"launches", report.value("launches", std::uint64_t{0})},
                    {"slices", report.value("slices", std::uint64_t{0})},
                    {"waiting", report.value("waiting", std::uint64_t{0})},
                    {"unsupported_calls", client.unsupported_calls},
                    {"leaving", client.leaving}});
  }
  return list;
}

}  // namespace

std::string StatusDocument(const Settings& settings, const ExecutorSupervisor& executor, const ClientRegistry& clients,
                           const std::string& executor_report, std::uint64_t uptime_s) {
  const json report = Parsed(executor_report);
  const auto work = WorkOf(report);
  json unsupported = json::array();
  for (const auto& [function, told] : clients.unsupported_calls()) {
    unsupported.push_back({{"function", function}, {"calls", told.calls}});
  }
  const json document = {{"daemon", Daemon(settings, executor, uptime_s)},
                         {"device", Device(settings, executor.device(), report)},
                         {"policy", executor.policy()},
                         {"scheduling", report.value("scheduling", json())},
                         {"tenants", Tenants(clients, work)},
                         {"clients", Clients(clients, work)},
                         {"finished", report.value("finished", json::array())},
                         {"modules", report.value("modules", json())},
                         {"unsupported", std::move(unsupported)}};
  // Names come from clients: what is not UTF-8 in them is replaced, not thrown at us.
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool ReportsNoWork(const std::string& report) {
  for (const auto& [number, entry] : WorkOf(Parsed(report))) {
    if (entry.value("waiting", std::uint64_t{0}) != 0 || entry.value("in_flight_tenant", std::uint64_t{0}) != 0) {
      return false;
    }
  }
  return true;
}

}  // namespace paella::scheduler_daemon
