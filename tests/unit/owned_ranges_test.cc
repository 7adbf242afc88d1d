#include "scheduler_daemon/executor/owned_ranges.h"

#include <gtest/gtest.h>

namespace paella::scheduler_daemon {
namespace {

constexpr RangeUse kRead = RangeUse::kRead;
constexpr RangeUse kWrite = RangeUse::kWrite;

TEST(OwnedRangesTest, AllocationsEndWhereTheyEnd) {
  OwnedRanges ranges;
  EXPECT_FALSE(ranges.Allow(0x1000, 1, kRead));
  EXPECT_TRUE(ranges.Add(0x1000, 0x100));
  EXPECT_FALSE(ranges.Add(0x1000, 0x200));
  EXPECT_TRUE(ranges.Add(0x1100, 0x100));
  EXPECT_TRUE(ranges.Allow(0x1000, 0x100, kWrite));
  EXPECT_TRUE(ranges.Allow(0x10ff, 1, kWrite));
  EXPECT_FALSE(ranges.Allow(0x1000, 0x101, kRead));  // into the neighbour
  EXPECT_FALSE(ranges.Allow(0xfff, 2, kRead));
  EXPECT_FALSE(ranges.Allow(0x1080, ~0ull, kRead));
  EXPECT_TRUE(ranges.Remove(0x1000));
  EXPECT_FALSE(ranges.Remove(0x1000));
  EXPECT_FALSE(ranges.Allow(0x1000, 1, kRead));
}

TEST(OwnedRangesTest, MappingsSideBySideAreOneRange) {
  OwnedRanges ranges;
  ranges.SetMapping(0x1000, 0x100, true);
  ranges.SetMapping(0x1100, 0x100, true);
  ranges.SetMapping(0x1300, 0x100, true);
  EXPECT_TRUE(ranges.Allow(0x1080, 0x180, kWrite));
  EXPECT_FALSE(ranges.Allow(0x1080, 0x181, kRead));  // a hole
  EXPECT_TRUE(ranges.Remove(0x1100));
  EXPECT_FALSE(ranges.Allow(0x1080, 0x81, kRead));
  EXPECT_TRUE(ranges.Add(0x1100, 0x100));
  EXPECT_FALSE(ranges.Allow(0x1080, 0x81, kRead));  // an allocation is no piece of a buffer
  EXPECT_FALSE(ranges.Allow(0x1180, 0x200, kRead));
}

TEST(OwnedRangesTest, EveryPieceHasToBeWritable) {
  OwnedRanges ranges;
  ranges.SetMapping(0x1000, 0x100, true);
  ranges.SetMapping(0x1100, 0x100, false);
  ranges.SetMapping(0x1200, 0x100, true);
  EXPECT_TRUE(ranges.Allow(0x1000, 0x300, kRead));
  EXPECT_FALSE(ranges.Allow(0x1000, 0x300, kWrite));
  EXPECT_FALSE(ranges.Allow(0x1110, 1, kWrite));
  EXPECT_TRUE(ranges.Allow(0x1000, 0x100, kWrite));
  ranges.SetMapping(0x1100, 0x100, true);
  EXPECT_TRUE(ranges.Allow(0x1000, 0x300, kWrite));
}

// A call that takes memory away waits for the commands before it. One behind it that found the memory still would be given
// to the driver when somebody else's may lie there.
TEST(OwnedRangesTest, WhatIsBeingTakenAwayIsNotFound) {
  OwnedRanges ranges;
  EXPECT_TRUE(ranges.Add(0x1000, 0x100));
  EXPECT_TRUE(ranges.Add(0x2000, 0x100));
  const auto lost = ranges.lost();
  ranges.BeginRetiring(0x1000, 1);
  ranges.BeginRetiring(0x1000, 1);  // two calls may name it
  EXPECT_GT(ranges.lost(), lost);
  EXPECT_FALSE(ranges.Allow(0x1080, 1, kRead));
  EXPECT_TRUE(ranges.Allow(0x2000, 0x100, kWrite));
  ranges.EndRetiring(0x1000, 1);
  EXPECT_TRUE(ranges.Remove(0x1000));
  EXPECT_TRUE(ranges.Add(0x1000, 0x100));  // new memory at the place, which the second call will take
  EXPECT_FALSE(ranges.Allow(0x1000, 1, kRead));
  ranges.EndRetiring(0x1000, 1);
  EXPECT_TRUE(ranges.Allow(0x1000, 1, kRead));
  EXPECT_EQ(ranges.retiring(), 0u);
}

TEST(OwnedRangesTest, ASpanOfAnySizeMayBeTakenAway) {
  OwnedRanges ranges;
  ranges.SetMapping(0x1000, 0x100, true);
  ranges.SetMapping(0x1100, 0x100, true);
  ranges.BeginRetiring(0x1100, 0x100);
  EXPECT_TRUE(ranges.Allow(0x1000, 0x100, kRead));
  EXPECT_FALSE(ranges.Allow(0x1000, 0x101, kRead));
  ranges.BeginRetiring(0x800, ~std::uint64_t{0});
  EXPECT_FALSE(ranges.Allow(0x1000, 1, kRead));
  ranges.EndRetiring(0x800, ~std::uint64_t{0});
  EXPECT_TRUE(ranges.Allow(0x1000, 1, kRead));
}

}  // namespace
}  // namespace paella::scheduler_daemon
