// Hints about managed memory: taken, checked as CUDA checks them, and told to who asks.
#include <gtest/gtest.h>

#include "client_fixture.h"

namespace paella {
namespace {

constexpr std::size_t kPage = 4096;

class ClientManagedMemoryTest : public ClientTest {
 protected:
  void SetUp() override {
    ClientTest::SetUp();
    ASSERT_EQ(cuMemAllocManaged(&memory_, 4 * kPage, CU_MEM_ATTACH_GLOBAL), CUDA_SUCCESS);
    ASSERT_EQ(cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  }

  static CUmemLocation At(CUmemLocationType type, int id = 0) {
    CUmemLocation location{};
    location.type = type;
    location.id = id;
    return location;
  }
  static CUmemLocation Gpu() { return At(CU_MEM_LOCATION_TYPE_DEVICE); }
  static CUmemLocation Host() { return At(CU_MEM_LOCATION_TYPE_HOST); }
  static int Value(CUmem_range_attribute attribute, CUdeviceptr address, std::size_t bytes) {
    int value = -77;
    EXPECT_EQ(cuMemRangeGetAttribute(&value, sizeof value, attribute, address, bytes), CUDA_SUCCESS);
    return value;
  }

  CUdeviceptr memory_ = 0;
  CUstream stream_ = nullptr;
};

TEST_F(ClientManagedMemoryTest, AdviceHoldsForThePagesThatItIsGivenFor) {
  constexpr auto kReadMostly = CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY;
  EXPECT_EQ(Value(kReadMostly, memory_, 4 * kPage), 0);
  ASSERT_EQ(cuMemAdvise_v2(memory_ + kPage + 1, kPage, CU_MEM_ADVISE_SET_READ_MOSTLY, Gpu()), CUDA_SUCCESS);
  EXPECT_EQ(Value(kReadMostly, memory_, 4 * kPage), 0);
  EXPECT_EQ(Value(kReadMostly, memory_ + kPage, 2 * kPage), 1);
  EXPECT_EQ(Value(kReadMostly, memory_ + kPage, 2 * kPage + 1), 0);
  ASSERT_EQ(cuMemAdvise_v2(memory_, 4 * kPage, CU_MEM_ADVISE_SET_READ_MOSTLY, Gpu()), CUDA_SUCCESS);
  EXPECT_EQ(Value(kReadMostly, memory_, 4 * kPage), 1);
  ASSERT_EQ(cuMemAdvise_v2(memory_ + 2 * kPage, 1, CU_MEM_ADVISE_UNSET_READ_MOSTLY, Gpu()), CUDA_SUCCESS);
  EXPECT_EQ(Value(kReadMostly, memory_, 4 * kPage), 0);
  EXPECT_EQ(Value(kReadMostly, memory_, 2 * kPage), 1);
  EXPECT_EQ(Value(kReadMostly, memory_ + 3 * kPage, kPage), 1);
}

TEST_F(ClientManagedMemoryTest, LocationsAreToldWhereTheyAreTheSame) {
  constexpr auto kPreferred = CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION;
  EXPECT_EQ(Value(kPreferred, memory_, 4 * kPage), CU_DEVICE_INVALID);
  constexpr auto kPrefer = CU_MEM_ADVISE_SET_PREFERRED_LOCATION;
  ASSERT_EQ(cuMemAdvise_v2(memory_, 2 * kPage, kPrefer, Gpu()), CUDA_SUCCESS);
  ASSERT_EQ(cuMemAdvise(memory_ + 2 * kPage, 2 * kPage, kPrefer, CU_DEVICE_CPU), CUDA_SUCCESS);
  EXPECT_EQ(Value(kPreferred, memory_, 2 * kPage), 0);
  EXPECT_EQ(Value(kPreferred, memory_ + 2 * kPage, 2 * kPage), CU_DEVICE_CPU);
  EXPECT_EQ(Value(kPreferred, memory_, 4 * kPage), CU_DEVICE_INVALID);
  EXPECT_EQ(Value(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE, memory_, kPage), CU_MEM_LOCATION_TYPE_DEVICE);
  EXPECT_EQ(Value(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_ID, memory_, kPage), 0);

  ASSERT_EQ(cuMemAdvise_v2(memory_, 4 * kPage, CU_MEM_ADVISE_SET_ACCESSED_BY, Gpu()), CUDA_SUCCESS);
  ASSERT_EQ(cuMemAdvise_v2(memory_, kPage, CU_MEM_ADVISE_SET_ACCESSED_BY, Host()), CUDA_SUCCESS);
  int accessors[3] = {};
  constexpr auto kAccessedBy = CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY;
  EXPECT_EQ(cuMemRangeGetAttribute(accessors, sizeof accessors, kAccessedBy, memory_, kPage), CUDA_SUCCESS);
  EXPECT_EQ(accessors[0], 0);
  EXPECT_EQ(accessors[1], CU_DEVICE_CPU);
  EXPECT_EQ(accessors[2], CU_DEVICE_INVALID);
  EXPECT_EQ(cuMemRangeGetAttribute(accessors, sizeof accessors, kAccessedBy, memory_, 4 * kPage), CUDA_SUCCESS);
  EXPECT_EQ(accessors[1], CU_DEVICE_INVALID);
}

TEST_F(ClientManagedMemoryTest, APrefetchIsRememberedAndChangesNothing) {
  constexpr auto kLast = CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION;
  auto* const host = reinterpret_cast<unsigned char*>(memory_);
  host[5] = 99;
  EXPECT_EQ(cuMemPrefetchAsync_v2(memory_, 4 * kPage, Gpu(), 0, stream_), CUDA_SUCCESS);
  EXPECT_EQ(Value(kLast, memory_, 4 * kPage), 0);
  EXPECT_EQ(cuMemPrefetchAsync(memory_, kPage, CU_DEVICE_CPU, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(Value(kLast, memory_, kPage), CU_DEVICE_CPU);
  EXPECT_EQ(Value(CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE, memory_, 1), CU_MEM_LOCATION_TYPE_HOST);
  EXPECT_EQ(Value(kLast, memory_, 4 * kPage), CU_DEVICE_INVALID);
  EXPECT_EQ(host[5], 99);
  EXPECT_EQ(cuMemFree_v2(memory_), CUDA_SUCCESS);
  EXPECT_EQ(cuMemPrefetchAsync_v2(memory_, 1, Gpu(), 0, stream_), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientManagedMemoryTest, Batches) {
  CUdeviceptr addresses[] = {memory_, memory_ + kPage, memory_ + 2 * kPage};
  std::size_t sizes[] = {kPage, kPage, kPage};
  CUmemLocation locations[] = {Gpu(), Host()};
  std::size_t firsts[] = {0, 2};
  EXPECT_EQ(cuMemPrefetchBatchAsync(addresses, sizes, 3, locations, firsts, 2, 0, stream_), CUDA_SUCCESS);
  EXPECT_EQ(Value(CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION, memory_, 2 * kPage), 0);
  EXPECT_EQ(Value(CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION, memory_ + 2 * kPage, kPage), CU_DEVICE_CPU);
  EXPECT_EQ(cuMemDiscardBatchAsync(addresses, sizes, 3, 0, stream_), CUDA_SUCCESS);
  EXPECT_EQ(cuMemDiscardAndPrefetchBatchAsync(addresses, sizes, 3, locations, firsts, 2, 0, stream_), CUDA_SUCCESS);
  const auto refused = [&](std::size_t count, std::size_t location_count, CUstream stream) {
    EXPECT_EQ(cuMemPrefetchBatchAsync(addresses, sizes, count, locations, firsts, location_count, 0, stream),
              CUDA_ERROR_INVALID_VALUE);
  };
  refused(0, 1, stream_);
  refused(1, 2, stream_);   // more locations than ranges
  refused(2, 2, stream_);   // the second location begins behind the end
  refused(3, 2, nullptr);   // not in the legacy stream
  firsts[0] = 1;
  refused(3, 1, stream_);
  firsts[0] = 0;
  addresses[1] = Allocate(kPage);
  refused(3, 1, stream_);
}

TEST_F(ClientManagedMemoryTest, WhatIsRefused) {
  const CUdeviceptr device = Allocate(kPage);
  constexpr auto kAdvice = CU_MEM_ADVISE_SET_READ_MOSTLY;
  EXPECT_EQ(cuMemAdvise_v2(device, kPage, kAdvice, Gpu()), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAdvise_v2(memory_, 0, kAdvice, Gpu()), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAdvise_v2(memory_, 5 * kPage, kAdvice, Gpu()), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAdvise_v2(memory_, 1, static_cast<CUmem_advise>(99), Gpu()), CUDA_ERROR_INVALID_VALUE);
  constexpr auto kPrefer = CU_MEM_ADVISE_SET_PREFERRED_LOCATION;
  EXPECT_EQ(cuMemAdvise_v2(memory_, 1, kPrefer, At(CU_MEM_LOCATION_TYPE_DEVICE, 4)), CUDA_ERROR_INVALID_DEVICE);
  EXPECT_EQ(cuMemAdvise_v2(memory_, 1, kPrefer, At(CU_MEM_LOCATION_TYPE_INVALID)), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAdvise_v2(memory_, 1, CU_MEM_ADVISE_SET_ACCESSED_BY, At(CU_MEM_LOCATION_TYPE_HOST_NUMA)),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemPrefetchAsync_v2(memory_, 1, Gpu(), 1, stream_), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemPrefetchAsync(memory_, 1, 7, stream_), CUDA_ERROR_INVALID_DEVICE);
  EXPECT_EQ(cuMemPrefetchAsync_v2(memory_, 1, Gpu(), 0, reinterpret_cast<CUstream>(0x1234)), CUDA_ERROR_INVALID_HANDLE);
  short narrow = 0;
  EXPECT_EQ(cuMemRangeGetAttribute(&narrow, sizeof narrow, CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, memory_, 1),
            CUDA_ERROR_INVALID_VALUE);
  int value = 0;
  EXPECT_EQ(cuMemRangeGetAttribute(&value, sizeof value, CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, device, 1),
            CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientManagedMemoryTest, AttachingToAStream) {
  EXPECT_EQ(cuStreamAttachMemAsync(stream_, memory_, 0, CU_MEM_ATTACH_SINGLE), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamAttachMemAsync(nullptr, memory_, 4 * kPage, CU_MEM_ATTACH_GLOBAL), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamAttachMemAsync(nullptr, memory_, 0, CU_MEM_ATTACH_SINGLE), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamAttachMemAsync(stream_, memory_ + kPage, 0, CU_MEM_ATTACH_GLOBAL), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamAttachMemAsync(stream_, memory_, kPage, CU_MEM_ATTACH_GLOBAL), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamAttachMemAsync(stream_, memory_, 0, 8), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuStreamAttachMemAsync(stream_, Allocate(64), 0, CU_MEM_ATTACH_GLOBAL), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientManagedMemoryTest, ThereIsNothingToFlushAndNothingToProfile) {
  constexpr auto kTarget = CU_FLUSH_GPU_DIRECT_RDMA_WRITES_TARGET_CURRENT_CTX;
  constexpr auto kScope = CU_FLUSH_GPU_DIRECT_RDMA_WRITES_TO_OWNER;
  EXPECT_EQ(cuFlushGPUDirectRDMAWrites(kTarget, kScope), CUDA_ERROR_NOT_SUPPORTED);  // as this device's attribute says
  EXPECT_EQ(cuFlushGPUDirectRDMAWrites(kTarget, static_cast<CUflushGPUDirectRDMAWritesScope>(7)),
            CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace paella
