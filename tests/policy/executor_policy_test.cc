#include "scheduler_daemon/policies/policy.h"

#include <gtest/gtest.h>

namespace paella::scheduler_daemon {
namespace {

TEST(PolicyTest, FifoTakesTheOldest) {
  const std::vector<ReadyCommand> ready{{1, 1, 1, 9}, {2, 2, 1, 4}, {3, 1, 2, 7}};
  EXPECT_EQ(MakePolicy("fifo")->Pick(ready, 0), 1u);
}

TEST(PolicyTest, RoundRobinTakesTenantsInTurnAndTheOldestOfEach) {
  const auto policy = MakePolicy("round-robin");
  const std::vector<ReadyCommand> ready{{1, 1, 1, 2}, {1, 1, 2, 1}, {2, 5, 1, 3}, {3, 9, 1, 4}};
  std::vector<std::size_t> picks;
  for (int i = 0; i < 4; ++i) {
    picks.push_back(policy->Pick(ready, 0));
    policy->OnDispatched(ready[picks.back()], 0);
  }
  EXPECT_EQ(picks, (std::vector<std::size_t>{1, 2, 3, 1}));
}

TEST(PolicyTest, EveryNamedPolicyExistsAndNoOther) {
  for (const std::string& name : PolicyNames()) EXPECT_EQ(MakePolicy(name)->name(), name);
  EXPECT_EQ(MakePolicy("lifo"), nullptr);
}

}  // namespace
}  // namespace paella::scheduler_daemon
