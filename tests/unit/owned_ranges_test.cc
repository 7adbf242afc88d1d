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

}  // namespace
}  // namespace paella::scheduler_daemon
