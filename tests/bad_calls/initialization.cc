#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

constexpr BadCall kRows[] = {
    {"init.flags_not_zero", [](Row& row) { row.Call(DRIVER(cuInit), 1); }, Start::kBeforeInit},
    {"init.device_count_before", [](Row& row) { int count; row.Call(DRIVER(cuDeviceGetCount), &count); },
     Start::kBeforeInit},
    {"init.device_before", [](Row& row) { CUdevice device; row.Call(DRIVER(cuDeviceGet), &device, 0); },
     Start::kBeforeInit},
    {"init.current_context_before", [](Row& row) { CUcontext context; row.Call(DRIVER(cuCtxGetCurrent), &context); },
     Start::kBeforeInit},
    {"init.primary_context_before",
     [](Row& row) { CUcontext context; row.Call(DRIVER(cuDevicePrimaryCtxRetain), &context, 0); }, Start::kBeforeInit},
    {"init.allocate_before", [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAlloc), &address, 1); },
     Start::kBeforeInit},
    {"init.stream_before", [](Row& row) { CUstream stream; row.Call(DRIVER(cuStreamCreate), &stream, 0); },
     Start::kBeforeInit},
    {"init.event_before", [](Row& row) { CUevent event; row.Call(DRIVER(cuEventCreate), &event, 0); },
     Start::kBeforeInit},
    {"init.module_before", [](Row& row) { CUmodule module; row.Call(DRIVER(cuModuleLoadData), &module, "rubbish"); },
     Start::kBeforeInit},
    {"init.library_before",
     [](Row& row) {
       CUlibrary library;
       row.Call(DRIVER(cuLibraryLoadData), &library, "rubbish", nullptr, nullptr, 0, nullptr, nullptr, 0);
     },
     Start::kBeforeInit},
    {"init.free_null_before", [](Row& row) { row.Call(DRIVER(cuMemFree), 0); }, Start::kBeforeInit},
    {"init.version_to_null", [](Row& row) { row.Call(DRIVER(cuDriverGetVersion), nullptr); }, Start::kBeforeInit},
    {"init.error_name_of_unknown_error",
     [](Row& row) {
       const char* name = "unchanged";
       row.Call(DRIVER(cuGetErrorName), static_cast<CUresult>(12345), &name);
       row.Note(name == nullptr ? "null" : name);
     }},
    {"init.error_string_of_unknown_error",
     [](Row& row) {
       const char* text = "unchanged";
       row.Call(DRIVER(cuGetErrorString), static_cast<CUresult>(12345), &text);
       row.Note(text == nullptr ? "null" : text);
     }},
    {"init.procedure_unknown",
     [](Row& row) {
       void* address = nullptr;
       CUdriverProcAddressQueryResult status = CU_GET_PROC_ADDRESS_SUCCESS;
       row.Call(DRIVER(cuGetProcAddress), "cuNoSuchFunction", &address, CUDA_VERSION, 0, &status);
       row.Note("status " + std::to_string(static_cast<int>(status)));
     }},
    {"init.procedure_version_too_old",
     [](Row& row) {
       void* address = nullptr;
       CUdriverProcAddressQueryResult status = CU_GET_PROC_ADDRESS_SUCCESS;
       row.Call(DRIVER(cuGetProcAddress), "cuLaunchKernelEx", &address, 10000, 0, &status);
       row.Note("status " + std::to_string(static_cast<int>(status)));
     }},
    {"init.procedure_flags_unknown",
     [](Row& row) {
       void* address = nullptr;
       row.Call(DRIVER(cuGetProcAddress), "cuInit", &address, CUDA_VERSION, 1 << 20, nullptr);
     }},
};

}  // namespace

BadCalls InitBadCalls() { return kRows; }

}  // namespace paella::bad_calls
