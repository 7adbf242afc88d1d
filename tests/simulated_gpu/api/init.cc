// cuInit, versions, the names of errors, and entry points by name.
#include <dlfcn.h>

#include <atomic>
#include <string>

#include "tests/simulated_gpu/api/common.h"

namespace paella::simulated_gpu {
namespace {

std::atomic<bool> initialized{false};

struct ErrorText {
  CUresult error;
  const char* name;
  const char* text;
};

#define PAELLA_ERROR(error, text) {error, #error, text}
constexpr ErrorText kErrors[] = {
    PAELLA_ERROR(CUDA_SUCCESS, "no error"),
    PAELLA_ERROR(CUDA_ERROR_INVALID_VALUE, "invalid argument"),
    PAELLA_ERROR(CUDA_ERROR_OUT_OF_MEMORY, "out of memory"),
    PAELLA_ERROR(CUDA_ERROR_NOT_INITIALIZED, "initialization error"),
    PAELLA_ERROR(CUDA_ERROR_DEINITIALIZED, "driver shutting down"),
    PAELLA_ERROR(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected"),
    PAELLA_ERROR(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal"),
    PAELLA_ERROR(CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid"),
    PAELLA_ERROR(CUDA_ERROR_INVALID_CONTEXT, "invalid device context"),
    PAELLA_ERROR(CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"),
    PAELLA_ERROR(CUDA_ERROR_FILE_NOT_FOUND, "file not found"),
    PAELLA_ERROR(CUDA_ERROR_INVALID_PTX, "a PTX JIT compilation failed"),
    PAELLA_ERROR(CUDA_ERROR_OPERATING_SYSTEM, "OS call failed or operation not supported on this OS"),
    PAELLA_ERROR(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle"),
    PAELLA_ERROR(CUDA_ERROR_NOT_FOUND, "named symbol not found"),
    PAELLA_ERROR(CUDA_ERROR_NOT_READY, "device not ready"),
    PAELLA_ERROR(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered"),
    PAELLA_ERROR(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch"),
    PAELLA_ERROR(CUDA_ERROR_CONTEXT_IS_DESTROYED, "context is destroyed"),
    PAELLA_ERROR(CUDA_ERROR_ASSERT, "device-side assert triggered"),
    PAELLA_ERROR(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "part or all of the requested memory range is already mapped"),
    PAELLA_ERROR(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "pointer does not correspond to a registered memory region"),
    PAELLA_ERROR(CUDA_ERROR_ILLEGAL_INSTRUCTION, "an illegal instruction was encountered"),
    PAELLA_ERROR(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned address"),
    PAELLA_ERROR(CUDA_ERROR_INVALID_ADDRESS_SPACE, "operation not supported on global/shared address space"),
    PAELLA_ERROR(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure"),
    PAELLA_ERROR(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "too many blocks in cooperative launch"),
    PAELLA_ERROR(CUDA_ERROR_NOT_PERMITTED, "operation not permitted"),
    PAELLA_ERROR(CUDA_ERROR_NOT_SUPPORTED, "operation not supported"),
    PAELLA_ERROR(CUDA_ERROR_UNSUPPORTED_LIMIT, "limit is not supported on this architecture"),
    PAELLA_ERROR(CUDA_ERROR_UNKNOWN, "unknown error"),
};
#undef PAELLA_ERROR

const ErrorText* Find(CUresult error) {
  for (const ErrorText& row : kErrors) {
    if (row.error == error) return &row;
  }
  return nullptr;
}

// This library as it was loaded, whatever its path. Never closed.
void* OwnLibrary() {
  static void* const library = [] {
    Dl_info info{};
    if (dladdr(reinterpret_cast<void*>(&cuDriverGetVersion), &info) == 0) return static_cast<void*>(nullptr);
    return dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
  }();
  return library;
}

}  // namespace

CUresult UseDriver() { return initialized ? CUDA_SUCCESS : CUDA_ERROR_NOT_INITIALIZED; }

}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuInit(unsigned int Flags) {
  if (Flags != 0) return CUDA_ERROR_INVALID_VALUE;
  Engine::Get();
  initialized = true;
  return CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int* driverVersion) {
  if (driverVersion == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *driverVersion = CUDA_VERSION;
  return CUDA_SUCCESS;
}

CUresult cuGetErrorName(CUresult error, const char** pStr) {
  if (pStr == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const ErrorText* const row = Find(error);
  *pStr = row == nullptr ? nullptr : row->name;
  return row == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult cuGetErrorString(CUresult error, const char** pStr) {
  if (pStr == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const ErrorText* const row = Find(error);
  *pStr = row == nullptr ? nullptr : row->text;
  return row == nullptr ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

// Of several versions of a function there is the newest one only, whatever version is asked for.
CUresult cuGetProcAddress(const char* symbol, void** pfn, int, cuuint64_t, CUdriverProcAddressQueryResult* symbolStatus) {
  if (symbol == nullptr || pfn == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pfn = nullptr;
  for (const char* version : {"_v4", "_v3", "_v2", ""}) {
    *pfn = dlsym(OwnLibrary(), (std::string(symbol) + version).c_str());
    if (*pfn != nullptr) break;
  }
  if (symbolStatus != nullptr) {
    *symbolStatus = *pfn != nullptr ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  }
  return *pfn != nullptr ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
