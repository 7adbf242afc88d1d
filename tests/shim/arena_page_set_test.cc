#include "shim/arena_page_set.h"

#include <gtest/gtest.h>

#include "ipc/channel.h"

namespace paella::shim {
namespace {

constexpr std::uint64_t kPage = ipc::kPageBytes;

TEST(ArenaPageSetTest, PagesAreFoundInOrderAndWithinBounds) {
  ArenaPageSet pages(1000 * kPage);
  ASSERT_TRUE(pages.valid());
  EXPECT_EQ(pages.FirstIn(0, 1000 * kPage), 1000 * kPage);
  for (const std::uint64_t page : {0u, 63u, 64u, 500u, 999u}) pages.Insert(page * kPage);
  const auto first = [&](std::uint64_t from, std::uint64_t end) {
    return pages.FirstIn(from * kPage, end * kPage) / kPage;
  };
  EXPECT_EQ(first(0, 1000), 0u);
  EXPECT_EQ(first(1, 1000), 63u);
  EXPECT_EQ(first(64, 1000), 64u);
  EXPECT_EQ(first(65, 1000), 500u);
  EXPECT_EQ(first(501, 1000), 999u);
  EXPECT_EQ(first(65, 500), 500u);
  EXPECT_EQ(first(65, 499), 499u);
  EXPECT_EQ(first(1, 50), 50u);
  EXPECT_EQ(first(7, 7), 7u);
  pages.Erase(63 * kPage);
  pages.Erase(63 * kPage);
  EXPECT_EQ(first(1, 1000), 64u);
}

}  // namespace
}  // namespace paella::shim
