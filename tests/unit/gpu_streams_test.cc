// Which physical streams there are, and of which priority: over a driver that counts them.
#include "scheduler_daemon/executor/gpu_streams.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace paella::scheduler_daemon {
namespace {

constexpr TenantClass kLatency = TenantClass::kLatency;
constexpr TenantClass kNormal = TenantClass::kNormal;
constexpr TenantClass kBestEffort = TenantClass::kBestEffort;

TEST(PriorityBandsTest, ClassesShareTheRangeOfAnH100) {
  const PriorityBands bands(0, -5);
  EXPECT_EQ(bands.Of(kBestEffort, 0), 0);
  EXPECT_EQ(bands.Of(kBestEffort, -5), -1);
  EXPECT_EQ(bands.Of(kNormal, 0), -2);
  EXPECT_EQ(bands.Of(kNormal, -1), -3) << "more than the least is more here too";
  EXPECT_EQ(bands.Of(kNormal, -5), -3);
  EXPECT_EQ(bands.Of(kLatency, 0), -4);
  EXPECT_EQ(bands.Of(kLatency, -5), -5);
}

TEST(PriorityBandsTest, SmallRangesAreShared) {
  for (const auto each : {kLatency, kNormal, kBestEffort}) EXPECT_EQ(PriorityBands(0, 0).Of(each, -3), 0);
  EXPECT_EQ(PriorityBands(0, -1).Of(kBestEffort, -1), 0);
  EXPECT_EQ(PriorityBands(0, -1).Of(kNormal, -1), 0);
  EXPECT_EQ(PriorityBands(0, -1).Of(kLatency, 0), -1);
  EXPECT_EQ(PriorityBands(0, -2).Of(kBestEffort, -2), 0);
  EXPECT_EQ(PriorityBands(0, -2).Of(kNormal, 0), -1);
  EXPECT_EQ(PriorityBands(0, -2).Of(kLatency, 0), -2);
}

// Of any range: priorities stay in it, classes in their order, and a program's own priorities in theirs.
TEST(PriorityBandsTest, OrdersAreKept) {
  for (std::int32_t greatest = 0; greatest > -12; --greatest) {
    const PriorityBands bands(0, greatest);
    for (std::int32_t own = 0; own >= greatest; --own) {
      for (const auto each : {kLatency, kNormal, kBestEffort}) {
        EXPECT_LE(bands.Of(each, own), 0);
        EXPECT_GE(bands.Of(each, own), greatest);
        EXPECT_LE(bands.Of(each, own), bands.Of(each, own + 1));
      }
      EXPECT_LE(bands.Of(kLatency, 0), bands.Of(kNormal, own)) << greatest;
      EXPECT_LE(bands.Of(kNormal, 0), bands.Of(kBestEffort, own)) << greatest;
    }
  }
}

TEST(PriorityBandsTest, WhatIsOutOfTheRangeIsBroughtIntoIt) {
  constexpr std::int32_t kLeast = std::numeric_limits<std::int32_t>::min();
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  EXPECT_EQ(PriorityBands(0, -5).Of(kNormal, kLeast), -3);
  EXPECT_EQ(PriorityBands(0, -5).Of(kNormal, kMost), -2);
}

struct FakeGpu {
  std::map<CUstream, int> streams;  // with their priorities
  std::uintptr_t made = 0;
  std::size_t most = 10'000;
  std::uintptr_t contexts = 0;
  std::size_t in_shares = 0;  // streams that were made in one
  const Driver* driver = nullptr;

  static FakeGpu* current;
};
FakeGpu* FakeGpu::current = nullptr;

class GpuStreamsTest : public testing::Test {
 protected:
  GpuStreamsTest() {
    FakeGpu::current = &gpu_;
    driver_.cuCtxGetStreamPriorityRange = [](int* least, int* greatest) {
      *least = 0;
      *greatest = -5;
      return CUDA_SUCCESS;
    };
    driver_.cuMemHostAlloc = [](void** memory, std::size_t size, unsigned) {
      *memory = std::malloc(size);
      return CUDA_SUCCESS;
    };
    driver_.cuMemFreeHost = [](void* memory) {
      std::free(memory);
      return CUDA_SUCCESS;
    };
    driver_.cuStreamCreateWithPriority = [](CUstream* stream, unsigned, int priority) {
      FakeGpu& gpu = *FakeGpu::current;
      if (gpu.streams.size() == gpu.most) return CUDA_ERROR_OUT_OF_MEMORY;
      *stream = reinterpret_cast<CUstream>(++gpu.made);
      gpu.streams[*stream] = priority;
      return CUDA_SUCCESS;
    };
    driver_.cuStreamDestroy = [](CUstream stream) {
      EXPECT_EQ(FakeGpu::current->streams.erase(stream), 1u);
      return CUDA_SUCCESS;
    };
    // The GPU does at once what it is told.
    driver_.cuStreamWriteValue64 = [](CUstream, CUdeviceptr address, cuuint64_t value, unsigned) {
      reinterpret_cast<std::atomic<std::uint64_t>*>(address)->store(value);
      return CUDA_SUCCESS;
    };
  }

