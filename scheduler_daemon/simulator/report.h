// A simulation's result as a table: a row for each tenant.
#ifndef PAELLA_SCHEDULER_DAEMON_SIMULATOR_REPORT_H_
#define PAELLA_SCHEDULER_DAEMON_SIMULATOR_REPORT_H_

#include <string>

#include "scheduler_daemon/simulator/simulation.h"

namespace paella::scheduler_daemon {

// Tenant, jobs, jobs/s, p50, p99 and mean in ms, GPU share in %; then all together.
std::string ReportTable(const Workload& workload, const SimulationResult& result);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_SIMULATOR_REPORT_H_
