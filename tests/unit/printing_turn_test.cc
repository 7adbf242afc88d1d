// Whose kernels may print: one client's at a time, in the order in which they asked, and nobody waits for ever.
#include "scheduler_daemon/executor/printing_turn.h"

#include <gtest/gtest.h>

#include <vector>

namespace paella::scheduler_daemon {
namespace {

class PrintingTurnTest : public testing::Test {
 protected:
  bool MayGo(std::uint64_t client) {
    turn_.PassIfDue(now_ns_);
    return turn_.MayGo(client, now_ns_);
  }
  // What the passing does elsewhere has happened.
  bool MayGoAfterPassing(std::uint64_t client) {
    MayGo(client);
    turn_.PassIfDue(now_ns_);
    turn_.Passed();
    return MayGo(client);
  }

  std::vector<std::uint64_t> passed_to_;
  PrintingTurn turn_{[this](std::uint64_t client) { passed_to_.push_back(client); }};
  std::uint64_t now_ns_ = 1;
};

TEST_F(PrintingTurnTest, TheFirstWaitsOnlyUntilTheTurnIsPassed) {
  EXPECT_FALSE(MayGo(1));
  EXPECT_FALSE(MayGo(1)) << "the text of whoever was before is on its way";
  EXPECT_EQ(passed_to_, std::vector<std::uint64_t>{1});
  turn_.Passed();
  EXPECT_TRUE(MayGo(1));
}

TEST_F(PrintingTurnTest, OneAloneKeepsIt) {
  ASSERT_TRUE(MayGoAfterPassing(1));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(MayGo(1));
    turn_.OnDispatched();
  }
  for (int i = 0; i < 3; ++i) turn_.OnDone();
  EXPECT_TRUE(MayGo(1));
  EXPECT_EQ(passed_to_.size(), 1u);
}

TEST_F(PrintingTurnTest, AnotherWaitsForTheLastCommandAndThenGoesFirst) {
  ASSERT_TRUE(MayGoAfterPassing(1));
  turn_.OnDispatched();
  turn_.OnDispatched();
  EXPECT_FALSE(MayGo(2));
  EXPECT_FALSE(MayGo(1)) << "or the other one would wait for ever";
  turn_.OnDone();
  EXPECT_FALSE(MayGo(2));
  EXPECT_EQ(passed_to_.size(), 1u);
  turn_.OnDone();
  EXPECT_FALSE(MayGo(2));
  EXPECT_EQ(passed_to_.back(), 2u);
  turn_.Passed();
  EXPECT_TRUE(MayGo(2));
  EXPECT_FALSE(MayGo(1));
}

// The first found the turn free in one look at all clients, the second came in the same look: what the first was told
// must hold when it is dispatched.
TEST_F(PrintingTurnTest, WhoWasToldToGoIsNotOvertaken) {
  ASSERT_TRUE(MayGoAfterPassing(1));
  turn_.PassIfDue(now_ns_);
  EXPECT_TRUE(turn_.MayGo(1, now_ns_));
  EXPECT_FALSE(turn_.MayGo(2, now_ns_));
  turn_.OnDispatched();
  turn_.PassIfDue(now_ns_);
  EXPECT_EQ(passed_to_.size(), 1u);
}

TEST_F(PrintingTurnTest, ThreeTakeTurns) {
  ASSERT_TRUE(MayGoAfterPassing(1));
  std::vector<std::uint64_t> order;
  for (int round = 0; round < 6; ++round) {
    for (const std::uint64_t client : {1, 2, 3}) {
      if (!turn_.MayGo(client, now_ns_)) continue;
      order.push_back(client);
      turn_.OnDispatched();
      turn_.OnDone();
    }
    turn_.PassIfDue(now_ns_);
    turn_.Passed();
  }
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 2, 3, 1, 2, 3}));
}

TEST_F(PrintingTurnTest, WhoGotTheTurnKeepsItUntilItHasGone) {
  ASSERT_TRUE(MayGoAfterPassing(1));
  turn_.OnDispatched();
  EXPECT_FALSE(MayGo(2));
  turn_.OnDone();
  EXPECT_FALSE(MayGo(1));  // the turn is on its way to the other, and this one is the next
  turn_.Passed();
  EXPECT_FALSE(MayGo(1));
  EXPECT_FALSE(MayGo(1));
  EXPECT_TRUE(MayGo(2));
  EXPECT_EQ(passed_to_, (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(PrintingTurnTest, WhoLeavesIsNotWaitedFor) {
  ASSERT_TRUE(MayGoAfterPassing(1));
  turn_.OnDispatched();
  EXPECT_FALSE(MayGo(2));
  EXPECT_FALSE(MayGo(3));
  EXPECT_FALSE(MayGo(4));
  turn_.Forget(3);
  turn_.OnDone();
  EXPECT_FALSE(MayGo(4));
  turn_.Forget(2);  // while the turn is on its way to it
  turn_.Passed();
  EXPECT_FALSE(MayGo(4));
  turn_.Passed();
  EXPECT_TRUE(MayGo(4));
  EXPECT_EQ(passed_to_, (std::vector<std::uint64_t>{1, 2, 4}));
}

TEST_F(PrintingTurnTest, NobodyWaitsForAKernelThatDoesNotEnd) {
  ASSERT_TRUE(MayGoAfterPassing(1));
  turn_.OnDispatched();
  EXPECT_FALSE(MayGo(2));
  now_ns_ += PrintingTurn::kPatienceNs;
  EXPECT_FALSE(MayGo(2));
  now_ns_ += 2;
  EXPECT_FALSE(MayGo(2));
  EXPECT_EQ(passed_to_.back(), PrintingTurn::kNobody) << "what comes now is nobody's";
  turn_.Passed();
  EXPECT_TRUE(MayGo(2));
  EXPECT_TRUE(MayGo(1));
  turn_.OnDispatched();
  turn_.OnDone();
  EXPECT_TRUE(MayGo(3)) << "the first one is still there";
  turn_.OnDone();
  EXPECT_FALSE(MayGo(3)) << "now the turn is one client's again";
  EXPECT_FALSE(MayGo(3));
  EXPECT_EQ(passed_to_.back(), 3u);
}

}  // namespace
}  // namespace paella::scheduler_daemon
