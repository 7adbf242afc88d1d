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
  EXPECT_TRUE(allocations.FindRange(0x1000, 0x100, MemoryUse::kWrite));
  EXPECT_FALSE(allocations.FindRange(0x1000, 0x101, MemoryUse::kRead));  // into the neighbour
  EXPECT_FALSE(allocations.FindRange(0x1080, ~0ull, MemoryUse::kRead));
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

TEST(AllocationsTest, WhatWasFoundIsForgottenWithEachChange) {
  Allocations allocations, others;
  others.Add(At(0x1000, 0x200));
  EXPECT_EQ(others.Find(0x1000)->size_bytes, 0x200u);
  EXPECT_FALSE(allocations.Find(0x1000));  // found in another list
  allocations.Add(At(0x1000, 0x100));
  EXPECT_EQ(allocations.Find(0x1010)->size_bytes, 0x100u);
  EXPECT_EQ(allocations.Find(0x1020)->size_bytes, 0x100u);
  EXPECT_FALSE(allocations.Find(0x1100));
  EXPECT_TRUE(allocations.SetSyncMemops(0x1000, true));
  EXPECT_TRUE(allocations.Find(0x1010)->sync_memops);
  allocations.Remove(0x1000);
  EXPECT_FALSE(allocations.Find(0x1010));
  allocations.Add(At(0x1000, 0x40));
  EXPECT_EQ(allocations.Find(0x1010)->size_bytes, 0x40u);
  EXPECT_FALSE(allocations.Find(0x1080));
}

TEST(AllocationsTest, BuffersThatShareAPlaceAreEachFound) {
  Allocations allocations;
  constexpr std::uint64_t kStride = 8u << 21;
  for (std::uint64_t i = 1; i <= 3; ++i) allocations.Add(At(i * kStride, 0x1000 * i));
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t i = 1; i <= 3; ++i) EXPECT_EQ(allocations.Find(i * kStride + 5)->size_bytes, 0x1000 * i);
  }
}

Allocation Mapping(std::uint64_t base, std::uint64_t size_bytes) {
  Allocation mapping = At(base, size_bytes);
  mapping.kind = MemoryKind::kMapped;
  mapping.readable = mapping.writable = false;
  return mapping;
}

TEST(AllocationsTest, MappingsSideBySideAreOneBuffer) {
  Allocations allocations;
  for (const std::uint64_t base : {0x1000, 0x1100, 0x1300}) allocations.Add(Mapping(base, 0x100));
  allocations.Add(At(0x1400, 0x100));
  EXPECT_FALSE(allocations.FindRange(0x1000, 1, MemoryUse::kRead));  // no rights yet
  EXPECT_EQ(allocations.SetRights(0x1000, 0x200, true, true).size(), 2u);
  EXPECT_EQ(allocations.SetRights(0x1300, 0x100, true, true).size(), 1u);
  EXPECT_EQ(allocations.FindRange(0x1080, 0x180, MemoryUse::kWrite)->base, 0x1000u);
  EXPECT_FALSE(allocations.FindRange(0x1080, 0x181, MemoryUse::kRead));  // a hole
  EXPECT_FALSE(allocations.FindRange(0x1300, 0x101, MemoryUse::kRead));  // an allocation is no piece of a buffer
  allocations.SetRights(0x1100, 0x100, true, false);
  EXPECT_TRUE(allocations.FindRange(0x1080, 0x100, MemoryUse::kRead));
  EXPECT_FALSE(allocations.FindRange(0x1080, 0x100, MemoryUse::kWrite));
  EXPECT_TRUE(allocations.FindRange(0x1080, 0x80, MemoryUse::kWrite));
}

TEST(AllocationsTest, MappingsGoAsAWhole) {
  Allocations allocations;
  for (const std::uint64_t base : {0x1000, 0x1100}) allocations.Add(Mapping(base, 0x100));
  allocations.Add(At(0x1200, 0x100));
  EXPECT_FALSE(allocations.AreMappings(0x1000, 0x80));
  EXPECT_FALSE(allocations.AreMappings(0x1000, 0x180));
  EXPECT_FALSE(allocations.AreMappings(0x1080, 0x80));
  EXPECT_FALSE(allocations.AreMappings(0x1000, 0x300));
  EXPECT_FALSE(allocations.AreMappings(0x1200, 0x100));
  EXPECT_FALSE(allocations.AreMappings(0x1000, 0));
  EXPECT_TRUE(allocations.RemoveMappings(0x1000, 0x180).empty());
  EXPECT_TRUE(allocations.AreMappings(0x1000, 0x200));
  EXPECT_EQ(allocations.RemoveMappings(0x1000, 0x200).size(), 2u);
  EXPECT_FALSE(allocations.Find(0x1000));
  EXPECT_TRUE(allocations.Find(0x1200));
}

}  // namespace
}  // namespace paella::shim
