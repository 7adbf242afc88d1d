// Where the time of recent jobs went, as one JSON document, read by paellactl.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_JOB_REPORT_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_JOB_REPORT_H_

#include <string>

#include "scheduler_daemon/policies/flight_recorder.h"

namespace paella::scheduler_daemon {

// {"jobs": [{"job", "tenant", "client", "commands", "is_over", "was_cut", "ended_ago_ns": 0 unless it is over,
// "latency_ns", and its parts "client_ns", "ring_ns", "waiting_ns", "gpu_queue_ns", "running_ns", "waiting":
// [{"rule": WaitRuleName, "tenant" and "policy": null where they are not known, "time_ns"}]}]}, the newest first.
// "waiting" adds up to "waiting_ns". Any thread.
std::string DescribeJobs(const FlightReport& report);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_JOB_REPORT_H_
