// paella_simulate: one workload under one or several policies, in virtual time.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

#include "scheduler_daemon/policies/catalogue.h"
#include "scheduler_daemon/simulator/report.h"
#include "scheduler_daemon/simulator/synthetic.h"
#include "scheduler_daemon/simulator/trace.h"

namespace paella::scheduler_daemon {
namespace {

struct Options {
  std::vector<std::string> policies{"fifo"};
  std::vector<std::string> policy_settings;
  std::string trace;
  std::string arrivals = "poisson";
  double seconds = 1;
  double speed = 1;
  double stream_ahead_us = static_cast<double>(InFlightLimits().stream_ahead_ns) / 1e3;
  double total_ahead_us = static_cast<double>(InFlightLimits().total_ahead_ns) / 1e3;
  SyntheticSettings synthetic;
  SimulationSettings simulation;
};

void AddOptions(CLI::App& app, Options& options) {
  std::vector<std::string> names{"all"};
  for (const PolicyDescription& policy : PolicyCatalogue()) names.emplace_back(policy.name);
  app.add_option("--policy", options.policies, "One or more, or all")->check(CLI::IsMember(names))->delimiter(',');
  app.add_option("--set", options.policy_settings, "A setting of the policy, key=value");
  app.add_option("--trace", options.trace, "Replay this file of JSON lines")->check(CLI::ExistingFile);
  app.add_option("--speed", options.speed, "How many times as fast as in the trace jobs arrive")
      ->check(CLI::Range(0.001, 1'000.0));
  app.add_option("--arrivals", options.arrivals, "Without a trace: how jobs arrive")
      ->check(CLI::IsMember({"poisson", "lognormal", "bursty"}));
  app.add_option("--sigma", options.synthetic.sigma, "Of lognormal gaps")->check(CLI::Range(0.0, 4.0));
  app.add_option("--tenants", options.synthetic.tenants)->check(CLI::Range(1, 4'096));
  app.add_option("--clients", options.synthetic.clients, "Of each tenant")->check(CLI::Range(1, 1'024));
  app.add_option("--load", options.synthetic.load, "1: as much as one kernel at a time could do")
      ->check(CLI::Range(0.001, 100.0));
  app.add_option("--seconds", options.seconds, "Virtual time in which jobs arrive")->check(CLI::Range(0.001, 3'600.0));
  app.add_option("--seed", options.synthetic.seed);
  app.add_option("--stream-ahead-us", options.stream_ahead_us,
                 "Predicted work in flight of one stream, unless the policy has ahead_us")
      ->check(CLI::Range(0.0, 1e6));
  app.add_option("--total-ahead-us", options.total_ahead_us, "The same of all")->check(CLI::Range(0.0, 1e6));
  app.add_flag("--one-at-a-time", options.simulation.limits.one_at_a_time, "One command in flight");
  app.add_option("--sms", options.simulation.gpu.sms)->check(CLI::Range(1, 1'024));
  app.add_option("--queues", options.simulation.gpu.queues, "Hardware queues")->check(CLI::Range(1, 4'096));
}

void Hasten(Workload& workload, double speed) {
  for (SimulatedClient& client : workload.clients) {
    for (PlannedJob& job : client.jobs) {
      job.arrival_ns = static_cast<std::uint64_t>(static_cast<double>(job.arrival_ns) / speed);
    }
  }
}

bool ReadWorkload(const Options& options, Workload& workload) {
  if (options.trace.empty()) {
    workload = MakeSyntheticWorkload(options.synthetic);
    return true;
  }
  std::ifstream file(options.trace);
  std::string error;
  if (ReadTrace(file, options.simulation.gpu, workload, error)) {
    Hasten(workload, options.speed);
    return true;
  }
  std::fprintf(stderr, "paella_simulate: %s: %s\n", options.trace.c_str(), error.c_str());
  return false;
}

bool RunUnder(const std::string& name, const Options& options, const Workload& workload) {
  std::string error;
  auto policy = MakePolicyOperations(name, options.policy_settings, error);
  if (policy == nullptr) {
    std::fprintf(stderr, "paella_simulate: %s: %s\n", name.c_str(), error.c_str());
    return false;
  }
  Simulation simulation(workload, std::move(policy), options.simulation);
  const auto begin = std::chrono::steady_clock::now();
  const SimulationResult result = simulation.Run();
  const double took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%s\n%s", name.c_str(), ReportTable(workload, result).c_str());
  const Knowledge& knowledge = simulation.knowledge();
  std::printf("GPU busy %.1f %%; predictions within a factor of 1.2: kernels %.1f %%, jobs %.1f %%\n\n",
              100.0 * static_cast<double>(result.busy_ns) / std::max(1.0, static_cast<double>(result.lasted_ns)),
              100 * knowledge.kernel_accuracy.WithinFactor(1.2), 100 * knowledge.job_accuracy.WithinFactor(1.2));
  // Not of the result: it must be the same each time.
  std::fprintf(stderr, "%s: %llu commands in %.2f s of real time, %.0f a second\n", name.c_str(),
               static_cast<unsigned long long>(result.commands), took_s, static_cast<double>(result.commands) / took_s);
  return true;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app{"Runs a workload under scheduling policies on a model of a GPU, in virtual time."};
  AddOptions(app, options);
  CLI11_PARSE(app, argc, argv);
  options.synthetic.arrivals = *ArrivalKindOfName(options.arrivals);
  options.simulation.limits.stream_ahead_ns = static_cast<std::uint64_t>(options.stream_ahead_us * 1e3);
  options.simulation.limits.total_ahead_ns = static_cast<std::uint64_t>(options.total_ahead_us * 1e3);
  options.synthetic.end_ns = static_cast<std::uint64_t>(options.seconds * 1e9);
  Workload workload;
  if (!ReadWorkload(options, workload)) return 1;
  if (options.policies == std::vector<std::string>{"all"}) {
    options.policies.clear();
    for (const PolicyDescription& policy : PolicyCatalogue()) options.policies.emplace_back(policy.name);
  }
  for (const std::string& policy : options.policies) {
    if (!RunUnder(policy, options, workload)) return 1;
  }
  return 0;
}

}  // namespace
}  // namespace paella::scheduler_daemon

int main(int argc, char** argv) { return paella::scheduler_daemon::Main(argc, argv); }
