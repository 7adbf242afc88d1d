// Initialisation, versions, errors, and finding functions.
#include <algorithm>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/entries.h"
#include "shim/error_text.h"
#include "shim/export_tables.h"
#include "shim/proc_address.h"

using namespace paella::shim;

namespace {

CUresult FindFunction(const char* symbol, void** function, int version, cuuint64_t flags,
                      CUdriverProcAddressQueryResult* status) {
  constexpr cuuint64_t kKnownFlags =
      CU_GET_PROC_ADDRESS_LEGACY_STREAM | CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
  if (symbol == nullptr || function == nullptr || (flags & ~kKnownFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  int entry = -1;
  const auto found = FindProc(symbol, version, (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) != 0, entry);
  if (status != nullptr) *status = found;
  *function = entry < 0 ? nullptr : ExportAddress(entry);
  // One who asked for the status reads it there, as with the driver (580).
  return entry < 0 && status == nullptr ? CUDA_ERROR_NOT_FOUND : CUDA_SUCCESS;
}

}  // namespace

CUresult paella_cuInit(unsigned int Flags) {
  if (Flags != 0) return CUDA_ERROR_INVALID_VALUE;
  return InitialiseProcess();
}

CUresult paella_cuDriverGetVersion(int* driverVersion) {
  if (driverVersion == nullptr) return CUDA_ERROR_INVALID_VALUE;
  // Programs ask before cuInit, when only this machine's driver can tell. No newer one than the exports were made for:
  // a program would look for functions that are not there.
  const Client* const client = ready_client.load(std::memory_order_acquire);
  const RealDriver* const real = client == nullptr ? GetRealDriver() : nullptr;
  const int told = client != nullptr ? client->welcome.driver_version : real != nullptr ? real->version() : CUDA_VERSION;
  *driverVersion = std::min(told, CUDA_VERSION);
  return CUDA_SUCCESS;
}

CUresult paella_cuGetProcAddress(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags) {
  return FindFunction(symbol, pfn, cudaVersion, flags, nullptr);
}

CUresult paella_cuGetProcAddress_v2(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags,
                                    CUdriverProcAddressQueryResult* symbolStatus) {
  return FindFunction(symbol, pfn, cudaVersion, flags, symbolStatus);
}

CUresult paella_cuGetExportTable(const void** ppExportTable, const CUuuid* pExportTableId) {
  return GetExportTable(ppExportTable, pExportTableId);
}

CUresult paella_cuGetErrorName(CUresult error, const char** pStr) {
  if (pStr == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pStr = ErrorName(error);
  return *pStr != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult paella_cuGetErrorString(CUresult error, const char** pStr) {
  if (pStr == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pStr = ErrorSentence(error);
  return *pStr != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// Nothing here records profiles; torch.profiler must not trip over that.
// The driver itself has given it up.
CUresult paella_cuProfilerInitialize(const char*, const char*, CUoutput_mode) { return CUDA_ERROR_NOT_SUPPORTED; }
CUresult paella_cuProfilerStart() { return CUDA_SUCCESS; }
CUresult paella_cuProfilerStop() { return CUDA_SUCCESS; }
