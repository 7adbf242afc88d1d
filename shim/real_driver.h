// The machine's own libcuda, if it has one: opened by path and privately, initialised, and never allowed a context. It
// gives the handles and private tables that CUDA's libraries look at themselves.
//
// Opened once, by the first caller of GetRealDriver (any thread), and never closed.
#ifndef PAELLA_SHIM_REAL_DRIVER_H_
#define PAELLA_SHIM_REAL_DRIVER_H_

#include <string>

#include "messages.h"
#include "shim/cuda_api.h"

namespace paella::shim {

class RealDriver {
 public:
  // Functions that work without a context.
  decltype(cuInit)* init = nullptr;
  decltype(cuDriverGetVersion)* driver_get_version = nullptr;
  decltype(cuGetExportTable)* get_export_table = nullptr;
  decltype(cuLibraryLoadData)* library_load_data = nullptr;
  decltype(cuLibraryUnload)* library_unload = nullptr;
  decltype(cuLibraryGetKernel)* library_get_kernel = nullptr;

  int version() const { return version_; }
  void* Find(const char* symbol) const;

  // cuInit, seeing exactly the daemon's device.
  bool Initialise(const ipc::Welcome& welcome);
  // The handle of the primary context, which stays inactive; null if the driver does not give one. After Initialise.
  CUcontext InactivePrimaryContext() const;

 private:
  friend RealDriver* GetRealDriver();
  bool Open(const std::string& path);

  void* handle_ = nullptr;
  int version_ = 0;
};

// As CUDA_VISIBLE_DEVICES and nvidia-smi name a GPU: GPU-01234567-89ab-...
std::string UuidText(const std::vector<std::byte>& uuid);

// Null: there is none, or none that is new enough.
RealDriver* GetRealDriver();

// PAELLA_FALLBACK=native: every export leads to the real driver from now on. Inside cuInit only.
void StepAside(const RealDriver& real);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_REAL_DRIVER_H_
