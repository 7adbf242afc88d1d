// Latencies of requests and what a summary says of them.
#ifndef EXAMPLES_COMMON_LATENCY_H_
#define EXAMPLES_COMMON_LATENCY_H_

#include <vector>

namespace examples {

struct LatencySummary {
  double mean_us = 0;
  double p50_us = 0;
  double p99_us = 0;
};

// Percentiles by nearest rank: each is a latency that was seen. All 0 if there are none.
LatencySummary Summarize(std::vector<double> latencies_us);

}  // namespace examples

#endif  // EXAMPLES_COMMON_LATENCY_H_
