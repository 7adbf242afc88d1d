// What paellactl is told: what paellad knows and what the executor reported, as one JSON document.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_STATUS_DOCUMENT_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_STATUS_DOCUMENT_H_

#include <cstdint>
#include <string>

#include "scheduler_daemon/paellad/client_registry.h"
#include "scheduler_daemon/paellad/executor_supervisor.h"

namespace paella::scheduler_daemon {

// {"daemon": {...}, "device": {...} or null, "policy": name, "tenants": [...], "clients": [...], "finished": [...],
// "unsupported": [...]}. `finished` tells what tenants used that have no client any more (executor/tenants.h).
// `report` is the executor's own document (executor/status.h), or empty if there is none now. Bytes in *_bytes, seconds
// in *_s and *_seconds.
std::string StatusDocument(const Settings& settings, const ExecutorSupervisor& executor, const ClientRegistry& clients,
                           const std::string& report, std::uint64_t uptime_s);

// Whether the executor's document says that no command of any client waits or runs.
bool ReportsNoWork(const std::string& report);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_STATUS_DOCUMENT_H_
