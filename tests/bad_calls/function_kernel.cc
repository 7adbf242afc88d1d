#include "tests/bad_calls/bad_call.h"

extern "C" const unsigned long long bad_calls_kernels[];

namespace paella::bad_calls {
namespace {

constexpr auto kNoSuchAttribute = static_cast<CUfunction_attribute>(1000);

void GetAttribute(Row& row, CUfunction_attribute attribute) {
  int value = 0;
  row.Call(DRIVER(cuFuncGetAttribute), &value, attribute, row.Function("Store"));
}

void SetAttribute(Row& row, const char* kernel, CUfunction_attribute attribute, int value) {
  row.Call(DRIVER(cuFuncSetAttribute), row.Function(kernel), attribute, value);
}

void ParameterInfo(Row& row, std::size_t index) {
  std::size_t offset = 0, bytes = 0;
  row.Call(DRIVER(cuFuncGetParamInfo), row.Function("Store"), index, &offset, &bytes);
}

constexpr BadCall kFunctionRows[] = {
    {"function.attribute_unknown", [](Row& row) { GetAttribute(row, kNoSuchAttribute); }},
    {"function.attribute_negative", [](Row& row) { GetAttribute(row, static_cast<CUfunction_attribute>(-1)); }},
    {"function.attribute_to_null",
     [](Row& row) {
       row.Call(DRIVER(cuFuncGetAttribute), nullptr, CU_FUNC_ATTRIBUTE_NUM_REGS, row.Function("Store"));
     }},
    {"function.attribute_of_null",
     [](Row& row) { int value; row.Call(DRIVER(cuFuncGetAttribute), &value, CU_FUNC_ATTRIBUTE_NUM_REGS, nullptr); }},
    {"function.set_attribute_unknown", [](Row& row) { SetAttribute(row, "Store", kNoSuchAttribute, 1); }},
    {"function.set_attribute_read_only", [](Row& row) { SetAttribute(row, "Store", CU_FUNC_ATTRIBUTE_NUM_REGS, 1); }},
    {"function.set_shared_memory_too_large",
     [](Row& row) { SetAttribute(row, "DynamicShared", CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1 << 20); }},
    {"function.set_shared_memory_too_large_beside_static",
     [](Row& row) {
       int most = 0;
       row.Prepare(DRIVER(cuDeviceGetAttribute), &most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
                   row.state.device);
       SetAttribute(row, "StaticShared", CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, most);
     }},
    {"function.set_shared_memory_negative",
     [](Row& row) { SetAttribute(row, "DynamicShared", CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, -1); }},
    {"function.set_carve_out_over_100",
     [](Row& row) { SetAttribute(row, "Store", CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 101); }},
    {"function.set_carve_out_under_default",
     [](Row& row) { SetAttribute(row, "Store", CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, -2); }},
    {"function.set_attribute_of_null",
     [](Row& row) {
       row.Call(DRIVER(cuFuncSetAttribute), nullptr, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 50);
     }},
    {"function.cache_config_of_null",
     [](Row& row) { row.Call(DRIVER(cuFuncSetCacheConfig), nullptr, CU_FUNC_CACHE_PREFER_NONE); }},
    {"function.cache_config_unknown",
     [](Row& row) { row.Call(DRIVER(cuFuncSetCacheConfig), row.Function("Store"), static_cast<CUfunc_cache>(1000)); }},
    {"function.module_to_null", [](Row& row) { row.Call(DRIVER(cuFuncGetModule), nullptr, row.Function("Store")); }},
    {"function.module_of_null", [](Row& row) { CUmodule module; row.Call(DRIVER(cuFuncGetModule), &module, nullptr); }},
    {"function.name_to_null", [](Row& row) { row.Call(DRIVER(cuFuncGetName), nullptr, row.Function("Store")); }},
    {"function.name_of_null", [](Row& row) { const char* name; row.Call(DRIVER(cuFuncGetName), &name, nullptr); }},
    {"function.parameter_past_the_last", [](Row& row) { ParameterInfo(row, 2); }},
    {"function.parameter_far_past_the_last", [](Row& row) { ParameterInfo(row, 100'000); }},
    {"function.parameter_to_null",
     [](Row& row) { row.Call(DRIVER(cuFuncGetParamInfo), row.Function("Store"), 0, nullptr, nullptr); }},
    {"function.is_loaded_to_null", [](Row& row) { row.Call(DRIVER(cuFuncIsLoaded), nullptr, row.Function("Store")); }},
    {"function.load_null", [](Row& row) { row.Call(DRIVER(cuFuncLoad), nullptr); }},
};

// A kernel of a library that lives as long as the row.
void Ask(Row& row, void (*ask)(Row& row, CUkernel kernel)) {
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  row.Prepare(DRIVER(cuLibraryLoadData), &library, bad_calls_kernels, nullptr, nullptr, 0, nullptr, nullptr, 0);
  row.Prepare(DRIVER(cuLibraryGetKernel), &kernel, library, "Store");
  ask(row, kernel);
  row.Quietly(DRIVER(cuLibraryUnload), library);
}

constexpr BadCall kKernelRows[] = {
    {"kernel.function_to_null",
     [](Row& row) { Ask(row, [](Row& r, CUkernel kernel) { r.Call(DRIVER(cuKernelGetFunction), nullptr, kernel); }); }},
    {"kernel.function_of_null",
     [](Row& row) { CUfunction function; row.Call(DRIVER(cuKernelGetFunction), &function, nullptr); }},
    {"kernel.attribute_unknown",
     [](Row& row) {
       Ask(row, [](Row& r, CUkernel kernel) {
         int value;
         r.Call(DRIVER(cuKernelGetAttribute), &value, kNoSuchAttribute, kernel, r.state.device);
       });
     }},
    {"kernel.attribute_on_unknown_device",
     [](Row& row) {
       Ask(row, [](Row& r, CUkernel kernel) {
         int value;
         r.Call(DRIVER(cuKernelGetAttribute), &value, CU_FUNC_ATTRIBUTE_NUM_REGS, kernel, 99);
       });
     }},
    {"kernel.attribute_to_null",
     [](Row& row) {
       Ask(row, [](Row& r, CUkernel kernel) {
         r.Call(DRIVER(cuKernelGetAttribute), nullptr, CU_FUNC_ATTRIBUTE_NUM_REGS, kernel, r.state.device);
       });
     }},
    {"kernel.set_attribute_read_only",
     [](Row& row) {
       Ask(row, [](Row& r, CUkernel kernel) {
         r.Call(DRIVER(cuKernelSetAttribute), CU_FUNC_ATTRIBUTE_NUM_REGS, 1, kernel, r.state.device);
       });
     }},
    {"kernel.set_shared_memory_too_large",
     [](Row& row) {
       Ask(row, [](Row& r, CUkernel kernel) {
         const auto attribute = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
         r.Call(DRIVER(cuKernelSetAttribute), attribute, 1 << 20, kernel, r.state.device);
       });
     }},
    {"kernel.name_to_null",
     [](Row& row) { Ask(row, [](Row& r, CUkernel kernel) { r.Call(DRIVER(cuKernelGetName), nullptr, kernel); }); }},
    {"kernel.library_to_null",
     [](Row& row) { Ask(row, [](Row& r, CUkernel kernel) { r.Call(DRIVER(cuKernelGetLibrary), nullptr, kernel); }); }},
    {"kernel.parameter_past_the_last",
     [](Row& row) {
       Ask(row, [](Row& r, CUkernel kernel) {
         std::size_t offset, bytes;
         r.Call(DRIVER(cuKernelGetParamInfo), kernel, 2, &offset, &bytes);
       });
     }},
};

}  // namespace

BadCalls FunctionBadCalls() { return kFunctionRows; }
BadCalls KernelBadCalls() { return kKernelRows; }

}  // namespace paella::bad_calls
