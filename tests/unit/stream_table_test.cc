#include "scheduler_daemon/executor/stream_table.h"

#include <gtest/gtest.h>

namespace paella::scheduler_daemon {
namespace {

class StreamTableTest : public testing::Test {
 protected:
  bool Put(std::uint32_t stream, std::uint64_t sequence, std::vector<Dependency> dependencies = {},
           Command::Kind kind = Command::Kind::kGpu) {
    Command command;
    command.stream = stream;
    command.sequence = sequence;
    command.kind = kind;
    command.dependencies = std::move(dependencies);
    return table_.Enqueue(std::move(command));
  }

  StreamTable table_;
};

TEST_F(StreamTableTest, OneStreamKeepsItsOrderAndBecomesIdle) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  ASSERT_TRUE(Put(1, 1));
  ASSERT_TRUE(Put(1, 2));
  ASSERT_TRUE(table_.HeadIsReady(1));
  EXPECT_EQ(table_.TakeHead(1).sequence, 1u);
  EXPECT_EQ(table_.TakeHead(1).sequence, 2u);
  EXPECT_FALSE(table_.HeadIsReady(1));
  table_.Complete(1, 1);
  EXPECT_FALSE(table_.idle());
  table_.Complete(1, 99);  // more than was dispatched
  EXPECT_EQ(table_.at(1).completed, 2u);
  EXPECT_TRUE(table_.idle());
}

TEST_F(StreamTableTest, AGraphCountsForItsNodesWhileItIsInFlight) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  for (const std::uint64_t sequence : {1, 2, 3}) {
    Command command;
    command.stream = 1;
    command.sequence = sequence;
    command.nodes = sequence == 2 ? 100 : 1;
    ASSERT_TRUE(table_.Enqueue(std::move(command)));
  }
  EXPECT_EQ(table_.at(1).nodes_in_flight, 0u);
  for (int i = 0; i < 3; ++i) table_.TakeHead(1);
  EXPECT_EQ(table_.at(1).nodes_in_flight, 102u);
  table_.Complete(1, 1);
  EXPECT_EQ(table_.at(1).nodes_in_flight, 101u);
  table_.Complete(1, 3);
  EXPECT_EQ(table_.at(1).nodes_in_flight, 0u);
  EXPECT_TRUE(table_.at(1).graphs.empty());
}

TEST_F(StreamTableTest, AHeadInSlicesIsInFlightUntilItsLast) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  ASSERT_TRUE(Put(1, 1));
  ASSERT_TRUE(Put(1, 2));
  const StreamQueue& queue = table_.at(1);
  table_.TakeSlice(1);
  EXPECT_TRUE(queue.in_flight());
  EXPECT_EQ(queue.dispatched, 0u);
  EXPECT_EQ(queue.dispatched_position(), PositionOf(0, 1));
  table_.CompleteSlices(1, 1);
  EXPECT_FALSE(queue.in_flight());
  EXPECT_FALSE(queue.idle());
  table_.TakeSlice(1);
  EXPECT_EQ(table_.TakeHead(1).sequence, 1u);
  table_.CompleteSlices(1, 2);  // seen after the last one was dispatched
  EXPECT_EQ(queue.dispatched_position(), PositionOf(1));
  EXPECT_EQ(queue.completed_position(), PositionOf(0, 2));
  EXPECT_TRUE(queue.in_flight());
  table_.Complete(1, 1);
  EXPECT_EQ(queue.completed_position(), PositionOf(1));
  EXPECT_FALSE(queue.in_flight());
  EXPECT_EQ(table_.TakeHead(1).sequence, 2u) << "the next one is whole again";
  EXPECT_EQ(queue.dispatched_position(), PositionOf(2));
}

