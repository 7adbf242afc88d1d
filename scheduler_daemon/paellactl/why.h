// `paellactl why`: where the time of recent jobs went, by the executor's flight recorder.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLACTL_WHY_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLACTL_WHY_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "scheduler_daemon/paellactl/control_client.h"

namespace paella::paellactl {

struct WhyOptions {
  std::string what{};     // a job's number or a tenant; empty: all jobs
  bool slowest = false;   // first; otherwise the newest
  std::size_t limit = 20; // of a list
  bool as_json = false;
};

// One job in words. What is shown of it adds up to its latency, rounding included.
std::string DescribeJob(const nlohmann::json& job);

// What the options ask for, of the daemon's document; `failed` with the reason if there is no such job.
Answer DescribeJobs(const nlohmann::json& document, const WhyOptions& options);

Answer Why(const std::vector<std::string>& paths, const WhyOptions& options,
           std::chrono::milliseconds timeout = kAnswerTimeout);

}  // namespace paella::paellactl

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLACTL_WHY_H_
