#include "scheduler_daemon/executor/job_report.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <numeric>
#include <vector>

namespace paella::scheduler_daemon {
namespace {

using nlohmann::json;

json TenantOf(const FlightReport& report, TenantSerial serial) {
  const auto found = report.tenants.find(serial);
  return found == report.tenants.end() ? json() : json(found->second);
}

// By rule and tenant, and what of a rule no tenant is named for; the longest first.
std::vector<Wait> WaitsOf(const JobTimes& job) {
  std::vector<Wait> waits;
  auto left_ns = job.waiting_ns;
  for (const Wait& wait : job.named) {
    left_ns[static_cast<std::size_t>(wait.rule)] -= wait.time_ns;
    waits.push_back(wait);
  }
  for (std::size_t rule = 0; rule < kWaitRules; ++rule) {
    waits.push_back({.time_ns = left_ns[rule], .rule = static_cast<WaitRule>(rule)});
  }
  std::erase_if(waits, [](const Wait& wait) { return wait.time_ns == 0; });
  std::ranges::stable_sort(waits, std::greater(), &Wait::time_ns);
  return waits;
}

json DescribeWaits(const FlightReport& report, const JobTimes& job) {
  auto waits = json::array();
  for (const Wait& wait : WaitsOf(job)) {
    const bool is_policys = wait.tenant != 0 && wait.rule == WaitRule::kPolicy;
    waits.push_back({{"rule", WaitRuleName(wait.rule)},
                     {"tenant", TenantOf(report, wait.tenant)},
                     {"policy", is_policys ? json(report.policies[wait.policy]) : json()},
                     {"time_ns", wait.time_ns}});
  }
  return waits;
}

json Describe(const FlightReport& report, const JobTimes& job) {
  const std::uint64_t ended_ns = job.began_ns + job.latency_ns;
  return {{"job", job.number},
          {"tenant", TenantOf(report, job.tenant)},
          {"client", job.client},
          {"commands", job.commands},
          {"is_over", job.is_over},
          {"was_cut", job.was_cut},
          {"ended_ago_ns", job.is_over ? report.at_ns - std::min(report.at_ns, ended_ns) : 0},
          {"latency_ns", job.latency_ns},
          {"client_ns", job.client_ns},
          {"ring_ns", job.ring_ns},
          {"waiting_ns", std::accumulate(job.waiting_ns.begin(), job.waiting_ns.end(), std::uint64_t{0})},
          {"gpu_queue_ns", job.gpu_queue_ns},
          {"running_ns", job.running_ns},
          {"waiting", DescribeWaits(report, job)}};
}

}  // namespace

std::string DescribeJobs(const FlightReport& report) {
  std::vector<const JobTimes*> newest_first;
  for (const JobTimes& job : report.jobs) newest_first.push_back(&job);
  std::ranges::sort(newest_first, std::greater(), &JobTimes::number);
  auto jobs = json::array();
  for (const JobTimes* job : newest_first) jobs.push_back(Describe(report, *job));
  // Names come from clients: what is not UTF-8 in them is replaced, not thrown at us.
  return json{{"jobs", std::move(jobs)}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace paella::scheduler_daemon