TEST_F(StreamTableTest, TheLegacyStreamWaitsForBlockingStreamsAndTheyForIt) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  ASSERT_TRUE(table_.Create(2, false, 0));
  ASSERT_TRUE(Put(1, 1));
  ASSERT_TRUE(Put(2, 1));
  ASSERT_TRUE(Put(0, 1));
  ASSERT_TRUE(Put(1, 2));
  ASSERT_TRUE(Put(2, 2));
  EXPECT_FALSE(table_.HeadIsReady(0));
  table_.TakeHead(1);
  EXPECT_TRUE(table_.HeadIsReady(0));    // the GPU can keep the order from here on
  EXPECT_FALSE(table_.HeadIsReady(1));
  const Command legacy = table_.TakeHead(0);
  ASSERT_EQ(table_.Unfinished(legacy).size(), 1u);
  EXPECT_EQ(table_.Unfinished(legacy)[0].stream, 1u);
  EXPECT_TRUE(table_.HeadIsReady(1));
  table_.TakeHead(2);
  EXPECT_TRUE(table_.HeadIsReady(2));  // non-blocking: stream 0 does not matter
}

TEST_F(StreamTableTest, ACallbackWaitsForCompletion) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  ASSERT_TRUE(Put(1, 1));
  ASSERT_TRUE(Put(1, 2, {}, Command::Kind::kCallback));
  table_.TakeHead(1);
  EXPECT_FALSE(table_.HeadIsReady(1));
  table_.Complete(1, 1);
  EXPECT_TRUE(table_.HeadIsReady(1));
}

TEST_F(StreamTableTest, AHoldIsAskedWhenAllBeforeItIsDoneAndKeepsBackWhatComesAfter) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  ASSERT_TRUE(table_.Create(2, false, 0));
  ASSERT_TRUE(Put(1, 1));
  bool may_pass = false;
  int asked = 0;
  Command hold;
  hold.stream = 1;
  hold.sequence = 2;
  hold.kind = Command::Kind::kHold;
  hold.may_pass = [&] {
    ++asked;
    return may_pass;
  };
  ASSERT_TRUE(table_.Enqueue(std::move(hold)));
  ASSERT_TRUE(Put(1, 3));
  ASSERT_TRUE(Put(2, 1, {{1, 2}}));
  table_.TakeHead(1);
  EXPECT_FALSE(table_.HeadIsReady(1));
  EXPECT_EQ(asked, 0);
  table_.Complete(1, 1);
  EXPECT_FALSE(table_.HeadIsReady(1));
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(table_.HeadIsReady(2));
  may_pass = true;
  EXPECT_TRUE(table_.HeadIsReady(1));
  table_.Complete(1, table_.TakeHead(1).sequence);
  EXPECT_TRUE(table_.HeadIsReady(1));
  EXPECT_TRUE(table_.HeadIsReady(2));
}

TEST_F(StreamTableTest, BrokenProtocolIsRefused) {
  EXPECT_FALSE(Put(1, 1));  // no such stream
  EXPECT_FALSE(table_.Create(ipc::kMaxStreams, true, 0));
  EXPECT_FALSE(table_.Create(0, true, 0));
  EXPECT_FALSE(table_.Destroy(0));
  ASSERT_TRUE(table_.Create(1, true, 0));
  EXPECT_FALSE(table_.Create(1, true, 0));
  EXPECT_FALSE(Put(1, 2));
  EXPECT_FALSE(Put(1, 1, {{1, 7}}));
  EXPECT_FALSE(Put(1, 1, {{ipc::kMaxStreams, 0}}));
}

TEST_F(StreamTableTest, ADestroyedStreamFinishesFirstAndItsNumberComesBack) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  ASSERT_TRUE(Put(1, 1));
  ASSERT_TRUE(table_.Destroy(1));
  EXPECT_FALSE(Put(1, 2));
  EXPECT_FALSE(table_.Create(1, true, 0));
  table_.TakeHead(1);
  table_.Complete(1, 1);
  ASSERT_TRUE(table_.Create(1, true, 0));
  EXPECT_TRUE(Put(1, 2));  // sequences go on
}

