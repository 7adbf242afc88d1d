// Two devices in one process.
#include <cstdlib>

#include "tests/simulated_gpu/test/support.h"

namespace paella::simulated_gpu {
namespace {

constexpr std::size_t kGranularity = 2 << 20;

class DevicesTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { setenv("PAELLA_SIMULATED_GPU_DEVICES", "2", 1); }  // before cuInit reads it
  void SetUp() override { ASSERT_CU(cuInit(0)); }

  static CUmemGenericAllocationHandle CreateOn(int device) {
    CUmemAllocationProp properties{};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
    properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
    CUmemGenericAllocationHandle handle = 0;
    EXPECT_CU(cuMemCreate(&handle, kGranularity, &properties, 0));
    return handle;
  }
};

TEST_F(DevicesTest, AreCountedAndToldApart) {
  int count = 0;
  ASSERT_CU(cuDeviceGetCount(&count));
  EXPECT_EQ(count, 2);
  CUdevice first = 0, second = 0, found = 0;
  ASSERT_CU(cuDeviceGet(&first, 0));
  ASSERT_CU(cuDeviceGet(&second, 1));
  EXPECT_EQ(cuDeviceGet(&found, 2), CUDA_ERROR_INVALID_DEVICE);
  char bus_id[32] = {};
  ASSERT_CU(cuDeviceGetPCIBusId(bus_id, sizeof bus_id, second));
  ASSERT_CU(cuDeviceGetByPCIBusId(&found, bus_id));
  EXPECT_EQ(found, second);
  std::size_t first_bytes = 0, second_bytes = 0;
  ASSERT_CU(cuDeviceTotalMem(&first_bytes, first));
  ASSERT_CU(cuDeviceTotalMem(&second_bytes, second));
  EXPECT_EQ(first_bytes, 2 * second_bytes);
}

TEST_F(DevicesTest, AllocateFromTheirOwnMemory) {
  CUcontext context = nullptr;
  ASSERT_CU(cuDevicePrimaryCtxRetain(&context, 1));
  ASSERT_CU(cuCtxSetCurrent(context));
  CUdevice device = 0;
  ASSERT_CU(cuCtxGetDevice(&device));
  EXPECT_EQ(device, 1);
  std::size_t free_bytes = 0, total = 0, expected = 0;
  ASSERT_CU(cuMemGetInfo(&free_bytes, &total));
  ASSERT_CU(cuDeviceTotalMem(&expected, 1));
  EXPECT_EQ(total, expected);
  CUdeviceptr address = 0;
  EXPECT_EQ(cuMemAlloc(&address, total + 1), CUDA_ERROR_OUT_OF_MEMORY);
  EXPECT_CU(cuDevicePrimaryCtxRelease(1));
}

TEST_F(DevicesTest, HaveNoRightsToEachOthersMappings) {
  CUdeviceptr window = 0;
  ASSERT_CU(cuMemAddressReserve(&window, kGranularity, 0, 0, 0));
  const CUmemGenericAllocationHandle made = CreateOn(1);
  int descriptor = -1;
  ASSERT_CU(cuMemExportToShareableHandle(&descriptor, made, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  CUmemGenericAllocationHandle imported = 0;
  void* const as_handle = reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor));
  ASSERT_CU(cuMemImportFromShareableHandle(&imported, as_handle, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR));
  for (const CUmemGenericAllocationHandle handle : {made, imported}) {
    ASSERT_CU(cuMemMap(window, kGranularity, 0, handle, 0));
    CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, {0}}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    EXPECT_EQ(cuMemSetAccess(window, kGranularity, &access, 1), CUDA_ERROR_INVALID_DEVICE);
    access.location = {CU_MEM_LOCATION_TYPE_DEVICE, {1}};
    EXPECT_CU(cuMemSetAccess(window, kGranularity, &access, 1));
    ASSERT_CU(cuMemUnmap(window, kGranularity));
    EXPECT_CU(cuMemRelease(handle));
  }
  EXPECT_CU(cuMemAddressFree(window, kGranularity));
}

}  // namespace
}  // namespace paella::simulated_gpu
