#include "scheduler_daemon/executor/slab_stock.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kSlabBytes = 32 << 20;
constexpr std::chrono::seconds kPatience{60};

// A GPU with room for `slabs` slabs, and the driver's two functions that the stock calls.
class SmallGpu : public SlabSource {
 public:
  explicit SmallGpu(std::uint64_t slabs) : free_bytes_(slabs * kSlabBytes) {
    driver_.cuMemImportFromShareableHandle = [](CUmemGenericAllocationHandle* handle, void*, CUmemAllocationHandleType) {
      ++imported;
      *handle = 1;
      return CUDA_SUCCESS;
    };
    driver_.cuMemRelease = [](CUmemGenericAllocationHandle) {
      --imported;
      return CUDA_SUCCESS;
    };
    imported = 0;
  }

  std::optional<Grant> Take(std::uint64_t size_bytes, Need need, CUresult& result) override {
    const std::lock_guard lock(mutex_);
    if (need == Need::kNow) ++asked_now_;
    result = size_bytes > free_bytes_ ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS;
    if (result != CUDA_SUCCESS) return std::nullopt;
    free_bytes_ -= size_bytes;
    sizes_[++last_tag_] = size_bytes;
    return Grant{last_tag_, ipc::Fd(open("/dev/null", O_RDONLY | O_CLOEXEC))};
  }

  void Return(std::uint64_t tag) override {
    const std::lock_guard lock(mutex_);
    free_bytes_ += sizes_.at(tag);
    sizes_.erase(tag);
  }

  const Driver& driver() const { return driver_; }
  int asked_now() const {
    const std::lock_guard lock(mutex_);
    return asked_now_;
  }
  std::size_t taken() const {
    const std::lock_guard lock(mutex_);
    return sizes_.size();
  }

  static inline std::atomic<int> imported = 0;

 private:
  Driver driver_;
  mutable std::mutex mutex_;
  std::uint64_t free_bytes_;
  std::map<std::uint64_t, std::uint64_t> sizes_;  // by tag
  std::uint64_t last_tag_ = 0;
  int asked_now_ = 0;
};

testing::AssertionResult Becomes(const SlabStock& stock, std::uint64_t slabs) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (stock.ready_bytes() != slabs * kSlabBytes) {
    if (std::chrono::steady_clock::now() > deadline) return testing::AssertionFailure() << stock.ready_bytes();
    std::this_thread::yield();
  }
  return testing::AssertionSuccess();
}

TEST(SlabStockTest, HasNoneReadyByItself) {
  SmallGpu gpu(4);
  const SlabStock stock(gpu.driver(), gpu, kSlabBytes, [] {});
  EXPECT_EQ(stock.ready_bytes(), 0u);
  EXPECT_EQ(gpu.taken(), 0u);
}

TEST(SlabStockTest, GivesAReadySlabWithoutAskingAndMakesAnother) {
  SmallGpu gpu(4);
  SlabStock stock(gpu.driver(), gpu, kSlabBytes, [] {});
  stock.Keep(2);
  ASSERT_TRUE(Becomes(stock, 2));
  SlabStock::Slab slab;
  ASSERT_EQ(stock.Take(kSlabBytes, slab), CUDA_SUCCESS);
  EXPECT_EQ(slab.size_bytes, kSlabBytes);
  EXPECT_EQ(gpu.asked_now(), 0);
  EXPECT_TRUE(Becomes(stock, 2));
  EXPECT_EQ(gpu.taken(), 3u);
  stock.Return(slab);
}

TEST(SlabStockTest, MakesOtherSizesWhenTheyAreAskedFor) {
  SmallGpu gpu(4);
  SlabStock stock(gpu.driver(), gpu, kSlabBytes, [] {});
  stock.Keep(1);
  ASSERT_TRUE(Becomes(stock, 1));
  SlabStock::Slab slab;
  ASSERT_EQ(stock.Take(2 * kSlabBytes, slab), CUDA_SUCCESS);
  EXPECT_EQ(gpu.asked_now(), 1);
  EXPECT_EQ(stock.ready_bytes(), kSlabBytes);
  stock.Return(slab);
}

TEST(SlabStockTest, KnowsOfReturnsUntilTheyWereAwaited) {
  SmallGpu gpu(3);
  SlabStock stock(gpu.driver(), gpu, kSlabBytes, [] {});
  SlabStock::Slab slab;
  ASSERT_EQ(stock.Take(kSlabBytes, slab), CUDA_SUCCESS);
  EXPECT_FALSE(stock.HasReturns());
  stock.Return(slab);
  EXPECT_TRUE(stock.HasReturns());
  stock.AwaitReturns();
  EXPECT_FALSE(stock.HasReturns());
}

TEST(SlabStockTest, ReadySlabsNeverMakeAnAllocationFail) {
  SmallGpu gpu(3);
  SlabStock stock(gpu.driver(), gpu, kSlabBytes, [] {});
  stock.Keep(2);
  ASSERT_TRUE(Becomes(stock, 2));
  SlabStock::Slab all;
  EXPECT_EQ(stock.Take(3 * kSlabBytes, all), CUDA_SUCCESS);
  EXPECT_EQ(stock.ready_bytes(), 0u);
  EXPECT_EQ(gpu.taken(), 1u);
  stock.Return(all);
  EXPECT_TRUE(Becomes(stock, 2));
}

// However the keeper's own requests fall between those of many allocations.
TEST(SlabStockTest, ReadySlabsNeverMakeAnAllocationFailWhileTheyAreMade) {
  SmallGpu gpu(3);
  SlabStock stock(gpu.driver(), gpu, kSlabBytes, [] {});
  stock.Keep(2);
  constexpr int kTimes = 2000;
  for (int i = 0; i < kTimes; ++i) {
    SlabStock::Slab all;
    ASSERT_EQ(stock.Take(3 * kSlabBytes, all), CUDA_SUCCESS) << i;
    stock.Return(all);
  }
}

TEST(SlabStockTest, NoneIsMadeForLaterBeforeMemoryComesBack) {
  SmallGpu gpu(2);
  SlabStock stock(gpu.driver(), gpu, kSlabBytes, [] {});
  stock.Keep(1);
  ASSERT_TRUE(Becomes(stock, 1));
  SlabStock::Slab slab;
  EXPECT_EQ(stock.Take(3 * kSlabBytes, slab), CUDA_ERROR_OUT_OF_MEMORY);
  stock.Keep(2);
  EXPECT_EQ(gpu.taken(), 0u);
  ASSERT_EQ(stock.Take(kSlabBytes, slab), CUDA_SUCCESS);
  EXPECT_EQ(gpu.taken(), 1u);
  stock.Return(slab);
  EXPECT_TRUE(Becomes(stock, 2));
}

TEST(SlabStockTest, LeavesNothingBehind) {
  SmallGpu gpu(4);
  {
    SlabStock stock(gpu.driver(), gpu, kSlabBytes, [] {});
    stock.Keep(3);
    ASSERT_TRUE(Becomes(stock, 3));
  }
  EXPECT_EQ(gpu.taken(), 0u);
  EXPECT_EQ(SmallGpu::imported, 0);
}

}  // namespace
}  // namespace paella::scheduler_daemon
