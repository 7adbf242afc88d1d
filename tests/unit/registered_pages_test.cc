#include "ipc/registered_pages.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "ipc/channel.h"

namespace paella::ipc {
namespace {

constexpr std::uint64_t kPage = kPageBytes;
constexpr std::uint64_t kArena = 1ull << 40;

std::string Text(const std::vector<PageRun>& runs) {
  std::string text;
  for (const PageRun& run : runs) {
    text += std::to_string(run.begin / kPage) + "-" + std::to_string(run.end / kPage) + (run.is_partial ? "p " : " ");
  }
  return text;
}

TEST(RegisteredPagesTest, ARangeIsCutWhereItFillsPagesInPart) {
  const RegisteredPages pages;
  const auto runs = [&](std::uint64_t begin, std::uint64_t end) { return Text(pages.RunsOf(begin, end - begin)); };
  EXPECT_EQ(runs(3 * kPage, 5 * kPage), "3-5 ");
  EXPECT_EQ(runs(3 * kPage, 3 * kPage + 1), "3-4p ");
  EXPECT_EQ(runs(3 * kPage + 1, 3 * kPage + 2), "3-4p ");
  EXPECT_EQ(runs(4 * kPage - 1, 4 * kPage), "3-4p ");
  EXPECT_EQ(runs(4 * kPage - 1, 4 * kPage + 1), "3-4p 4-5p ");
  EXPECT_EQ(runs(4 * kPage - 1, 5 * kPage), "3-4p 4-5 ");
  EXPECT_EQ(runs(3 * kPage, 5 * kPage + 1), "3-5 5-6p ");
  EXPECT_EQ(runs(3 * kPage + 1, 9 * kPage + 1), "3-4p 4-9 9-10p ");
}

TEST(RegisteredPagesTest, APageStaysWithTheLastRegistrationInIt) {
  RegisteredPages pages;
  pages.Add(kPage + 10, 20, kArena);
  EXPECT_EQ(pages.NewRunsOf(kPage + 30, 20).size(), 0u);
  pages.Add(kPage + 30, 20, 0);
  EXPECT_EQ(Text(pages.NewRunsOf(kPage + 100, 3 * kPage)), "2-4 4-5p ");
  pages.Add(kPage + 100, 3 * kPage, kArena + 7 * kPage);
  EXPECT_EQ(Text(pages.OwnRunsOf(kPage + 10)), "");
  EXPECT_EQ(Text(pages.OwnRunsOf(kPage + 100)), "2-4 4-5p ");
  EXPECT_EQ(pages.OwnRunsOf(kPage + 100)[1].arena_address, kArena + 9 * kPage);
  pages.Remove(kPage + 100);
  pages.Remove(kPage + 10);
  EXPECT_EQ(Text(pages.OwnRunsOf(kPage + 30)), "1-2p ");
  EXPECT_EQ(pages.OwnRunsOf(kPage + 30)[0].arena_address, kArena);
  pages.Remove(kPage + 30);
  EXPECT_EQ(Text(pages.NewRunsOf(kPage + 30, 1)), "1-2p ");
}

TEST(RegisteredPagesTest, OnlyBytesOverlap) {
  RegisteredPages pages;
  pages.Add(kPage + 10, 20, kArena);
  EXPECT_TRUE(pages.Overlaps(kPage + 10, 20));
  EXPECT_TRUE(pages.Overlaps(kPage + 29, 1));
  EXPECT_TRUE(pages.Overlaps(kPage + 9, 2));
  EXPECT_TRUE(pages.Overlaps(1, 5 * kPage));
  EXPECT_FALSE(pages.Overlaps(kPage + 30, 1));
  EXPECT_FALSE(pages.Overlaps(kPage + 9, 1));
  EXPECT_FALSE(pages.Overlaps(1, kPage + 9));
}

// Against what one would keep page by page.
class Model {
 public:
  bool Overlaps(std::uint64_t begin, std::uint64_t end) const {
    for (const auto& [from, to] : ranges_) {
      if (from < end && to > begin) return true;
    }
    return false;
  }
  void Add(std::uint64_t begin, std::uint64_t end, std::uint64_t arena) {
    ranges_[begin] = end;
    for (const std::uint64_t page : Pages(begin, end)) {
      if (arena_.try_emplace(page, arena).second) arena += kPage;
    }
  }
  std::set<std::uint64_t> Own(std::uint64_t begin) const {
    std::set<std::uint64_t> own = Pages(begin, ranges_.at(begin));
    for (const auto& [from, to] : ranges_) {
      if (from == begin) continue;
      for (const std::uint64_t page : Pages(from, to)) own.erase(page);
    }
    return own;
  }
  void Remove(std::uint64_t begin) {
    for (const std::uint64_t page : Own(begin)) arena_.erase(page);
    ranges_.erase(begin);
  }
  std::set<std::uint64_t> New(std::uint64_t begin, std::uint64_t end) const {
    std::set<std::uint64_t> pages = Pages(begin, end);
    std::erase_if(pages, [&](std::uint64_t page) { return arena_.contains(page); });
    return pages;
  }
  std::uint64_t arena(std::uint64_t page) const { return arena_.at(page); }
  const std::map<std::uint64_t, std::uint64_t>& ranges() const { return ranges_; }

