#include "tests/bad_calls/bad_call.h"

extern "C" const unsigned long long bad_calls_kernels[];

namespace paella::bad_calls {
namespace {

CUresult Load(Row& row, CUlibrary* library, const void* image) {
  return row.Call(DRIVER(cuLibraryLoadData), library, image, nullptr, nullptr, 0, nullptr, nullptr, 0);
}

// The program's kernels as a library, for one wrong question.
void Ask(Row& row, void (*ask)(Row& row, CUlibrary library)) {
  CUlibrary library = nullptr;
  row.Prepare(DRIVER(cuLibraryLoadData), &library, bad_calls_kernels, nullptr, nullptr, 0, nullptr, nullptr, 0);
  ask(row, library);
  row.Quietly(DRIVER(cuLibraryUnload), library);
}

void AskForKernel(Row& row, const char* name) {
  CUlibrary library = nullptr;
  CUkernel kernel = nullptr;
  row.Prepare(DRIVER(cuLibraryLoadData), &library, bad_calls_kernels, nullptr, nullptr, 0, nullptr, nullptr, 0);
  row.Call(DRIVER(cuLibraryGetKernel), &kernel, library, name);
  row.Quietly(DRIVER(cuLibraryUnload), library);
}

void AskForGlobal(Row& row, const char* name) {
  CUlibrary library = nullptr;
  CUdeviceptr address = 0;
  std::size_t bytes = 0;
  row.Prepare(DRIVER(cuLibraryLoadData), &library, bad_calls_kernels, nullptr, nullptr, 0, nullptr, nullptr, 0);
  row.Call(DRIVER(cuLibraryGetGlobal), &address, &bytes, library, name);
  row.Quietly(DRIVER(cuLibraryUnload), library);
}

constexpr BadCall kRows[] = {
    {"library.load_to_null", [](Row& row) { Load(row, nullptr, bad_calls_kernels); }},
    {"library.load_null", [](Row& row) { CUlibrary library; Load(row, &library, nullptr); }},
    {"library.load_empty_text", [](Row& row) { CUlibrary library; Load(row, &library, ""); }},
    {"library.load_rubbish_text", [](Row& row) { CUlibrary library; Load(row, &library, "This is no library.\n"); }},
    {"library.load_missing_file",
     [](Row& row) {
       CUlibrary library = nullptr;
       row.Call(DRIVER(cuLibraryLoadFromFile), &library, "/nonexistent/library.cubin", nullptr, nullptr, 0, nullptr,
                nullptr, 0);
     }},
    {"library.unload_null", [](Row& row) { row.Call(DRIVER(cuLibraryUnload), nullptr); }},
    {"library.kernel_unknown", [](Row& row) { AskForKernel(row, "NoSuchKernel"); }},
    {"library.kernel_of_empty_name", [](Row& row) { AskForKernel(row, ""); }},
    {"library.kernel_of_null_name", [](Row& row) { AskForKernel(row, nullptr); }},
    {"library.kernel_to_null",
     [](Row& row) {
       Ask(row, [](Row& r, CUlibrary library) { r.Call(DRIVER(cuLibraryGetKernel), nullptr, library, "Empty"); });
     }},
    {"library.kernel_of_null_library",
     [](Row& row) { CUkernel kernel; row.Call(DRIVER(cuLibraryGetKernel), &kernel, nullptr, "Empty"); }},
    {"library.kernel_count_to_null",
     [](Row& row) {
       Ask(row, [](Row& r, CUlibrary library) { r.Call(DRIVER(cuLibraryGetKernelCount), nullptr, library); });
     }},
    {"library.global_unknown", [](Row& row) { AskForGlobal(row, "no_such_variable"); }},
    {"library.global_of_empty_name", [](Row& row) { AskForGlobal(row, ""); }},
    {"library.global_of_null_name", [](Row& row) { AskForGlobal(row, nullptr); }},
    {"library.managed_unknown",
     [](Row& row) {
       Ask(row, [](Row& r, CUlibrary library) {
         CUdeviceptr address;
         std::size_t bytes;
         r.Call(DRIVER(cuLibraryGetManaged), &address, &bytes, library, "no_such_variable");
       });
     }},
    {"library.unified_function_unknown",
     [](Row& row) {
       Ask(row, [](Row& r, CUlibrary library) {
         void* function = nullptr;
         r.Call(DRIVER(cuLibraryGetUnifiedFunction), &function, library, "NoSuchFunction");
       });
     }},
    {"library.module_to_null",
     [](Row& row) {
       Ask(row, [](Row& r, CUlibrary library) { r.Call(DRIVER(cuLibraryGetModule), nullptr, library); });
     }},
    {"library.module_of_null",
     [](Row& row) { CUmodule module; row.Call(DRIVER(cuLibraryGetModule), &module, nullptr); }},
};

}  // namespace

BadCalls LibraryBadCalls() { return kRows; }

}  // namespace paella::bad_calls
