#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

void GetFunction(Row& row, const char* name) {
  CUfunction function = nullptr;
  row.Call(DRIVER(cuModuleGetFunction), &function, row.state.module, name);
}

void GetGlobal(Row& row, const char* name) {
  CUdeviceptr address = 0;
  std::size_t bytes = 0;
  row.Call(DRIVER(cuModuleGetGlobal), &address, &bytes, row.state.module, name);
}

constexpr BadCall kRows[] = {
    {"module.kernel_unknown", [](Row& row) { GetFunction(row, "NoSuchKernel"); }},
    {"module.kernel_of_empty_name", [](Row& row) { GetFunction(row, ""); }},
    {"module.kernel_of_null_name", [](Row& row) { GetFunction(row, nullptr); }},
    {"module.kernel_of_a_variable's_name", [](Row& row) { GetFunction(row, "table"); }},
    {"module.kernel_in_other_case", [](Row& row) { GetFunction(row, "empty"); }},
    {"module.kernel_to_null",
     [](Row& row) { row.Call(DRIVER(cuModuleGetFunction), nullptr, row.state.module, "Empty"); }},
    {"module.kernel_of_null_module",
     [](Row& row) { CUfunction function; row.Call(DRIVER(cuModuleGetFunction), &function, nullptr, "Empty"); }},
    {"module.global_unknown", [](Row& row) { GetGlobal(row, "no_such_variable"); }},
    {"module.global_of_empty_name", [](Row& row) { GetGlobal(row, ""); }},
    {"module.global_of_null_name", [](Row& row) { GetGlobal(row, nullptr); }},
    {"module.global_of_a_kernel's_name", [](Row& row) { GetGlobal(row, "Empty"); }},
    {"module.global_to_null_twice",
     [](Row& row) { row.Call(DRIVER(cuModuleGetGlobal), nullptr, nullptr, row.state.module, "table"); }},
    {"module.function_count_to_null",
     [](Row& row) { row.Call(DRIVER(cuModuleGetFunctionCount), nullptr, row.state.module); }},
    {"module.enumerate_to_null",
     [](Row& row) { row.Call(DRIVER(cuModuleEnumerateFunctions), nullptr, 1, row.state.module); }},
    {"module.unload_null", [](Row& row) { row.Call(DRIVER(cuModuleUnload), nullptr); }},
};

}  // namespace

BadCalls ModuleBadCalls() { return kRows; }

}  // namespace paella::bad_calls