TEST_F(StreamTableTest, WhatWasNotDispatchedIsDropped) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  ASSERT_TRUE(Put(1, 1));
  ASSERT_TRUE(Put(1, 2));
  ASSERT_TRUE(Put(0, 1));
  table_.TakeHead(1);
  table_.DropWaiting();
  EXPECT_FALSE(table_.idle());
  table_.Complete(1, 1);
  EXPECT_TRUE(table_.idle());
}

// Such a call was never answered once: its job went with the commands that it waited for.
TEST_F(StreamTableTest, WhatWaitsForDroppedCommandsWaitsForWhatIsInFlight) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  ASSERT_TRUE(table_.Create(2, false, 0));
  ASSERT_TRUE(Put(1, 1));
  ASSERT_TRUE(Put(1, 2));
  ASSERT_TRUE(Put(2, 1));
  table_.TakeHead(1);
  int calls = 0;
  table_.WhenDone([&] { ++calls; });
  table_.DropWaiting();
  EXPECT_EQ(calls, 0);
  table_.Complete(1, 1);
  EXPECT_EQ(calls, 1);
}

TEST_F(StreamTableTest, WhatWaitsForDroppedCommandsGoesOnAtOnceIfNothingIsInFlight) {
  ASSERT_TRUE(Put(0, 1));
  ASSERT_TRUE(Put(0, 2));
  int calls = 0;
  table_.WhenDone([&] { ++calls; });
  table_.DropWaiting();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(table_.idle());
}

TEST_F(StreamTableTest, ACallbackThatDoesNotEndHoldsNothingThatWasDropped) {
  ASSERT_TRUE(Put(0, 1, {}, Command::Kind::kCallback));
  table_.TakeHead(0);
  table_.at(0).awaits_callback = true;
  int calls = 0;
  table_.WhenDone([&] { ++calls; });
  table_.DropWaiting();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(table_.idle());
}

// A command that was to free memory of any stream frees it though it is dropped, and not under a kernel.
TEST_F(StreamTableTest, TheEndOfADroppedCommandComesWhenAllStreamsAreDone) {
  ASSERT_TRUE(table_.Create(1, false, 0));
  ASSERT_TRUE(Put(1, 1));
  table_.TakeHead(1);
  int ends = 0;
  Command free;
  free.sequence = 1;
  free.kind = Command::Kind::kMarker;
  free.dependencies = {{1, 1}};
  free.on_completed = [&] { ++ends; };
  ASSERT_TRUE(table_.Enqueue(std::move(free)));
  table_.DropWaiting();
  EXPECT_EQ(ends, 0);
  table_.Complete(1, 1);
  EXPECT_EQ(ends, 1);
}

TEST_F(StreamTableTest, ADestroyedStreamsNumberComesBackWhenItsCommandsAreDropped) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  ASSERT_TRUE(Put(1, 1));
  ASSERT_TRUE(table_.Destroy(1));
  table_.DropWaiting();
  EXPECT_TRUE(table_.Create(1, true, 0));
}

TEST_F(StreamTableTest, CountsWhatWaits) {
  ASSERT_TRUE(table_.Create(1, true, 0));
  EXPECT_EQ(table_.waiting_commands(), 0u);
  Command big;
  big.stream = 1;
  big.sequence = 1;
  constexpr std::uint64_t kRecordBytes = 30'000;
  big.record_bytes = kRecordBytes;
  ASSERT_TRUE(table_.Enqueue(std::move(big)));
  ASSERT_TRUE(Put(0, 1));
  EXPECT_EQ(table_.waiting_commands(), 2u);
  EXPECT_GE(table_.waiting_bytes(), kRecordBytes + 2 * sizeof(Command) + sizeof(Dependency));
  table_.TakeHead(1);
  EXPECT_EQ(table_.waiting_commands(), 1u);
  EXPECT_LT(table_.waiting_bytes(), kRecordBytes);
  table_.DropWaiting();
  EXPECT_EQ(table_.waiting_commands(), 0u);
  EXPECT_EQ(table_.waiting_bytes(), 0u);
}

}  // namespace
}  // namespace paella::scheduler_daemon
