// The model of the hardware's block scheduler, with a virtual clock and no GPU around it.
#include "tests/simulated_gpu/block_scheduler.h"

#include <gtest/gtest.h>

#include <map>

namespace paella::simulated_gpu {
namespace {

class VirtualClock : public Clock {
 public:
  std::uint64_t NowNs() const override { return now_ns; }
  std::uint64_t now_ns = 0;
};

class BlockSchedulerTest : public testing::Test {
 protected:
  static constexpr SmLimits kLimits{2048, 65536, 100'000, 4};

  ItemId Kernel(std::uint32_t queue, std::uint64_t blocks, int priority = 0, std::uint32_t threads = 512) {
    ItemRequest request;
    request.queue = queue;
    request.priority = priority;
    request.blocks = blocks;
    request.per_block = {threads, 0, 0};
    return scheduler_.Submit(request);
  }
  // Blocks placed of each item.
  std::map<ItemId, int> Dispatch() {
    std::map<ItemId, int> placed;
    for (const ScheduleAction& action : scheduler_.Dispatch()) {
      if (action.kind == ScheduleAction::Kind::kPlace) ++placed[action.item];
    }
    return placed;
  }

  VirtualClock clock_;
  BlockScheduler scheduler_{2, kLimits, 2, clock_};  // 2 SMs of 4 blocks, 2 queues
};

TEST_F(BlockSchedulerTest, PlacesAsManyBlocksAsFit) {
  const ItemId kernel = Kernel(0, 20);
  EXPECT_TRUE(Dispatch().empty()) << "not ready";
  scheduler_.MarkReady(kernel);
  EXPECT_EQ(Dispatch()[kernel], 8);
  EXPECT_FALSE(scheduler_.FinishBlock(kernel, 1));
  EXPECT_EQ(Dispatch()[kernel], 1);
}

TEST_F(BlockSchedulerTest, PlacesBlocksOnTheSmsThatTheyMayUse) {
  ItemRequest request;
  request.blocks = 20;
  request.per_block = {512, 0, 0};
  request.sms = std::make_shared<const std::vector<bool>>(std::vector{false, true});
  const ItemId part = scheduler_.Submit(request);
  scheduler_.MarkReady(part);
  for (const ScheduleAction& action : scheduler_.Dispatch()) EXPECT_EQ(action.sm, 1u);
  EXPECT_FALSE(scheduler_.FinishBlock(part, 1));
  EXPECT_EQ(Dispatch()[part], 1);
  const ItemId all = Kernel(1, 20);
  scheduler_.MarkReady(all);
  EXPECT_EQ(Dispatch()[all], 4) << "the other SM's";
}

TEST_F(BlockSchedulerTest, TheHeadOfAQueueHoldsUpWhatIsBehindIt) {
  Kernel(0, 1);  // of another stream, and never ready
  const ItemId behind = Kernel(0, 1), beside = Kernel(1, 1);
  scheduler_.MarkReady(behind);
  scheduler_.MarkReady(beside);
  const auto placed = Dispatch();
  EXPECT_FALSE(placed.contains(behind));
  EXPECT_TRUE(placed.contains(beside));
}

TEST_F(BlockSchedulerTest, AnUrgentKernelIsPlacedFirst) {
  const ItemId patient = Kernel(0, 8), urgent = Kernel(1, 6, -1);
  scheduler_.MarkReady(patient);
  scheduler_.MarkReady(urgent);
  auto placed = Dispatch();
  EXPECT_EQ(placed[urgent], 6);
  EXPECT_EQ(placed[patient], 2);
}

TEST_F(BlockSchedulerTest, ACooperativeKernelStartsWholeOrNotAtAll) {
  const ItemId first = Kernel(0, 1);
  ItemRequest request;
  request.queue = 1;
  request.blocks = 8;
  request.per_block = {512, 0, 0};
  request.all_at_once = true;
  const ItemId whole = scheduler_.Submit(request);
  scheduler_.MarkReady(first);
  EXPECT_EQ(Dispatch()[first], 1);
  scheduler_.MarkReady(whole);
  EXPECT_TRUE(Dispatch().empty());
  EXPECT_TRUE(scheduler_.FinishBlock(first, 0));
  EXPECT_EQ(Dispatch()[whole], 8);
}

TEST_F(BlockSchedulerTest, TellsAnItemsTimes) {
  clock_.now_ns = 10;
  const ItemId copy = scheduler_.Submit({});
  scheduler_.MarkReady(copy);
  clock_.now_ns = 20;
  ASSERT_EQ(scheduler_.Dispatch().size(), 1u);
  clock_.now_ns = 35;
  ItemTimes times;
  scheduler_.Finish(copy, &times);
  EXPECT_EQ(times.submitted_ns, 10u);
  EXPECT_EQ(times.started_ns, 20u);
  EXPECT_EQ(times.finished_ns, 35u);
  EXPECT_EQ(scheduler_.items(), 0u);
}

TEST_F(BlockSchedulerTest, ACancelledKernelEndsWithItsPlacedBlocks) {
  const ItemId kernel = Kernel(0, 9), next = Kernel(0, 1);
  scheduler_.MarkReady(kernel);
  scheduler_.MarkReady(next);
  EXPECT_EQ(Dispatch()[kernel], 8);
  EXPECT_FALSE(scheduler_.Cancel(kernel));
  for (std::uint32_t i = 0; i < 7; ++i) EXPECT_FALSE(scheduler_.FinishBlock(kernel, i % 2));
  EXPECT_TRUE(scheduler_.FinishBlock(kernel, 1));
  EXPECT_EQ(Dispatch()[next], 1);
}

TEST_F(BlockSchedulerTest, OccupancyIsTheScarcestResource) {
  EXPECT_EQ(BlockScheduler::BlocksPerSm(kLimits, {64, 0, 0}), 4u);
  EXPECT_EQ(BlockScheduler::BlocksPerSm(kLimits, {1024, 0, 0}), 2u);
  EXPECT_EQ(BlockScheduler::BlocksPerSm(kLimits, {64, 30'000, 0}), 2u);
  EXPECT_EQ(BlockScheduler::BlocksPerSm(kLimits, {64, 0, 100'001}), 0u);
}

}  // namespace
}  // namespace paella::simulated_gpu
