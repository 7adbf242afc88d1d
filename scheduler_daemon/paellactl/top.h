// `paellactl top`: what tenants do now, again and again: the difference between two status documents.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLACTL_TOP_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLACTL_TOP_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "scheduler_daemon/paellactl/control_client.h"

namespace paella::paellactl {

struct TopOptions {
  double interval_s = 1;
  std::uint64_t count = 0;  // of tables; 0: until a signal
  bool as_json = false;     // one document, on one line, for each table
};

// {"interval_s", "policy", "tenants": [{"tenant", "class", "gpu_share": 0 ... 1, "waiting", "in_flight", "jobs_per_s",
// "job_p50_ms", "job_p99_ms"}]}, the greatest share first. Shares are of the time by which policies account, and add up to 1 at
// most: of the interval, or of all that was charged in it, if that is longer since commands ran side by side.
nlohmann::json Difference(const nlohmann::json& before, const nlohmann::json& after, double interval_s);
std::string DescribeDifference(const nlohmann::json& difference);

// Until `count` tables were written to standard output, SIGINT or SIGTERM comes (both are exit status 0), or paellad does
// not answer. A terminal shows one table in the place of the other.
int Top(const std::vector<std::string>& paths, const TopOptions& options);

}  // namespace paella::paellactl

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLACTL_TOP_H_
