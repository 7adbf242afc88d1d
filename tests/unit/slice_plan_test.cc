#include "scheduler_daemon/executor/slice_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <random>

namespace paella::scheduler_daemon {
namespace {

using testing::ElementsAre;

constexpr std::uint64_t kSliceNs = 100'000;
constexpr std::uint64_t kWhole = 1;

TEST(CutEvenlyTest, SlicesAreNoLongerThanTheyMayBe) {
  const std::vector<std::uint64_t> node_ns{40, 40, 40, 10, 200, 10, 90};
  EXPECT_THAT(CutEvenly(node_ns, 100, 10), ElementsAre(0, 2, 4, 5));
}

TEST(CutEvenlyTest, WhatFitsStaysWhole) {
  EXPECT_THAT(CutEvenly(std::vector<std::uint64_t>{40, 60}, 100, 10), ElementsAre(0));
  EXPECT_THAT(CutEvenly({}, 100, 10), ElementsAre());
}

TEST(CutEvenlyTest, TooManySlicesBecomeLongerOnes) {
  const std::vector<std::uint64_t> node_ns(1000, 100);
  const SliceBegins begins = CutEvenly(node_ns, 100, 10);
  EXPECT_LE(begins.size(), 10u);
  EXPECT_GE(begins.size(), 5u);
}

// A graph whose nodes take what they take, and a daemon that measures what it launches.
class SlicePlanTest : public testing::Test {
 protected:
  explicit SlicePlanTest() : shapes_(20) { std::iota(shapes_.begin(), shapes_.end(), 100); }

  std::uint64_t Took(std::size_t begin, std::size_t end) const {
    return std::accumulate(node_ns_.begin() + static_cast<std::ptrdiff_t>(begin),
                           node_ns_.begin() + static_cast<std::ptrdiff_t>(end), std::uint64_t{0});
  }
  std::size_t EndOf(std::size_t slice) const { return slice + 1 == begins_.size() ? shapes_.size() : begins_[slice + 1]; }

  // As the executor would, with each answer of the plan carried out.
  void Launch(SlicePlan& plan) {
    auto next = plan.Next(begins_, slice_shapes_, durations_, kSliceNs);
    if (begins_.empty()) durations_.Observe(kWhole, Took(0, shapes_.size()));
    for (std::size_t slice = 0; slice < begins_.size(); ++slice) {
      durations_.Observe(slice_shapes_[slice], Took(begins_[slice], EndOf(slice)));
    }
    if (!next) return;
    ++cuts_;
    begins_ = *next;
    slice_shapes_.clear();
    for (std::size_t slice = 0; slice < begins_.size(); ++slice) {
      slice_shapes_.push_back(1'000'000 + begins_[slice] * 1000 + EndOf(slice));
    }
  }
  std::uint64_t LongestOfSeveral() const {
    std::uint64_t longest = 0;
    for (std::size_t slice = 0; slice < begins_.size(); ++slice) {
      if (EndOf(slice) - begins_[slice] > 1) longest = std::max(longest, Took(begins_[slice], EndOf(slice)));
    }
    return longest;
  }

  std::vector<std::uint64_t> shapes_;
  std::vector<std::uint64_t> node_ns_ = std::vector<std::uint64_t>(20, 50'000);
  KernelDurations durations_;
  SliceBegins begins_;
  std::vector<std::uint64_t> slice_shapes_;
  int cuts_ = 0;
};

TEST_F(SlicePlanTest, NothingIsCutBeforeItIsKnown) {
  SlicePlan plan(kWhole, shapes_);
  EXPECT_FALSE(plan.Next({}, {}, durations_, kSliceNs));
  durations_.Observe(kWhole, 1'000'000);
  EXPECT_FALSE(plan.Next({}, {}, durations_, kSliceNs)) << "seen once";
  durations_.Observe(kWhole, 1'000'000);
  EXPECT_TRUE(plan.Next({}, {}, durations_, kSliceNs));
}

TEST_F(SlicePlanTest, WhatIsShortIsLeftAlone) {
  std::ranges::fill(node_ns_, 5'000);
  SlicePlan plan(kWhole, shapes_);
  for (int i = 0; i < 10; ++i) Launch(plan);
  EXPECT_EQ(cuts_, 0);
}

TEST_F(SlicePlanTest, EqualNodesAreCutOnce) {
  SlicePlan plan(kWhole, shapes_);
  for (int i = 0; i < 20; ++i) Launch(plan);
  EXPECT_EQ(cuts_, 1);
  EXPECT_EQ(begins_.size(), 10u);
}

TEST_F(SlicePlanTest, NodesThatWereSeenAloneAreCutByWhatTheyTook) {
  node_ns_[7] = 900'000;
  for (std::size_t node = 0; node < shapes_.size(); ++node) durations_.Observe(shapes_[node], node_ns_[node]);
  SlicePlan plan(kWhole, shapes_);
  for (int i = 0; i < 20; ++i) Launch(plan);
  EXPECT_EQ(cuts_, 1);
  EXPECT_LE(LongestOfSeveral(), kSliceNs + 1000);
}

TEST_F(SlicePlanTest, UnknownUnequalNodesComeOutInAFewCuts) {
  std::mt19937 random(7);
  for (int graph = 0; graph < 50; ++graph) {
    durations_ = {};
    begins_.clear();
    slice_shapes_.clear();
    cuts_ = 0;
    for (std::uint64_t& node : node_ns_) node = random() % 8 == 0 ? 400'000 : 1'000 + random() % 30'000;
    SlicePlan plan(kWhole, shapes_);
    for (int i = 0; i < 40; ++i) Launch(plan);
    EXPECT_LE(cuts_, SlicePlan::kMostCuts);
    EXPECT_LE(static_cast<double>(LongestOfSeveral()), 450'000) << "no two long ones in one slice";
  }
}

TEST_F(SlicePlanTest, SlicesThatWereSlowedDownAreNotCutAgain) {
  SlicePlan plan(kWhole, shapes_);
  for (int i = 0; i < 4; ++i) Launch(plan);
  ASSERT_EQ(cuts_, 1);
  for (std::uint64_t& node : node_ns_) node *= 10;  // beside others
  for (int i = 0; i < 20; ++i) Launch(plan);
  EXPECT_EQ(cuts_, 1);
}

TEST_F(SlicePlanTest, OneNodeIsNeverCut) {
  SlicePlan plan(kWhole, {5});
  for (int i = 0; i < 3; ++i) durations_.Observe(kWhole, 10'000'000);
  EXPECT_FALSE(plan.Next({}, {}, durations_, kSliceNs));
}

}  // namespace
}  // namespace paella::scheduler_daemon
