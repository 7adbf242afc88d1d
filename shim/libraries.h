// Loaded code: uploads images to the daemon and knows the kernels and globals that came of them. Modules are libraries
// here, loaded at once; libraries are loaded at the first need where a real driver has already looked at the image.
//
// Any thread; each library has a lock, held across its calls to the daemon. With a real driver on this machine, the
// handles that programs get are the real driver's context-less ones, because private tables take them (real_driver.h).
#ifndef PAELLA_SHIM_LIBRARIES_H_
#define PAELLA_SHIM_LIBRARIES_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "shim/allocations.h"
#include "shim/cuda_api.h"
#include "shim/handle_map.h"
#include "shim/kernels.h"
#include "shim/submission.h"

namespace paella::shim {

class RealDriver;

// A program's buffer for the compiler's words.
struct JitLog {
  char* buffer = nullptr;
  std::size_t capacity_bytes = 0;
  void** filled_bytes = nullptr;  // the option's value, in which the size of what was written goes back

  void Fill(const std::string& text) const;
};

// CUjit_option values of a load, taken apart: numbers go to the daemon, logs are filled from its answer.
struct JitOptions {
  std::vector<std::uint32_t> options;
  std::vector<std::uint64_t> values;
  JitLog error_log, info_log;

  // Whether there is a list, and each option is one that this version of CUDA has.
  static bool AreValid(const CUjit_option* options, unsigned count);
  static JitOptions From(const CUjit_option* options, void** values, unsigned count);
};

struct Library {
  CUlibrary handle = nullptr;
  CUlibrary real = nullptr;            // the real driver's object, if there is one
  const Context* module_of = nullptr;  // as in the request for it
  std::mutex mutex;          // for all below
  bool loaded = false;
  CUresult load_result = CUDA_SUCCESS;  // once tried
  std::uint64_t number = 0;             // what the daemon calls it
  std::vector<std::byte> copy;          // of an image that the program may take away before it is needed
  std::span<const std::byte> image;
  JitOptions jit;
  std::map<std::string, Kernel*, std::less<>> kernels;
  std::map<std::string, Allocation, std::less<>> globals;
  std::vector<std::string> kernel_names;
  bool kernel_names_known = false;
};

class Libraries {
 public:
  Libraries(Submission& submission, Allocations& allocations, RealDriver* real)
      : submission_(submission), allocations_(allocations), real_(real) {}

  struct LoadRequest {
    const void* image = nullptr;
    JitOptions jit;
    const Context* module_of = nullptr;  // a module, loaded at once, of this context
    bool image_stays = false;            // CU_LIBRARY_BINARY_IS_PRESERVED
  };
  CUresult Load(const LoadRequest& request, Library*& library);
  CUresult Unload(CUlibrary handle);
  void UnloadModulesOf(const Context& context);
  Library* Find(const void* handle) const { return by_handle_.Find(handle); }
  Kernel* FindKernel(const void* handle) const { return kernels_.Find(handle); }

  CUresult GetKernel(Library& library, const char* name, Kernel*& kernel);
  CUresult GetGlobal(Library& library, const char* name, Allocation& global);
  CUresult GetKernelNames(Library& library, std::vector<std::string>& names);

  // Sends bytes ahead of a call that names them by the number they get: an image, a graph.
  CUresult Upload(std::span<const std::byte> image, std::uint64_t& upload);

 private:
  CUresult EnsureLoaded(Library& library);  // its mutex is held

  Submission& submission_;
  Allocations& allocations_;
  RealDriver* const real_;
  HandleMap<Library> by_handle_;
  HandleMap<Kernel> kernels_;
  std::atomic<std::uint64_t> next_upload_{1};
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_LIBRARIES_H_
