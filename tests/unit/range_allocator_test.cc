#include "scheduler_daemon/executor/range_allocator.h"

#include <gtest/gtest.h>

namespace paella::scheduler_daemon {
namespace {

TEST(RangeAllocatorTest, RangesAreAlignedApartAndJoinAgain) {
  RangeAllocator ranges(4096, 4096, 512);
  const auto a = ranges.Allocate(1);
  const auto b = ranges.Allocate(1000);
  const auto c = ranges.Allocate(4096 - 512 - 1024);
  ASSERT_TRUE(a && b && c);
  EXPECT_EQ(*a % 512, 0u);
  EXPECT_EQ(ranges.used_bytes(), 4096u);
  EXPECT_FALSE(ranges.Allocate(1));
  EXPECT_TRUE(ranges.Free(*a));
  EXPECT_TRUE(ranges.Free(*c));
  EXPECT_TRUE(ranges.Free(*b));  // joins both neighbours
  EXPECT_TRUE(ranges.empty());
  EXPECT_EQ(ranges.Allocate(4096), 4096u);
}

TEST(RangeAllocatorTest, NonsenseIsRefused) {
  RangeAllocator ranges(0, 4096, 512);
  EXPECT_FALSE(ranges.Allocate(0));
  EXPECT_FALSE(ranges.Allocate(UINT64_MAX));
  EXPECT_FALSE(ranges.Free(0));
  const auto range = ranges.Allocate(100);
  EXPECT_FALSE(ranges.Free(*range + 1));
  EXPECT_TRUE(ranges.Free(*range));
  EXPECT_FALSE(ranges.Free(*range));
}

}  // namespace
}  // namespace paella::scheduler_daemon
