#include "shim/proc_address.h"

#include <gtest/gtest.h>

#include "shim/entries.h"

namespace paella::shim {
namespace {

std::string Found(const char* name, int version, bool per_thread = false) {
  int entry = -1;
  const auto status = FindProc(name, version, per_thread, entry);
  if (status == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND) return "not found";
  if (status == CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT) return "too old";
  return kEntryNames[entry];
}

TEST(ProcAddressTest, NewestIsNotTheAnswerForOldVersions) {
  EXPECT_EQ(Found("cuMemAlloc", 2000), "cuMemAlloc");
  EXPECT_EQ(Found("cuMemAlloc", 3019), "cuMemAlloc");
  EXPECT_EQ(Found("cuMemAlloc", 3020), "cuMemAlloc_v2");
  EXPECT_EQ(Found("cuCtxGetDevice", 12000), "cuCtxGetDevice");
  EXPECT_EQ(Found("cuCtxGetDevice", 13000), "cuCtxGetDevice_v2");
  EXPECT_EQ(Found("cuEventElapsedTime", 12070), "cuEventElapsedTime");
  EXPECT_EQ(Found("cuEventElapsedTime", 12080), "cuEventElapsedTime_v2");
  EXPECT_EQ(Found("cuStreamGetCaptureInfo", 12030), "cuStreamGetCaptureInfo_v3");
}

TEST(ProcAddressTest, OwnFiveArgumentFormIsForThoseWhoKnowIt) {
  EXPECT_EQ(Found("cuGetProcAddress", 11030), "cuGetProcAddress");
  EXPECT_EQ(Found("cuGetProcAddress", 12000), "cuGetProcAddress_v2");
}

TEST(ProcAddressTest, PerThreadFormIsPreferredWhereThereIsOne) {
  EXPECT_EQ(Found("cuLaunchKernel", 7000, true), "cuLaunchKernel_ptsz");
  EXPECT_EQ(Found("cuLaunchKernel", 4000, true), "cuLaunchKernel");
  EXPECT_EQ(Found("cuMemcpyHtoD", 12000, true), "cuMemcpyHtoD_v2_ptds");
  EXPECT_EQ(Found("cuDeviceGet", 12000, true), "cuDeviceGet");
}

TEST(ProcAddressTest, UnknownNames) {
  EXPECT_EQ(Found("", 12000), "not found");  // cuBLAS asks this
  EXPECT_EQ(Found("cuNoSuchFunction", 12000), "not found");
  EXPECT_EQ(Found("cuMemAlloc_v2", 12000), "not found");  // as the driver
  EXPECT_EQ(Found("cuLibraryLoadData", 11080), "too old");
}

// The table answers every version that the toolkit's headers name, and its entries are in range.
TEST(ProcAddressTest, EveryRowFindsItself) {
  EXPECT_GT(kProcVersionCount, 600);
  for (int i = 0; i < kProcVersionCount; ++i) {
    const ProcVersion& row = kProcVersions[i];
    int entry = -1;
    EXPECT_EQ(FindProc(row.name, row.version, row.per_thread, entry), CU_GET_PROC_ADDRESS_SUCCESS) << row.name;
    EXPECT_EQ(entry, row.entry) << row.name << ' ' << row.version;
    ASSERT_LT(entry, kEntryCount);
  }
}

TEST(ProcAddressTest, ExportsAreWhereTheTableSays) {
  for (int i = 0; i < kEntryCount; ++i) {
    if (std::string_view(kEntryNames[i]) == "cuInit") {
      EXPECT_EQ(ExportAddress(i), reinterpret_cast<void*>(&cuInit));
    } else if (std::string_view(kEntryNames[i]) == "cuTexRefSetFlags") {
      EXPECT_EQ(ExportAddress(i), reinterpret_cast<void*>(&cuTexRefSetFlags));
    }
  }
}

TEST(ProcAddressTest, ThePublicFunction) {
  void* function = &function;
  CUdriverProcAddressQueryResult status;
  EXPECT_EQ(cuGetProcAddress_v2("nothing", &function, 12000, 0, nullptr), CUDA_ERROR_NOT_FOUND);
  EXPECT_EQ(cuGetProcAddress_v2("nothing", &function, 12000, 0, &status), CUDA_SUCCESS);  // the status tells
  EXPECT_EQ(function, nullptr);
  EXPECT_EQ(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
  EXPECT_EQ(cuGetProcAddress_v2("cuInit", &function, 12000, 0, &status), CUDA_SUCCESS);
  EXPECT_EQ(function, reinterpret_cast<void*>(&cuInit));
  EXPECT_EQ(cuGetProcAddress_v2("cuInit", nullptr, 12000, 0, &status), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuGetProcAddress_v2("cuInit", &function, 12000, 64, &status), CUDA_ERROR_INVALID_VALUE);
  // What is not supported is still there, and says so.
  EXPECT_EQ(cuGetProcAddress_v2("cuTexRefSetFlags", &function, 12000, 0, &status), CUDA_SUCCESS);
  EXPECT_EQ(cuTexRefSetFlags(nullptr, 0), CUDA_ERROR_NOT_SUPPORTED);
}

}  // namespace
}  // namespace paella::shim