  int PriorityOf(const GpuStream* stream) const { return gpu_.streams.at(stream->stream); }
  void TakeAllQueues(GpuStreams& streams, TenantClass tenant_class) {
    while (gpu_.streams.size() < GpuStreams::kHardwareQueues) taken_.push_back(streams.Take(tenant_class, 0));
  }

  FakeGpu gpu_;
  Driver driver_;
  std::vector<GpuStream*> taken_;
};

TEST_F(GpuStreamsTest, HaveThePriorityOfTheirClass) {
  GpuStreams streams(driver_, true);
  ASSERT_EQ(streams.Start(), CUDA_SUCCESS);
  EXPECT_EQ(PriorityOf(streams.Take(kBestEffort, 0)), 0);
  EXPECT_EQ(PriorityOf(streams.Take(kNormal, 0)), -2);
  EXPECT_EQ(PriorityOf(streams.Take(kNormal, -5)), -3);
  EXPECT_EQ(PriorityOf(streams.Take(kLatency, 0)), -4);
  EXPECT_EQ(PriorityOf(streams.TakeFirst()), -5);
}

TEST_F(GpuStreamsTest, HaveTheProgramsWhereClassesDoNotCount) {
  GpuStreams streams(driver_, false);
  ASSERT_EQ(streams.Start(), CUDA_SUCCESS);
  EXPECT_EQ(PriorityOf(streams.Take(kBestEffort, -5)), -5);
  EXPECT_EQ(PriorityOf(streams.Take(kLatency, 0)), 0);
  EXPECT_EQ(PriorityOf(streams.Take(kLatency, 7)), 0);
}

TEST_F(GpuStreamsTest, ThoseOfTheStartServeTheFirstCommandsOfEachClass) {
  GpuStreams streams(driver_, true);
  ASSERT_EQ(streams.Start(), CUDA_SUCCESS);
  const auto made = gpu_.made;
  for (const auto each : {kLatency, kNormal, kBestEffort}) EXPECT_NE(streams.Take(each, 0), nullptr);
  EXPECT_EQ(gpu_.made, made);
}

TEST_F(GpuStreamsTest, AnIdleOneIsMadeAnewBeforeQueuesAreShared) {
  GpuStreams streams(driver_, true);
  ASSERT_EQ(streams.Start(), CUDA_SUCCESS);
  TakeAllQueues(streams, kNormal);  // those of the start for the other classes are idle
  EXPECT_TRUE(streams.OneQueueEach());
  GpuStream* const first = streams.Take(kNormal, 0);
  EXPECT_EQ(PriorityOf(first), -2);
  EXPECT_EQ(gpu_.streams.size(), GpuStreams::kHardwareQueues);
  EXPECT_FALSE(streams.OneQueueEach()) << "nobody says which queue it got";

  for (GpuStream* const stream : taken_) streams.Return(stream);
  GpuStream* const latency = streams.Take(kLatency, -5);
  EXPECT_EQ(PriorityOf(latency), -5);
  EXPECT_EQ(gpu_.streams.size(), GpuStreams::kHardwareQueues);
}

TEST_F(GpuStreamsTest, WordsOnlyGrowWhenAStreamIsMadeAnew) {
  GpuStreams streams(driver_, true);
  ASSERT_EQ(streams.Start(), CUDA_SUCCESS);
  TakeAllQueues(streams, kNormal);
  for (GpuStream* const stream : taken_) {
    ASSERT_EQ(streams.Mark(*stream, 7), CUDA_SUCCESS);
    streams.Return(stream);
  }
  GpuStream* stream = nullptr;
  for (int i = 0; i < 10; ++i) stream = streams.Take(kLatency, 0);
  EXPECT_EQ(stream->marked, 7u);
  EXPECT_TRUE(stream->drained());
  EXPECT_EQ(gpu_.streams.size(), GpuStreams::kHardwareQueues);
}

TEST_F(GpuStreamsTest, BeyondTheQueuesThereAreMoreOnlyWhileNoneIsIdle) {
  GpuStreams streams(driver_, true);
  ASSERT_EQ(streams.Start(), CUDA_SUCCESS);
  for (std::size_t i = 0; i < 100; ++i) taken_.push_back(streams.Take(kNormal, 0));
  EXPECT_EQ(gpu_.streams.size(), 100u);
  for (GpuStream* const stream : taken_) streams.Return(stream);
  for (std::size_t i = 0; i < 100; ++i) EXPECT_EQ(PriorityOf(streams.Take(kLatency, 0)), -4);
  EXPECT_EQ(gpu_.streams.size(), 100u);
}

class StreamsOfShares : public GpuStreamsTest {
 protected:
  StreamsOfShares() {
    driver_.cuDeviceGetDevResource = [](CUdevice, CUdevResource* resource, CUdevResourceType) {
      resource->sm.smCount = 64;
      resource->sm.minSmPartitionSize = 8;
      return CUDA_SUCCESS;
    };
    driver_.cuDevSmResourceSplitByCount = [](CUdevResource* result, unsigned* count, const CUdevResource*,
                                             CUdevResource*, unsigned, unsigned least) {
      *count = 64 / least;
      for (unsigned i = 0; result != nullptr && i < *count; ++i) result[i].sm.smCount = least;
      return CUDA_SUCCESS;
    };
    driver_.cuDevResourceGenerateDesc = [](CUdevResourceDesc*, CUdevResource*, unsigned) { return CUDA_SUCCESS; };
    driver_.cuGreenCtxCreate = [](CUgreenCtx* context, CUdevResourceDesc, CUdevice, unsigned) {
      *context = reinterpret_cast<CUgreenCtx>(++FakeGpu::current->contexts);
      return CUDA_SUCCESS;
    };
    driver_.cuGreenCtxDestroy = [](CUgreenCtx) {
      --FakeGpu::current->contexts;
      return CUDA_SUCCESS;
    };
    driver_.cuGreenCtxStreamCreate = [](CUstream* stream, CUgreenCtx, unsigned flags, int priority) {
      ++FakeGpu::current->in_shares;
      return FakeGpu::current->driver->cuStreamCreateWithPriority(stream, flags, priority);
    };
    gpu_.driver = &driver_;
  }

