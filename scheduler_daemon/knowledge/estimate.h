// A mean with its spread, learned from one observation after the other: what durations and remaining times are kept as.
//
// The first kMemory observations count alike; after that older ones fade, so that a change (another clock frequency,
// other neighbours) is followed within about as many.
#ifndef PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ESTIMATE_H_
#define PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ESTIMATE_H_

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace paella::scheduler_daemon {

// What is told of the future. 0 observations: a guess.
struct Prediction {
  std::uint64_t duration_ns = 0;
  std::uint64_t spread_ns = 0;  // standard deviation
  std::uint32_t observations = 0;
};

struct Estimate {
  static constexpr std::uint32_t kMemory = 32;
  static constexpr std::uint32_t kMostCounted = 1'000'000;

  double mean_ns = 0;
  double variance = 0;
  std::uint32_t observations = 0;

  void Add(double observed_ns) {
    observations = std::min(observations + 1, kMostCounted);
    const double share = 1.0 / std::min(observations, kMemory);
    const double difference = observed_ns - mean_ns;
    mean_ns += share * difference;
    variance = (1 - share) * (variance + share * difference * difference);  // West 1979, with weights that fade
  }

  Prediction ToPrediction() const {
    return {static_cast<std::uint64_t>(mean_ns), static_cast<std::uint64_t>(std::sqrt(variance)), observations};
  }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ESTIMATE_H_
