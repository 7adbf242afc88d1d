// Memory pools: who is in which, the account, the limit, and what becomes of memory whose pool has gone.
#include <gtest/gtest.h>

#include "client_fixture.h"

namespace paella {
namespace {

class ClientMemoryPoolsTest : public ClientTest {
 protected:
  static CUmemPoolProps Properties() {
    CUmemPoolProps properties{};
    properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    return properties;
  }
  static CUmemoryPool Create(std::size_t most_bytes = 0) {
    CUmemPoolProps properties = Properties();
    properties.maxSize = most_bytes;
    CUmemoryPool pool = nullptr;
    EXPECT_EQ(cuMemPoolCreate(&pool, &properties), CUDA_SUCCESS);
    return pool;
  }
  static CUmemoryPool Default() {
    CUmemoryPool pool = nullptr;
    EXPECT_EQ(cuDeviceGetDefaultMemPool(&pool, 0), CUDA_SUCCESS);
    return pool;
  }
  static CUmemoryPool Current() {
    CUmemoryPool pool = nullptr;
    EXPECT_EQ(cuDeviceGetMemPool(&pool, 0), CUDA_SUCCESS);
    return pool;
  }
  static std::uint64_t Value(CUmemoryPool pool, CUmemPool_attribute attribute) {
    std::uint64_t value = ~0ull;
    EXPECT_EQ(cuMemPoolGetAttribute(pool, attribute, &value), CUDA_SUCCESS);
    return value;
  }
  static CUmemoryPool PoolOf(CUdeviceptr address) {
    CUmemoryPool pool = nullptr;
    EXPECT_EQ(cuPointerGetAttribute(&pool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, address), CUDA_SUCCESS);
    return pool;
  }
};

TEST_F(ClientMemoryPoolsTest, MemoryIsOfThePoolThatItIsTakenFrom) {
  const CUmemoryPool pool = Create();
  EXPECT_NE(pool, Default());
  CUdeviceptr from_pool, from_default, plain = Allocate(100);
  ASSERT_EQ(cuMemAllocFromPoolAsync(&from_pool, 1000, pool, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuMemAllocAsync(&from_default, 3000, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(PoolOf(from_pool), pool);
  EXPECT_EQ(PoolOf(from_default), Default());
  EXPECT_EQ(PoolOf(plain), nullptr);
  EXPECT_EQ(Value(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), 1000u);
  EXPECT_EQ(Value(Default(), CU_MEMPOOL_ATTR_USED_MEM_CURRENT), 3000u);
  EXPECT_GE(Value(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT), 1000u);
  EXPECT_EQ(cuMemFreeAsync(from_pool, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuMemFree_v2(from_default), CUDA_SUCCESS);
  EXPECT_EQ(Value(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), 0u);
  EXPECT_EQ(Value(Default(), CU_MEMPOOL_ATTR_USED_MEM_CURRENT), 0u);
}

TEST_F(ClientMemoryPoolsTest, MarksStayUntilTheyAreSetBack) {
  const CUmemoryPool pool = Create();
  CUdeviceptr first, second;
  ASSERT_EQ(cuMemAllocFromPoolAsync(&first, 1000, pool, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuMemAllocFromPoolAsync(&second, 500, pool, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuMemFreeAsync(first, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(Value(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH), 1500u);
  EXPECT_EQ(Value(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH), 1500u);
  std::uint64_t zero = 0, one = 1;
  EXPECT_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &one), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH, &zero), CUDA_SUCCESS);
  EXPECT_EQ(Value(pool, CU_MEMPOOL_ATTR_USED_MEM_HIGH), 500u);
  EXPECT_EQ(Value(pool, CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH), 1500u);
  EXPECT_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &zero), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientMemoryPoolsTest, APoolRemembersItsOwnSettings) {
  const CUmemoryPool pool = Create();
  std::uint64_t threshold = 1ull << 40;
  EXPECT_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold), CUDA_SUCCESS);
  EXPECT_EQ(Value(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD), threshold);
  EXPECT_EQ(Value(Default(), CU_MEMPOOL_ATTR_RELEASE_THRESHOLD), 0u);
  int flag = 0;
  EXPECT_EQ(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC, &flag), CUDA_SUCCESS);
  flag = 7;
  EXPECT_EQ(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC, &flag), CUDA_SUCCESS);
  EXPECT_EQ(flag, 0);
  EXPECT_EQ(cuMemPoolGetAttribute(Default(), CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC, &flag), CUDA_SUCCESS);
  EXPECT_EQ(flag, 1);
  EXPECT_EQ(cuMemPoolTrimTo(pool, 0), CUDA_SUCCESS);
}

TEST_F(ClientMemoryPoolsTest, AllocationsComeFromTheCurrentPool) {
  EXPECT_EQ(Current(), Default());
  const CUmemoryPool pool = Create();
  ASSERT_EQ(cuDeviceSetMemPool(0, pool), CUDA_SUCCESS);
  EXPECT_EQ(Current(), pool);
  CUdeviceptr address;
  ASSERT_EQ(cuMemAllocAsync(&address, 64, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(PoolOf(address), pool);
  EXPECT_EQ(cuDeviceSetMemPool(0, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuDeviceSetMemPool(1, pool), CUDA_ERROR_INVALID_DEVICE);
  CUmemLocation here{};
  here.type = CU_MEM_LOCATION_TYPE_DEVICE;
  CUmemoryPool asked = nullptr;
  EXPECT_EQ(cuMemGetMemPool(&asked, &here, CU_MEM_ALLOCATION_TYPE_PINNED), CUDA_SUCCESS);
  EXPECT_EQ(asked, pool);
  EXPECT_EQ(cuMemGetDefaultMemPool(&asked, &here, CU_MEM_ALLOCATION_TYPE_PINNED), CUDA_SUCCESS);
  EXPECT_EQ(asked, Default());
  EXPECT_EQ(cuMemSetMemPool(&here, CU_MEM_ALLOCATION_TYPE_PINNED, Default()), CUDA_SUCCESS);
  EXPECT_EQ(Current(), Default());
}

TEST_F(ClientMemoryPoolsTest, APoolHasNoMoreThanItMay) {
  const CUmemoryPool pool = Create(4096);
  CUdeviceptr first, second;
  ASSERT_EQ(cuMemAllocFromPoolAsync(&first, 3000, pool, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuMemAllocFromPoolAsync(&second, 2000, pool, nullptr), CUDA_ERROR_OUT_OF_MEMORY);
  ASSERT_EQ(cuMemFreeAsync(first, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(cuMemAllocFromPoolAsync(&second, 2000, pool, nullptr), CUDA_SUCCESS);
}

TEST_F(ClientMemoryPoolsTest, MemoryOutlivesItsPool) {
  const CUmemoryPool pool = Create();
  ASSERT_EQ(cuDeviceSetMemPool(0, pool), CUDA_SUCCESS);
  CUdeviceptr address;
  ASSERT_EQ(cuMemAllocAsync(&address, 64, nullptr), CUDA_SUCCESS);
  ASSERT_EQ(cuMemPoolDestroy(pool), CUDA_SUCCESS);
  EXPECT_EQ(Current(), Default());
  EXPECT_EQ(cuMemPoolDestroy(pool), CUDA_ERROR_INVALID_VALUE);
  std::uint64_t value;
  EXPECT_EQ(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &value), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAllocFromPoolAsync(&address, 64, pool, nullptr), CUDA_ERROR_INVALID_VALUE);
  const CUmemoryPool other = Create();
  EXPECT_EQ(Value(other, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), 0u);
  EXPECT_EQ(cuMemsetD8_v2(address, 1, 64), CUDA_SUCCESS);
  EXPECT_EQ(cuMemFreeAsync(address, nullptr), CUDA_SUCCESS);
  EXPECT_EQ(Value(other, CU_MEMPOOL_ATTR_USED_MEM_CURRENT), 0u);
}

TEST_F(ClientMemoryPoolsTest, PoolsThatThereAreNot) {
  CUmemoryPool pool = nullptr;
  CUmemPoolProps properties = Properties();
  EXPECT_EQ(cuMemPoolCreate(nullptr, &properties), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemPoolCreate(&pool, nullptr), CUDA_ERROR_INVALID_VALUE);
  properties.handleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  EXPECT_EQ(cuMemPoolCreate(&pool, &properties), CUDA_ERROR_NOT_SUPPORTED);
  properties = Properties();
  properties.location.type = CU_MEM_LOCATION_TYPE_HOST_NUMA;
  EXPECT_EQ(cuMemPoolCreate(&pool, &properties), CUDA_ERROR_NOT_SUPPORTED);
  properties = Properties();
  properties.location.id = 3;
  EXPECT_EQ(cuMemPoolCreate(&pool, &properties), CUDA_ERROR_INVALID_DEVICE);
  properties = Properties();
  properties.allocType = CU_MEM_ALLOCATION_TYPE_INVALID;
  EXPECT_EQ(cuMemPoolCreate(&pool, &properties), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemPoolDestroy(Default()), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemPoolDestroy(nullptr), CUDA_ERROR_INVALID_VALUE);
}

}  // namespace
}  // namespace paella