  SmShares shares_{driver_, 0, [](const std::function<void()>& job) { job(); }};
  std::string error_;
};

TEST_F(StreamsOfShares, AreNobodyElses) {
  GpuStreams streams(driver_, true);
  ASSERT_EQ(streams.Start(), CUDA_SUCCESS);
  const auto pat = shares_.Make(25, error_), sue = shares_.Make(25, error_);
  GpuStream* const of_pat = streams.Take(kLatency, 0, pat);
  EXPECT_EQ(gpu_.in_shares, 1u);
  EXPECT_EQ(PriorityOf(of_pat), -4);
  streams.Return(of_pat);
  EXPECT_NE(streams.Take(kLatency, 0, sue), of_pat);
  EXPECT_NE(streams.Take(kLatency, 0), of_pat);
  EXPECT_EQ(streams.Take(kLatency, 0, pat), of_pat);
}

TEST_F(StreamsOfShares, BecomeEverybodysWhenTheShareEndsAndItsContextGoesWithTheLast) {
  GpuStreams streams(driver_, true);
  ASSERT_EQ(streams.Start(), CUDA_SUCCESS);
  auto share = shares_.Make(25, error_);
  GpuStream* const idle = streams.Take(kLatency, 0, share);
  GpuStream* const busy = streams.Take(kLatency, 0, share);
  streams.Return(idle);
  const std::size_t count = gpu_.streams.size();
  streams.Retire(*share);
  share = nullptr;
  EXPECT_EQ(idle->share, nullptr);
  EXPECT_NE(busy->share, nullptr);
  EXPECT_EQ(gpu_.contexts, 1u);
  streams.Return(busy);
  EXPECT_EQ(busy->share, nullptr);
  EXPECT_EQ(gpu_.contexts, 0u);
  EXPECT_EQ(gpu_.streams.size(), count);
  EXPECT_EQ(streams.Take(kLatency, 0), busy);
}

TEST_F(GpuStreamsTest, OneThatTheDriverDoesNotReplaceServesAsItIs) {
  GpuStreams streams(driver_, true);
  ASSERT_EQ(streams.Start(), CUDA_SUCCESS);
  TakeAllQueues(streams, kNormal);
  for (GpuStream* const stream : taken_) streams.Return(stream);
  gpu_.most = gpu_.streams.size();
  for (std::size_t i = 0; i < GpuStreams::kHardwareQueues; ++i) {
    GpuStream* const stream = streams.Take(kLatency, 0);
    ASSERT_NE(stream, nullptr);
    EXPECT_EQ(stream->priority, PriorityOf(stream));
  }
  EXPECT_EQ(streams.Take(kLatency, 0), nullptr);
}

}  // namespace
}  // namespace paella::scheduler_daemon
