// The virtual memory functions: what the shim says by itself of arguments and of pointers into mappings.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "client_fixture.h"

namespace paella {
namespace {

constexpr std::size_t kGranule = 2 << 20;

class ClientVirtualMemoryTest : public ClientTest {
 protected:
  static CUmemAllocationProp Properties() {
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    return properties;
  }
  static CUmemAccessDesc Access(CUmemAccess_flags flags) {
    CUmemAccessDesc access{};
    access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    access.flags = flags;
    return access;
  }
  static CUresult SetAccess(CUdeviceptr address, std::size_t bytes, CUmemAccess_flags flags) {
    const CUmemAccessDesc access = Access(flags);
    return cuMemSetAccess(address, bytes, &access, 1);
  }
  static CUresult Create(CUmemAllocationProp properties, std::size_t bytes = kGranule) {
    CUmemGenericAllocationHandle handle;
    return cuMemCreate(&handle, bytes, &properties, 0);
  }
  CUdeviceptr Reserve(std::size_t bytes) {
    CUdeviceptr address = 0;
    EXPECT_EQ(cuMemAddressReserve(&address, bytes, 0, 0, 0), CUDA_SUCCESS);
    return address;
  }
};

constexpr auto kNone = CU_MEM_ACCESS_FLAGS_PROT_NONE;
constexpr auto kReadOnly = CU_MEM_ACCESS_FLAGS_PROT_READ;
constexpr auto kAll = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;

TEST_F(ClientVirtualMemoryTest, WhatMemoryThereIs) {
  CUmemAllocationProp properties = Properties();
  std::size_t granularity = 0;
  EXPECT_EQ(cuMemGetAllocationGranularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM), CUDA_SUCCESS);
  EXPECT_EQ(granularity, kGranule);
  EXPECT_EQ(cuMemGetAllocationGranularity(&granularity, &properties, static_cast<CUmemAllocationGranularity_flags>(7)),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(Create(properties, kGranule + 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(Create(properties, 0), CUDA_ERROR_INVALID_VALUE);
  properties.allocFlags.compressionType = CU_MEM_ALLOCATION_COMP_GENERIC;
  EXPECT_EQ(Create(properties), CUDA_SUCCESS);
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_FABRIC;
  EXPECT_EQ(Create(properties), CUDA_ERROR_NOT_SUPPORTED);
  properties = Properties();
  properties.allocFlags.gpuDirectRDMACapable = 1;
  EXPECT_EQ(Create(properties), CUDA_ERROR_NOT_SUPPORTED);
  properties = Properties();
  properties.location.id = 1;
  EXPECT_EQ(Create(properties), CUDA_ERROR_INVALID_DEVICE);
  properties.location.type = CU_MEM_LOCATION_TYPE_HOST;
  EXPECT_EQ(Create(properties), CUDA_ERROR_NOT_SUPPORTED);
  properties.location.type = CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT;
  EXPECT_EQ(Create(properties), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientVirtualMemoryTest, PropertiesTellWhatWasAskedFor) {
  CUmemAllocationProp properties = Properties(), found{};
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  CUmemGenericAllocationHandle handle;
  ASSERT_EQ(cuMemCreate(&handle, kGranule, &properties, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuMemGetAllocationPropertiesFromHandle(&found, handle), CUDA_SUCCESS);
  EXPECT_EQ(found.type, CU_MEM_ALLOCATION_TYPE_PINNED);
  EXPECT_EQ(found.location.type, CU_MEM_LOCATION_TYPE_DEVICE);
  EXPECT_EQ(found.requestedHandleTypes, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
  int descriptor;
  EXPECT_EQ(cuMemExportToShareableHandle(&descriptor, handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0),
            CUDA_ERROR_NOT_SUPPORTED);
}

TEST_F(ClientVirtualMemoryTest, CopiesNeedRightsAndMayCrossMappings) {
  const CUdeviceptr base = Reserve(4 * kGranule);
  std::vector<unsigned char> host(3 * kGranule, 7);
  EXPECT_EQ(cuMemcpyHtoD_v2(base, host.data(), 4), CUDA_ERROR_INVALID_VALUE);  // nothing there
  ASSERT_EQ(cuMemMap(base, kGranule, 0, 40, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuMemMap(base + kGranule, 2 * kGranule, 0, 40, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyHtoD_v2(base, host.data(), 4), CUDA_ERROR_INVALID_VALUE);  // no rights
  ASSERT_EQ(SetAccess(base, kGranule, kAll), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyHtoD_v2(base, host.data(), kGranule), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyHtoD_v2(base, host.data(), kGranule + 1), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(SetAccess(base, 3 * kGranule, kAll), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyHtoD_v2(base, host.data(), host.size()), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8_v2(base + kGranule - 1, 1, 2), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8_v2(base, 1, 3 * kGranule + 1), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(SetAccess(base + kGranule, 2 * kGranule, kReadOnly), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyDtoH_v2(host.data(), base, host.size()), CUDA_SUCCESS);
  EXPECT_EQ(host[kGranule], 1);
  EXPECT_EQ(cuMemcpyHtoD_v2(base, host.data(), host.size()), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(SetAccess(base + kGranule, 2 * kGranule, kNone), CUDA_SUCCESS);
  EXPECT_EQ(cuMemcpyDtoH_v2(host.data(), base + kGranule, 1), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientVirtualMemoryTest, ArgumentsOfMappings) {
  CUdeviceptr base = 0;
  EXPECT_EQ(cuMemAddressReserve(nullptr, kGranule, 0, 0, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAddressReserve(&base, 0, 0, 0, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAddressReserve(&base, 100, 0, 0, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAddressReserve(&base, kGranule, 12288, 0, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAddressReserve(&base, kGranule, 0, 0, 1), CUDA_ERROR_INVALID_VALUE);
  base = Reserve(4 * kGranule);
  EXPECT_EQ(cuMemMap(base + 4096, kGranule, 0, 40, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemMap(base, kGranule, 4096, 40, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemMap(base, kGranule, 0, 40, 1), CUDA_ERROR_INVALID_VALUE);
  ASSERT_EQ(cuMemMap(base, 2 * kGranule, 0, 40, 0), CUDA_SUCCESS);
  EXPECT_EQ(SetAccess(base, kGranule, kAll), CUDA_ERROR_INVALID_VALUE);  // a part
  EXPECT_EQ(SetAccess(base, 3 * kGranule, kAll), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(SetAccess(base, 2 * kGranule, static_cast<CUmemAccess_flags>(2)), CUDA_ERROR_INVALID_VALUE);
  CUmemAccessDesc access = Access(kAll);
  EXPECT_EQ(cuMemSetAccess(base, 2 * kGranule, &access, 0), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemSetAccess(base, 2 * kGranule, nullptr, 1), CUDA_ERROR_INVALID_VALUE);
  access.location.id = 3;
  EXPECT_EQ(cuMemSetAccess(base, 2 * kGranule, &access, 1), CUDA_ERROR_INVALID_DEVICE);
  EXPECT_EQ(cuMemFree_v2(base), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemFreeAsync(base, nullptr), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemUnmap(base, kGranule), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemUnmap(base, 2 * kGranule), CUDA_SUCCESS);
  EXPECT_EQ(cuMemUnmap(base, 2 * kGranule), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAddressFree(base + kGranule, 3 * kGranule), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAddressFree(base, kGranule), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemAddressFree(base, 4 * kGranule), CUDA_SUCCESS);
  EXPECT_EQ(cuMemAddressFree(base, 4 * kGranule), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientVirtualMemoryTest, WhatTheDaemonDoesNotUnmapStays) {
  const CUdeviceptr base = Reserve(kGranule);
  ASSERT_EQ(cuMemMap(base, kGranule, 0, 40, 0), CUDA_SUCCESS);
  ASSERT_EQ(SetAccess(base, kGranule, kAll), CUDA_SUCCESS);
  daemon_.RefuseToUnmap(true);
  EXPECT_EQ(cuMemUnmap(base, kGranule), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemsetD8_v2(base, 1, kGranule), CUDA_SUCCESS);
  daemon_.RefuseToUnmap(false);
  EXPECT_EQ(cuMemUnmap(base, kGranule), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8_v2(base, 1, kGranule), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientVirtualMemoryTest, QuestionsAboutAMapping) {
  const CUdeviceptr base = Reserve(4 * kGranule), mapped = base + kGranule;
  ASSERT_EQ(cuMemMap(mapped, kGranule, 0, 40, 0), CUDA_SUCCESS);
  CUmemLocation here{};
  here.type = CU_MEM_LOCATION_TYPE_DEVICE;
  unsigned long long rights = 9;
  EXPECT_EQ(cuMemGetAccess(&rights, &here, mapped), CUDA_SUCCESS);
  EXPECT_EQ(rights, static_cast<unsigned long long>(kNone));
  ASSERT_EQ(SetAccess(mapped, kGranule, kReadOnly), CUDA_SUCCESS);
  EXPECT_EQ(cuMemGetAccess(&rights, &here, mapped + 9), CUDA_SUCCESS);
  EXPECT_EQ(rights, static_cast<unsigned long long>(kReadOnly));
  EXPECT_EQ(cuMemGetAccess(&rights, &here, base), CUDA_ERROR_INVALID_VALUE);
  here.id = 1;
  EXPECT_EQ(cuMemGetAccess(&rights, &here, mapped), CUDA_ERROR_INVALID_DEVICE);

  CUdeviceptr start = 0;
  std::size_t size = 0;
  EXPECT_EQ(cuMemGetAddressRange_v2(&start, &size, mapped + 64), CUDA_SUCCESS);
  EXPECT_EQ(start, mapped);
  EXPECT_EQ(size, kGranule);
  EXPECT_EQ(cuPointerGetAttribute(&start, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, mapped + 64), CUDA_SUCCESS);
  EXPECT_EQ(start, base);
  EXPECT_EQ(cuPointerGetAttribute(&size, CU_POINTER_ATTRIBUTE_RANGE_SIZE, mapped + 64), CUDA_SUCCESS);
  EXPECT_EQ(size, 4 * kGranule);
  EXPECT_EQ(cuPointerGetAttribute(&size, CU_POINTER_ATTRIBUTE_MAPPING_SIZE, mapped + 64), CUDA_SUCCESS);
  EXPECT_EQ(size, kGranule);
  int flags = -1;
  EXPECT_EQ(cuPointerGetAttribute(&flags, CU_POINTER_ATTRIBUTE_ACCESS_FLAGS, mapped), CUDA_SUCCESS);
  EXPECT_EQ(flags, static_cast<int>(CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READ));
  CUcontext context = context_;
  EXPECT_EQ(cuPointerGetAttribute(&context, CU_POINTER_ATTRIBUTE_CONTEXT, mapped), CUDA_SUCCESS);
  EXPECT_EQ(context, nullptr);
  EXPECT_EQ(cuPointerGetAttribute(&start, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR, base), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(ClientVirtualMemoryTest, MappingsOutliveContexts) {
  CUcontext own;
  ASSERT_EQ(cuCtxCreate_v2(&own, 0, 0), CUDA_SUCCESS);
  const CUdeviceptr base = Reserve(kGranule);
  ASSERT_EQ(cuMemMap(base, kGranule, 0, 40, 0), CUDA_SUCCESS);
  ASSERT_EQ(SetAccess(base, kGranule, kAll), CUDA_SUCCESS);
  ASSERT_EQ(cuCtxDestroy_v2(own), CUDA_SUCCESS);
  ASSERT_EQ(cuCtxSetCurrent(nullptr), CUDA_SUCCESS);
  EXPECT_EQ(SetAccess(base, kGranule, kAll), CUDA_SUCCESS);  // needs no context
  ASSERT_EQ(cuCtxSetCurrent(context_), CUDA_SUCCESS);
  EXPECT_EQ(cuMemsetD8_v2(base, 1, kGranule), CUDA_SUCCESS);
  EXPECT_EQ(cuMemUnmap(base, kGranule), CUDA_SUCCESS);
}

}  // namespace
}  // namespace paella
