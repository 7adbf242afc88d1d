// Arrivals made from a seed: Poisson, lognormal (gaps with a heavy tail) or bursty, for models that resemble real ones.
//
// Its own random numbers (splitmix64) and transformations, not the standard library's distributions, whose results
// differ between libraries: a seed gives the same workload on every machine with the same libm.
#ifndef PAELLA_SCHEDULER_DAEMON_SIMULATOR_SYNTHETIC_H_
#define PAELLA_SCHEDULER_DAEMON_SIMULATOR_SYNTHETIC_H_

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "scheduler_daemon/simulator/workload.h"

namespace paella::scheduler_daemon {

class RandomNumbers {
 public:
  explicit RandomNumbers(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next();
  double Uniform();      // in (0, 1]
  double Exponential();  // of mean 1
  double Normal();

 private:
  std::uint64_t state_;
};

enum class ArrivalKind : std::uint8_t { kPoisson, kLognormal, kBursty };

std::optional<ArrivalKind> ArrivalKindOfName(std::string_view name);

// Moments from 0 to end_ns at `rate` a second on average. kLognormal: gaps of that `sigma`; kBursty: ten at once.
std::vector<std::uint64_t> Arrivals(ArrivalKind kind, double rate, double sigma, std::uint64_t end_ns,
                                    RandomNumbers& random);

struct SyntheticSettings {
  std::uint32_t tenants = 8;
  std::uint32_t clients = 4;  // of each tenant
  double load = 0.8;          // of what the GPU could do if it ran one kernel at a time
  ArrivalKind arrivals = ArrivalKind::kPoisson;
  double sigma = 2;
  std::uint64_t end_ns = 1'000'000'000;
  std::uint64_t seed = 1;
};

// Each tenant serves one model: the first the smallest, each next one about 1.6 times as long. Tenants ask for equal
// GPU time.
Workload MakeSyntheticWorkload(const SyntheticSettings& settings);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_SIMULATOR_SYNTHETIC_H_