 private:
  static std::set<std::uint64_t> Pages(std::uint64_t begin, std::uint64_t end) {
    std::set<std::uint64_t> pages;
    for (std::uint64_t page = begin / kPage; page * kPage < end; ++page) pages.insert(page);
    return pages;
  }

  std::map<std::uint64_t, std::uint64_t> ranges_, arena_;
};

std::set<std::uint64_t> PagesOf(const std::vector<PageRun>& runs) {
  std::set<std::uint64_t> pages;
  for (const PageRun& run : runs) {
    for (std::uint64_t page = run.begin / kPage; page < run.end / kPage; ++page) EXPECT_TRUE(pages.insert(page).second);
  }
  return pages;
}

TEST(RegisteredPagesTest, AnyOrderOfRegistrationsAgreesWithSinglePages) {
  std::mt19937 random(1);
  RegisteredPages pages;
  Model model;
  std::uint64_t arena = kArena;
  for (int step = 0; step < 3000; ++step) {
    if (random() % 2 == 0 && !model.ranges().empty()) {
      const std::uint64_t begin = std::next(model.ranges().begin(), random() % model.ranges().size())->first;
      const auto own = pages.OwnRunsOf(begin);
      ASSERT_EQ(PagesOf(own), model.Own(begin));
      for (const PageRun& run : own) {
        for (std::uint64_t page = run.begin; page < run.end; page += kPage) {
          ASSERT_EQ(run.arena_address + (page - run.begin), model.arena(page / kPage));
        }
      }
      pages.Remove(begin);
      model.Remove(begin);
    } else {
      const std::uint64_t unit = random() % 3 == 0 ? kPage : 97;
      const std::uint64_t begin = (1 + random() % (30 * kPage)) / unit * unit + unit;
      const std::uint64_t end = begin + (1 + random() % 40) * unit;
      ASSERT_EQ(pages.Overlaps(begin, end - begin), model.Overlaps(begin, end));
      if (model.Overlaps(begin, end)) continue;
      const auto new_runs = pages.NewRunsOf(begin, end - begin);
      ASSERT_EQ(PagesOf(new_runs), model.New(begin, end));
      for (std::size_t i = 1; i < new_runs.size(); ++i) ASSERT_EQ(new_runs[i].begin, new_runs[i - 1].end);
      pages.Add(begin, end - begin, arena);
      model.Add(begin, end, arena);
      arena += 64 * kPage;
    }
    ASSERT_EQ(pages.registrations(), model.ranges().size());
  }
}

}  // namespace
}  // namespace paella::ipc
