// The simulator's GPU: blocks, waves, streams, hardware queues.
#include "scheduler_daemon/simulator/gpu_model.h"

#include <gtest/gtest.h>

#include <map>

namespace paella::scheduler_daemon {
namespace {

constexpr GpuDescription kSmall{.sms = 4, .threads_of_sm = 1'000, .queues = 2};  // 4,000 threads

std::map<std::uint32_t, std::uint64_t> RunAll(GpuModel& gpu) {
  std::map<std::uint32_t, std::uint64_t> ends_ns;
  while (gpu.next_ns() != GpuModel::kIdle) {
    const std::uint64_t now_ns = gpu.next_ns();
    std::vector<std::uint32_t> completed;
    gpu.Advance(now_ns, completed);
    for (const std::uint32_t token : completed) ends_ns[token] = now_ns;
  }
  return ends_ns;
}

TEST(GpuModelTest, MoreBlocksThanFitRunInWaves) {
  GpuModel gpu(kSmall);
  gpu.Submit({.token = 0, .blocks = 9, .threads = 1'000, .block_ns = 50}, 0);
  EXPECT_EQ(RunAll(gpu).at(0), 150u);
  EXPECT_EQ(gpu.busy_ns(150), 150u);
}

TEST(GpuModelTest, StreamsRunSideBySideAndOneStreamInOrder) {
  GpuModel gpu(kSmall);
  gpu.Submit({.token = 0, .stream = 0, .blocks = 1, .threads = 500, .block_ns = 50}, 0);
  gpu.Submit({.token = 1, .stream = 0, .blocks = 1, .threads = 500, .block_ns = 50}, 0);
  gpu.Submit({.token = 2, .stream = 1, .blocks = 1, .threads = 500, .block_ns = 50}, 0);
  EXPECT_EQ(RunAll(gpu), (std::map<std::uint32_t, std::uint64_t>{{0, 50}, {1, 100}, {2, 50}}));
}

TEST(GpuModelTest, AStreamThatSharesItsQueueWaitsForWhatStandsBeforeIt) {
  GpuModel gpu(kSmall);  // streams 0 and 2 share queue 0
  gpu.Submit({.token = 0, .stream = 0, .blocks = 1, .threads = 500, .block_ns = 50}, 0);
  gpu.Submit({.token = 1, .stream = 0, .blocks = 1, .threads = 500, .block_ns = 50}, 0);
  gpu.Submit({.token = 2, .stream = 2, .blocks = 1, .threads = 500, .block_ns = 10}, 0);
  EXPECT_EQ(RunAll(gpu).at(2), 60u);
}

TEST(GpuModelTest, ALaterKernelUsesTheRoomThatIsLeft) {
  GpuModel gpu(kSmall);
  gpu.Submit({.token = 0, .stream = 0, .blocks = 2, .threads = 3'000, .block_ns = 50}, 0);
  gpu.Submit({.token = 1, .stream = 1, .blocks = 1, .threads = 500, .block_ns = 10}, 0);
  EXPECT_EQ(RunAll(gpu), (std::map<std::uint32_t, std::uint64_t>{{0, 100}, {1, 10}}));
}

}  // namespace
}  // namespace paella::scheduler_daemon
