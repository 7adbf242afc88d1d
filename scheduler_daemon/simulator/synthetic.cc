#include "scheduler_daemon/simulator/synthetic.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint32_t kBurst = 10;

// Gaps are at least a nanosecond on average, or arrivals would never end.
constexpr double kMostRate = 1e9;

// Kernels of 5 to 50 µs that fill a part of the GPU, as of a network at batch 1; `scale` makes the model longer.
Model MakeModel(std::uint32_t number, double scale, RandomNumbers& random) {
  Model model(static_cast<std::size_t>(20 * scale) + 1);
  for (KernelOfModel& kernel : model) {
    const auto kind = static_cast<std::uint32_t>(random.Next() % 16);
    kernel.shape = std::uint64_t{number} * 16 + kind + 1;
    kernel.blocks = 8u << (kind % 5);
    kernel.threads = kind % 3 == 0 ? 1'024 : 256;
    kernel.block_ns = 5'000 + 3'000 * std::uint64_t{kind};
  }
  return model;
}

std::uint64_t LengthNs(const Model& model) {
  std::uint64_t length_ns = 0;
  for (const KernelOfModel& kernel : model) length_ns += kernel.block_ns;
  return length_ns;
}

}  // namespace

std::uint64_t RandomNumbers::Next() {
  state_ += 0x9e3779b97f4a7c15;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

double RandomNumbers::Uniform() { return static_cast<double>((Next() >> 11) + 1) * 0x1p-53; }
double RandomNumbers::Exponential() { return -std::log(Uniform()); }
double RandomNumbers::Normal() {  // Box and Muller 1958
  const double radius = std::sqrt(2 * Exponential());
  return radius * std::cos(2 * std::numbers::pi * Uniform());
}

std::optional<ArrivalKind> ArrivalKindOfName(std::string_view name) {
  if (name == "poisson") return ArrivalKind::kPoisson;
  if (name == "lognormal") return ArrivalKind::kLognormal;
  if (name == "bursty") return ArrivalKind::kBursty;
  return std::nullopt;
}

std::vector<std::uint64_t> Arrivals(ArrivalKind kind, double rate, double sigma, std::uint64_t end_ns,
                                    RandomNumbers& random) {
  std::vector<std::uint64_t> arrivals;
  const double mean_ns = 1e9 / std::clamp(rate, 1e-9, kMostRate);
  double at_ns = 0;
  while (true) {
    double gap_ns = mean_ns;
    switch (kind) {
      case ArrivalKind::kPoisson: gap_ns *= random.Exponential(); break;
      case ArrivalKind::kLognormal: gap_ns *= std::exp(sigma * random.Normal() - sigma * sigma / 2); break;
      case ArrivalKind::kBursty: gap_ns *= kBurst * random.Exponential(); break;
    }
    at_ns += gap_ns;
    if (at_ns >= static_cast<double>(end_ns)) return arrivals;
    arrivals.insert(arrivals.end(), kind == ArrivalKind::kBursty ? kBurst : 1, static_cast<std::uint64_t>(at_ns));
  }
}

Workload MakeSyntheticWorkload(const SyntheticSettings& settings) {
  Workload workload;
  RandomNumbers random(settings.seed);
  for (TenantId tenant = 0; tenant < settings.tenants; ++tenant) {
    workload.models.push_back(MakeModel(tenant, std::pow(1.6, tenant % 8), random));
    workload.tenants.push_back({"tenant" + std::to_string(tenant), {}});
    const double rate = settings.load / settings.tenants * 1e9 / static_cast<double>(LengthNs(workload.models.back()));
    const std::size_t first_client = workload.clients.size();
    for (std::uint32_t client = 0; client < settings.clients; ++client) workload.clients.push_back({tenant, {}});
    std::uint32_t turn = 0;
    for (const std::uint64_t at_ns : Arrivals(settings.arrivals, rate, settings.sigma, settings.end_ns, random)) {
      workload.clients[first_client + turn++ % settings.clients].jobs.push_back({at_ns, tenant});
    }
  }
  return workload;
}

}  // namespace paella::scheduler_daemon
