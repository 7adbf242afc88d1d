#include "shim/staging.h"

#include <gtest/gtest.h>

#include <map>

namespace paella::shim {
namespace {

// Completed commands, per stream.
struct Gpu {
  std::map<std::uint32_t, std::uint64_t> completed;
  static bool IsComplete(void* self, std::uint32_t stream, std::uint64_t sequence) {
    return static_cast<Gpu*>(self)->completed[stream] >= sequence;
  }
};

TEST(StagingTest, RangesAreFreedByTheirCommands) {
  Gpu gpu;
  StagingAllocator staging(1024, Gpu::IsComplete, &gpu);
  const auto first = staging.Allot(512);
  const auto second = staging.Allot(512);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->offset, second->offset);
  EXPECT_FALSE(staging.Allot(1));
  staging.FreeAfter(*first, 3, 10);
  EXPECT_FALSE(staging.Allot(512));
  gpu.completed[3] = 10;
  const auto third = staging.Allot(512);
  ASSERT_TRUE(third);
  EXPECT_EQ(third->offset, first->offset);
}

TEST(StagingTest, OldestFirst) {
  Gpu gpu;
  StagingAllocator staging(1024, Gpu::IsComplete, &gpu);
  const auto first = staging.Allot(512), second = staging.Allot(512);
  staging.FreeNow(*second);
  EXPECT_FALSE(staging.Allot(512));
  staging.FreeNow(*first);
  EXPECT_TRUE(staging.Allot(512));
  EXPECT_TRUE(staging.Allot(512));
}

TEST(StagingTest, ARangeNeverWraps) {
  Gpu gpu;
  StagingAllocator staging(1024, Gpu::IsComplete, &gpu);
  const auto first = staging.Allot(768);
  staging.FreeNow(*first);
  const auto second = staging.Allot(512);  // 256 are left at the end
  ASSERT_TRUE(second);
  EXPECT_EQ(second->offset, 0u);
}

TEST(StagingTest, EmptyAreaTakesItsWhole) {
  Gpu gpu;
  StagingAllocator staging(1024, Gpu::IsComplete, &gpu);
  for (int i = 0; i < 100; ++i) {
    const auto range = staging.Allot(i % 512);
    ASSERT_TRUE(range) << i;
    EXPECT_LE(range->offset + i % 512, 1024u);
    staging.FreeNow(*range);
  }
}

}  // namespace
}  // namespace paella::shim
