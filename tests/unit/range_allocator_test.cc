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

TEST(RangeAllocatorTest, AGreaterAlignmentLosesNothing) {
  RangeAllocator ranges(512, 8192, 512);
  EXPECT_EQ(ranges.Allocate(512, 4096), 4096u);
  EXPECT_EQ(ranges.Allocate(512, 4096), 8192u);
  EXPECT_FALSE(ranges.Allocate(512, 4096));
  EXPECT_EQ(ranges.Allocate(3584), 512u);  // what was left before the first
  EXPECT_EQ(ranges.used_bytes(), 4608u);
  EXPECT_TRUE(ranges.Free(4096));
  EXPECT_TRUE(ranges.Free(512));
  EXPECT_TRUE(ranges.Free(8192));
  EXPECT_EQ(ranges.Allocate(8192, 512), 512u);
  EXPECT_FALSE(ranges.Allocate(1, 1ull << 63));
}

TEST(RangeAllocatorTest, PartsOfARangeAreFreedByThemselves) {
  RangeAllocator ranges(4096, 4096, 512);
  ASSERT_EQ(ranges.Allocate(2048), 4096u);
  EXPECT_FALSE(ranges.Split(4096, 2048));
  EXPECT_FALSE(ranges.Split(4096, 0));
  EXPECT_FALSE(ranges.Split(4096, ~0ull));
  EXPECT_FALSE(ranges.Split(4608, 512));
  EXPECT_TRUE(ranges.Split(4096, 500));
  EXPECT_TRUE(ranges.Split(4608, 1024));
  EXPECT_EQ(ranges.used_bytes(), 2048u);
  EXPECT_TRUE(ranges.Free(4608));
  EXPECT_EQ(ranges.used_bytes(), 1024u);
  EXPECT_EQ(ranges.Allocate(1024), 4608u);  // between the two that are left
  for (const std::uint64_t part : {4096u, 4608u, 5632u}) EXPECT_TRUE(ranges.Free(part)) << part;
  EXPECT_EQ(ranges.Allocate(4096), 4096u);
}

TEST(RangeAllocatorTest, AtAnAddress) {
  RangeAllocator ranges(4096, 4096, 512);
  EXPECT_TRUE(ranges.AllocateAt(5120, 1000));
  EXPECT_FALSE(ranges.AllocateAt(5120, 512));
  EXPECT_FALSE(ranges.AllocateAt(4096, 1025));  // into it
  EXPECT_FALSE(ranges.AllocateAt(6145, 512));
  EXPECT_FALSE(ranges.AllocateAt(0, 512));
  EXPECT_FALSE(ranges.AllocateAt(8192, 512));
  EXPECT_FALSE(ranges.AllocateAt(7680, 1024));  // past the end
  EXPECT_FALSE(ranges.AllocateAt(6144, ~0ull));
  EXPECT_TRUE(ranges.AllocateAt(4096, 1024));
  EXPECT_TRUE(ranges.AllocateAt(7680, 512));
  EXPECT_TRUE(ranges.Free(5120));
  EXPECT_TRUE(ranges.Free(4096));
  EXPECT_TRUE(ranges.Free(7680));
  EXPECT_TRUE(ranges.AllocateAt(4096, 4096));
}

}  // namespace
}  // namespace paella::scheduler_daemon
