// What holds under every policy, whatever the workload: looked for over random ones, and shrunk when it does not.
// RC_PARAMS="seed=... max_success=..." repeats or prolongs.
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <stdexcept>

#include "scheduler_daemon/policies/catalogue.h"
#include "scheduler_daemon/simulator/simulation.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kLongestBlockNs = 200'000;

template <typename Number>
Number Between(Number least, Number most) {
  return *rc::gen::inRange<Number>(least, most + 1);
}

KernelOfModel AnyKernel() {
  return {.shape = Between<std::uint64_t>(1, 20),
          .stream = Between<std::uint32_t>(0, 2),
          .blocks = Between<std::uint32_t>(1, 300),
          .threads = Between<std::uint32_t>(32, 2'048),
          .block_ns = Between<std::uint64_t>(1, kLongestBlockNs)};
}

Workload AnyWorkload() {
  Workload workload;
  workload.models.resize(Between<std::size_t>(1, 3));
  for (Model& model : workload.models) {
    for (auto kernels = Between<std::size_t>(1, 8); kernels > 0; --kernels) model.push_back(AnyKernel());
  }
  workload.tenants.resize(Between<std::size_t>(1, 4));
  for (SimulatedTenant& tenant : workload.tenants) {
    tenant.info.tenant_class = static_cast<TenantClass>(Between(0, 2));
    tenant.info.weight = Between(1, 40) / 10.0;
    if (Between(0, 1) == 1) tenant.info.deadline_ns = Between<std::uint64_t>(1, 5'000'000);
  }
  workload.clients.resize(Between<std::size_t>(1, 6));
  for (SimulatedClient& client : workload.clients) {
    client.tenant = Between<TenantId>(0, static_cast<TenantId>(workload.tenants.size() - 1));
    std::uint64_t arrival_ns = 0;
    for (auto jobs = Between(0, 5); jobs > 0; --jobs) {
      arrival_ns += Between<std::uint64_t>(0, 500'000);
      const auto last_model = static_cast<std::uint32_t>(workload.models.size() - 1);
      client.jobs.push_back({arrival_ns, Between<std::uint32_t>(0, last_model)});
    }
  }
  return workload;
}

SimulationSettings AnySettings() {
  return {.limits = {.stream_ahead_ns = Between<std::uint64_t>(0, 300'000),
                     .total_ahead_ns = Between<std::uint64_t>(0, 500'000)}};
}

SimulationSettings OneInFlight() {
  return {.limits = {.stream_ahead_ns = 0, .one_at_a_time = true}};
}

// None that leaves the GPU without any work on purpose: priority would, for what comes after latency work. And none that has limits of
// its own.
std::unique_ptr<PolicyOperations> AnyPolicy() {
  const auto index = Between<std::size_t>(0, PolicyCatalogue().size() - 1);
  const std::string_view name = PolicyCatalogue()[index].name;
  std::vector<std::string> settings;
  if (name == "priority") settings = {"linger_us=0", "ahead_us=0", "slice_us=0"};
  std::string error;
  return MakePolicyOperations(name, settings, error);
}

std::uint64_t CommandsOf(const Workload& workload) {
  std::uint64_t commands = 0;
  for (const SimulatedClient& client : workload.clients) {
    for (const PlannedJob& job : client.jobs) commands += workload.models[job.model].size();
  }
  return commands;
}

// Passes all on to another policy, and knows what is ready.
class Watched : public PolicyOperations {
 public:
  Watched(std::unique_ptr<PolicyOperations> inner, std::map<ReadyId, std::uint64_t>& ready_since,
          std::uint64_t bound_ns)
      : inner_(std::move(inner)), ready_since_(ready_since), bound_ns_(bound_ns) {}
  std::string_view name() const override { return inner_->name(); }
  std::uint64_t starvation_bound_ns() const override { return bound_ns_; }
  void Attached(const PolicyView& view) override { inner_->Attached(view); }
  ReadyId Pick(std::uint64_t now_ns) override { return inner_->Pick(now_ns); }
  void JobProgressed(JobId id, const JobInfo& job, std::uint64_t now_ns) override {
    inner_->JobProgressed(id, job, now_ns);
  }
  void CommandReady(ReadyId id, const CommandInfo& command, std::uint64_t now_ns) override {
    ready_since_[id] = command.ready_ns;
    inner_->CommandReady(id, command, now_ns);
  }
  void CommandDispatched(ReadyId id, const CommandInfo& command, std::uint64_t now_ns) override {
    ready_since_.erase(id);
    inner_->CommandDispatched(id, command, now_ns);
  }
  void CommandCompleted(ReadyId id, const CommandInfo& command, std::uint64_t measured_ns,
                        std::uint64_t now_ns) override {
    inner_->CommandCompleted(id, command, measured_ns, now_ns);
  }

 private:
  std::unique_ptr<PolicyOperations> inner_;
  std::map<ReadyId, std::uint64_t>& ready_since_;
  const std::uint64_t bound_ns_;
};

// Does one of the things that no policy may do, after some right answers.
class Misbehaving : public PolicyOperations {
 public:
  Misbehaving(int kind, int after) : kind_(kind), good_(after) {}
  std::string_view name() const override { return "misbehaving"; }
  ReadyId Pick(std::uint64_t) override {
    if (good_-- > 0) return kPickLongestReady;
    switch (kind_) {
      case 0: return kPickNothing;
      case 1: return kPickLongestReady - 1;
      case 2: throw std::runtime_error("no");
      default: return gone_;
    }
  }
  void CommandDispatched(ReadyId id, const CommandInfo&, std::uint64_t) override { gone_ = id; }

 private:
  const int kind_;
  int good_;
  ReadyId gone_ = 1'000'000;
};

RC_GTEST_PROP(PolicyProperties, EveryCommandRunsOnceInTheOrderOfItsStreamAndNoneWaitsForNothing, ()) {
  const Workload workload = AnyWorkload();
  const SimulationSettings settings = AnySettings();
  std::map<std::pair<std::uint64_t, std::uint32_t>, std::uint64_t> last_picked, last_completed;
  std::map<std::uint64_t, int> completed;
  SimulationObserver observer;
  observer.on_picked = [&](const PolicyHost& host, ReadyId id, std::uint64_t) {
    const CommandInfo& command = host.Command(id);
    auto [last, first] = last_picked.try_emplace({command.client, command.stream}, command.arrival);
    RC_ASSERT(first || last->second < command.arrival);
    last->second = command.arrival;
  };
  observer.on_completed = [&](const CommandInfo& command, std::uint64_t) {
    auto [last, first] = last_completed.try_emplace({command.client, command.stream}, command.arrival);
    RC_ASSERT(first || last->second < command.arrival);
    last->second = command.arrival;
    ++completed[command.arrival];
  };
  observer.on_rest = [&](const PolicyHost& host, std::uint64_t) {
    RC_ASSERT(host.ready() == 0 || host.in_flight() > 0);
  };
  Simulation simulation(workload, AnyPolicy(), settings, {}, observer);
  const SimulationResult result = simulation.Run();
  RC_ASSERT(completed.size() == CommandsOf(workload));
  for (const auto& [arrival, times] : completed) RC_ASSERT(times == 1);
  RC_ASSERT(simulation.host().ready() + simulation.host().in_flight() == 0u);
  RC_ASSERT(simulation.host().evictions().empty());
  std::size_t jobs = 0, done = 0;
  for (const SimulatedClient& client : workload.clients) jobs += client.jobs.size();
  for (const TenantResult& tenant : result.tenants) done += tenant.latencies_ns.size();
  RC_ASSERT(done == jobs);
}

RC_GTEST_PROP(PolicyProperties, WhatIsPastTheStarvationBoundGoesBeforeAllElse, ()) {
  const Workload workload = AnyWorkload();
  const auto bound_ns = Between<std::uint64_t>(0, 300'000);
  std::map<ReadyId, std::uint64_t> ready_since;
  SimulationObserver observer;
  observer.on_picked = [&](const PolicyHost& host, ReadyId id, std::uint64_t now_ns) {
    std::uint64_t longest_ns = now_ns;
    for (const auto& [ready, since_ns] : ready_since) longest_ns = std::min(longest_ns, since_ns);
    if (now_ns - longest_ns > bound_ns) RC_ASSERT(host.Command(id).ready_ns == longest_ns);
  };
  auto policy = std::make_unique<Watched>(AnyPolicy(), ready_since, bound_ns);
  Simulation(workload, std::move(policy), AnySettings(), {}, observer).Run();
}

RC_GTEST_PROP(PolicyProperties, APolicyThatMisbehavesIsEvictedAndNothingIsLost, ()) {
  const Workload workload = AnyWorkload();
  const int kind = Between(0, 3);
  const auto commands = static_cast<int>(CommandsOf(workload));
  const int after = Between(0, 20);
  Simulation simulation(workload, std::make_unique<Misbehaving>(kind, after), AnySettings());
  RC_ASSERT(simulation.Run().commands == CommandsOf(workload));
  // What was dispatched last is gone; but its number may be another command's by now, and then it is a right answer.
  // It may be asked more than once for each command: what it picked could not go yet.
  if (kind != 3 && commands > after) RC_ASSERT(simulation.host().evictions().size() == 1u);
  RC_ASSERT(simulation.host().evictions().size() <= 1u);
}

RC_GTEST_PROP(PolicyProperties, PoliciesCanBeExchangedAtAnyMoment, ()) {
  const Workload workload = AnyWorkload();
  Simulation* running = nullptr;
  int until_exchange = 0;
  SimulationObserver observer;
  observer.on_rest = [&](const PolicyHost&, std::uint64_t now_ns) {
    if (until_exchange-- > 0) return;
    until_exchange = Between(0, 10);
    running->host().SetPolicy(AnyPolicy(), now_ns);
  };
  Simulation simulation(workload, AnyPolicy(), AnySettings(), {}, observer);
  running = &simulation;
  RC_ASSERT(simulation.Run().commands == CommandsOf(workload));
  RC_ASSERT(simulation.host().evictions().empty());
}

// Tenants that always have work, one command at a time.
Workload BackloggedWorkload() {
  Workload workload;
  workload.tenants.resize(Between<std::size_t>(2, 5));
  for (TenantId tenant = 0; tenant < workload.tenants.size(); ++tenant) {
    workload.tenants[tenant].info.weight = Between(1, 40) / 10.0;
    Model model;
    for (auto kernels = Between(1, 60); kernels > 0; --kernels) {
      model.push_back(AnyKernel());
      model.back().blocks = 1;
      model.back().stream = 0;
    }
    workload.clients.push_back({tenant, {{0, static_cast<std::uint32_t>(workload.models.size())}}});
    workload.models.push_back(std::move(model));
  }
  return workload;
}

RC_GTEST_PROP(PolicyProperties, NoBackloggedTenantIsOwedMuchMoreThanTheThreshold, ()) {
  const Workload workload = BackloggedWorkload();
  const auto threshold_us = Between<std::uint64_t>(0, 2'000);
  std::string error;
  const std::vector<std::string> settings{"starvation_ms=0", "threshold_ms=" + std::to_string(threshold_us / 1e3)};
  double least_weight = 1e9;
  for (const SimulatedTenant& tenant : workload.tenants) least_weight = std::min(least_weight, tenant.info.weight);
  // Each of the others may reach the threshold at the same time and be served before, once.
  const double slack_ns = static_cast<double>(workload.tenants.size() * kLongestBlockNs) / least_weight;
  SimulationObserver observer;
  observer.on_rest = [&](const PolicyHost& host, std::uint64_t) {
    if (host.ready() + host.in_flight() != workload.tenants.size()) return;  // somebody has no work any more
    for (TenantId tenant = 0; tenant < workload.tenants.size(); ++tenant) {
      RC_ASSERT(host.DebtNs(tenant) <= static_cast<double>(threshold_us) * 1e3 + slack_ns);
    }
  };
  Simulation(workload, MakePolicyOperations("paella", settings, error), OneInFlight(), {}, observer).Run();
}

RC_GTEST_PROP(PolicyProperties, WeightedFairQueueingIsFairToWithinTwoCommands, ()) {
  const Workload workload = BackloggedWorkload();
  std::string error;
  SimulationObserver observer;
  const std::vector<std::string> settings{"starvation_ms=0"};
  observer.on_rest = [&](const PolicyHost& host, std::uint64_t) {
    if (host.ready() + host.in_flight() != workload.tenants.size()) return;
    for (TenantId a = 0; a < workload.tenants.size(); ++a) {
      for (TenantId b = 0; b < workload.tenants.size(); ++b) {
        const double bound_ns = kLongestBlockNs / workload.tenants[a].info.weight +
                                kLongestBlockNs / workload.tenants[b].info.weight;
        RC_ASSERT(host.DebtNs(a) - host.DebtNs(b) <= bound_ns);
      }
    }
  };
  Simulation(workload, MakePolicyOperations("wfq", settings, error), OneInFlight(), {}, observer).Run();
}

RC_GTEST_PROP(PolicyProperties, TheSameInputMakesTheSameOutput, ()) {
  const Workload workload = AnyWorkload();
  const auto index = Between<std::size_t>(0, PolicyCatalogue().size() - 1);
  const SimulationSettings settings = AnySettings();
  std::vector<std::vector<std::uint64_t>> orders(2);
  for (auto& order : orders) {
    SimulationObserver observer;
    observer.on_completed = [&](const CommandInfo& command, std::uint64_t now_ns) {
      order.push_back(command.arrival), order.push_back(now_ns);
    };
    std::string error;
    Simulation(workload, MakePolicyOperations(PolicyCatalogue()[index].name, {}, error), settings, {}, observer).Run();
  }
  RC_ASSERT(orders[0] == orders[1]);
}

}  // namespace
}  // namespace paella::scheduler_daemon
