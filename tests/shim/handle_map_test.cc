#include "shim/handle_map.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace paella::shim {
namespace {

const void* Handle(std::uintptr_t number) { return reinterpret_cast<const void*>(number); }

TEST(HandleMapTest, OnlyLiveHandlesAreFound) {
  HandleMap<int> map;
  int a = 1, b = 2;
  EXPECT_EQ(map.Find(Handle(0)), nullptr);
  EXPECT_EQ(map.Find(Handle(~0ull)), nullptr);
  map.Insert(Handle(64), &a);
  EXPECT_EQ(map.Find(Handle(64)), &a);
  EXPECT_EQ(map.Find(Handle(65)), nullptr);
  EXPECT_EQ(map.Erase(Handle(64)), &a);
  EXPECT_EQ(map.Erase(Handle(64)), nullptr);
  EXPECT_EQ(map.Find(Handle(64)), nullptr);
  map.Insert(Handle(64), &b);  // the address was reused
  EXPECT_EQ(map.Find(Handle(64)), &b);
}

TEST(HandleMapTest, GrowsUnderReaders) {
  HandleMap<int> map;
  int value = 1;
  map.Insert(Handle(16), &value);
  std::atomic<bool> stop{false};
  std::thread reader([&] {
    while (!stop) EXPECT_EQ(map.Find(Handle(16)), &value);
  });
  for (std::uintptr_t i = 2; i < 20000; ++i) map.Insert(Handle(16 * i), &value);
  stop = true;
  reader.join();
  for (std::uintptr_t i = 1; i < 20000; ++i) ASSERT_EQ(map.Find(Handle(16 * i)), &value) << i;
  EXPECT_EQ(map.All().size(), 19999u);
}

}  // namespace
}  // namespace paella::shim
