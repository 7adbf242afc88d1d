#include "scheduler_daemon/simulator/report.h"

#include <algorithm>
#include <cstdio>
#include <numeric>

#include "scheduler_daemon/knowledge/quantile.h"

namespace paella::scheduler_daemon {
namespace {

std::string Row(const std::string& name, const std::vector<std::uint64_t>& latencies_ns, double seconds,
                double gpu_share) {
  const double mean_ns = latencies_ns.empty() ? 0
                                              : std::accumulate(latencies_ns.begin(), latencies_ns.end(), 0.0) /
                                                    static_cast<double>(latencies_ns.size());
  char numbers[160];
  std::snprintf(numbers, sizeof numbers, " %9zu %10.1f %10.3f %10.3f %10.3f %7.1f\n", latencies_ns.size(),
                seconds > 0 ? static_cast<double>(latencies_ns.size()) / seconds : 0,
                static_cast<double>(Quantile(latencies_ns, 0.5)) / 1e6,
                static_cast<double>(Quantile(latencies_ns, 0.99)) / 1e6, mean_ns / 1e6, 100 * gpu_share);
  std::string padded = name;
  padded.resize(std::max<std::size_t>(name.size(), 16), ' ');
  return padded + numbers;
}

}  // namespace

std::string ReportTable(const Workload& workload, const SimulationResult& result) {
  char header[160];
  std::snprintf(header, sizeof header, "%-16s %9s %10s %10s %10s %10s %7s\n", "tenant", "jobs", "jobs/s", "p50 ms",
                "p99 ms", "mean ms", "GPU %");
  const double seconds = static_cast<double>(result.lasted_ns) / 1e9;
  double all_gpu_ns = 0;
  for (const TenantResult& tenant : result.tenants) all_gpu_ns += static_cast<double>(tenant.gpu_time_ns);
  std::string table = header;
  std::vector<std::uint64_t> all;
  for (std::size_t i = 0; i < result.tenants.size(); ++i) {
    const TenantResult& tenant = result.tenants[i];
    all.insert(all.end(), tenant.latencies_ns.begin(), tenant.latencies_ns.end());
    table += Row(workload.tenants[i].name, tenant.latencies_ns, seconds,
                 all_gpu_ns > 0 ? static_cast<double>(tenant.gpu_time_ns) / all_gpu_ns : 0);
  }
  return table + Row("all", all, seconds, all_gpu_ns > 0 ? 1 : 0);
}

}  // namespace paella::scheduler_daemon
