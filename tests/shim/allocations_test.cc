#include "shim/allocations.h"

#include <gtest/gtest.h>

namespace paella::shim {
namespace {

Allocation At(std::uint64_t base, std::uint64_t size_bytes) {
  Allocation allocation;
  allocation.base = base;
  allocation.size_bytes = size_bytes;
  return allocation;
}

TEST(AllocationsTest, RangesAndTheirEdges) {
  Allocations allocations;
  allocations.Add(At(0x1000, 0x100));
  allocations.Add(At(0x1100, 0x100));
  EXPECT_FALSE(allocations.Find(0xfff));
  EXPECT_EQ(allocations.Find(0x1000)->base, 0x1000u);
  EXPECT_EQ(allocations.Find(0x10ff)->base, 0x1000u);
  EXPECT_EQ(allocations.Find(0x1100)->base, 0x1100u);
  EXPECT_FALSE(allocations.Find(0x1200));
  EXPECT_TRUE(allocations.FindRange(0x1000, 0x100));
  EXPECT_FALSE(allocations.FindRange(0x1000, 0x101));  // into the neighbour
  EXPECT_FALSE(allocations.FindRange(0x1080, ~0ull));
}

TEST(AllocationsTest, RemovalIsByStart) {
  Allocations allocations;
  allocations.Add(At(0x1000, 0x100));
  EXPECT_FALSE(allocations.Remove(0x1001));
  const auto first = allocations.Remove(0x1000);
  ASSERT_TRUE(first);
  EXPECT_FALSE(allocations.Remove(0x1000));
  allocations.Add(At(0x1000, 0x100));
  EXPECT_NE(allocations.FindStart(0x1000)->id, first->id);
}

}  // namespace
}  // namespace paella::shim
