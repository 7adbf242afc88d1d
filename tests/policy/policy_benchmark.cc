// How many decisions a second each policy makes, with so many tenants ready: pick, dispatch, complete, and the tenant's
// next command becomes ready. One core, nothing else.
// Usage: policy_benchmark [decisions]
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "scheduler_daemon/policies/catalogue.h"
#include "scheduler_daemon/policies/policy_host.h"

namespace paella::scheduler_daemon {
namespace {

double DecisionsPerSecond(const PolicyDescription& description, TenantId tenants, std::uint64_t decisions) {
  std::string error;
  PolicyHost host(MakePolicyOperations(description.name, {}, error));
  std::uint64_t arrival = 0, now_ns = 0;
  const auto make_ready = [&](TenantId tenant, JobId job) {
    const std::uint64_t predicted_ns = 1'000 + arrival * 7'919 % 50'000;
    host.CommandReady({.tenant = tenant, .job = job, .arrival = arrival++, .predicted_ns = predicted_ns}, now_ns);
  };
  for (TenantId tenant = 0; tenant < tenants; ++tenant) {
    host.SetTenant(tenant, {}, 0);
    make_ready(tenant, host.BeginJob({.tenant = tenant, .client = tenant, .remaining_ns = 1'000'000}, 0));
  }
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < decisions; ++i) {
    const ReadyId picked = *host.Pick(now_ns);
    const CommandInfo command = host.Command(picked);
    host.Dispatched(picked, now_ns);
    host.SetRemaining(command.job, 1'000 + i * 104'729 % 1'000'000, 1, now_ns);
    now_ns += command.predicted_ns;
    host.Completed(picked, command.predicted_ns, now_ns);
    make_ready(command.tenant, command.job);
  }
  return static_cast<double>(decisions) /
         std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace
}  // namespace paella::scheduler_daemon

int main(int argc, char** argv) {
  using namespace paella::scheduler_daemon;
  const std::uint64_t decisions = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  if (decisions == 0) {
    std::fprintf(stderr, "usage: policy_benchmark [decisions]\n");
    return 64;
  }
  std::printf("decisions/s  %14s %14s %14s tenants ready\n", "2", "32", "512");
  for (const PolicyDescription& policy : PolicyCatalogue()) {
    std::printf("%-12s", policy.name.data());
    for (const TenantId tenants : {2u, 32u, 512u}) {
      std::printf(" %14.0f", DecisionsPerSecond(policy, tenants, decisions));
    }
    std::printf("\n");
  }
  return 0;
}
