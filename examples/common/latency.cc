#include "examples/common/latency.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace examples {
namespace {

double NearestRank(const std::vector<double>& sorted, double share) {
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

}  // namespace

LatencySummary Summarize(std::vector<double> latencies_us) {
  if (latencies_us.empty()) return {};
  std::ranges::sort(latencies_us);
  const double sum = std::accumulate(latencies_us.begin(), latencies_us.end(), 0.0);
  return {sum / static_cast<double>(latencies_us.size()), NearestRank(latencies_us, 0.5), NearestRank(latencies_us, 0.99)};
}

}  // namespace examples
