// How many decisions a second each policy makes, with so many tenants ready: pick, dispatch, complete, learn, and the
// tenant's next command becomes ready, all of it as the executor does it, but for the driver. One core.
// Usage: policy_benchmark [decisions]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "scheduler_daemon/policies/catalogue.h"
#include "scheduler_daemon/policies/command_feed.h"

namespace paella::scheduler_daemon {
namespace {

double DecisionsPerSecond(const PolicyDescription& description, TenantId tenants, std::uint64_t decisions) {
  constexpr std::uint64_t kShapes = 300;   // kernels that take turns
  constexpr std::uint64_t kOfJob = 100;    // commands, then the client has seen its end
  constexpr std::uint64_t kBetweenRounds = 16;
  std::string error;
  CommandFeed feed(MakePolicyOperations(description.name, {}, error), {});
  std::uint64_t arrival = 0, now_ns = 0;
  std::vector<std::uint64_t> posted(tenants);
  const auto make_ready = [&](CommandFeed::ClientId client) {
    if (posted[client] % kOfJob == 0) feed.AtRest(client, static_cast<std::uint32_t>(posted[client] / kOfJob + 1));
    const std::uint64_t shape = (arrival * 7'919 + client) % kShapes;
    feed.Ready(client, 0, ++posted[client], arrival++, {.shape = shape, .share = 0.01}, now_ns);
  };
  for (TenantId tenant = 0; tenant < tenants; ++tenant) make_ready(feed.AddClient(tenant, tenant, tenant, {}, 0));
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t i = 0; i < decisions; ++i) {
    if (i % kBetweenRounds == 0) feed.BeginRound(now_ns);
    const CommandFeed::Choice picked = *feed.Pick(now_ns);
    feed.Dispatched(picked.client, picked.stream, now_ns);
    now_ns += 1'000 + i * 104'729 % 50'000;
    feed.Completed(picked.client, picked.stream, posted[picked.client], now_ns);
    make_ready(picked.client);
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
