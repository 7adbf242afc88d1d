// A host with a policy, and short words for what happens to it: what tests of single decisions are written in.
#ifndef PAELLA_TESTS_POLICY_SCENE_H_
#define PAELLA_TESTS_POLICY_SCENE_H_

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "scheduler_daemon/policies/catalogue.h"
#include "scheduler_daemon/policies/policy_host.h"

namespace paella::scheduler_daemon {

inline std::unique_ptr<PolicyOperations> Named(std::string_view name, const std::vector<std::string>& settings = {}) {
  std::string error;
  auto policy = MakePolicyOperations(name, settings, error);
  EXPECT_NE(policy, nullptr) << error;
  return policy;
}

class Scene {
 public:
  explicit Scene(std::unique_ptr<PolicyOperations> policy) : host(std::move(policy)) {}
  explicit Scene(std::string_view policy, const std::vector<std::string>& settings = {})
      : Scene(Named(policy, settings)) {}

  // A job of the tenant's only client.
  JobId Job(TenantId tenant, std::uint64_t remaining_ns = 0) {
    return host.BeginJob({.tenant = tenant, .client = tenant, .remaining_ns = remaining_ns}, now_ns);
  }

  ReadyId Ready(JobId job, std::uint64_t predicted_ns = 1'000) {
    const JobInfo& info = host.Job(job);
    return host.CommandReady({.client = info.client,
                              .tenant = info.tenant,
                              .stream = next_stream_++,
                              .job = job,
                              .arrival = next_arrival_++,
                              .predicted_ns = predicted_ns},
                             now_ns);
  }

  // A job with one command.
  ReadyId Single(TenantId tenant, std::uint64_t predicted_ns = 1'000) {
    return Ready(Job(tenant, predicted_ns), predicted_ns);
  }

  // What the policy picks, dispatched and run at once, as long as predicted.
  ReadyId Next() {
    const std::optional<ReadyId> picked = host.Pick(now_ns);
    if (!picked) return kPickNothing;
    const std::uint64_t measured_ns = host.Command(*picked).predicted_ns;
    host.Dispatched(*picked, now_ns);
    now_ns += measured_ns;
    host.Completed(*picked, measured_ns, now_ns);
    return *picked;
  }

  std::vector<ReadyId> Order() {
    std::vector<ReadyId> order;
    while (host.ready() > 0) order.push_back(Next());
    return order;
  }

  std::uint64_t now_ns = 0;
  PolicyHost host;

 private:
  std::uint64_t next_arrival_ = 0;
  std::uint32_t next_stream_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_TESTS_POLICY_SCENE_H_
