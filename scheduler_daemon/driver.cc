#include "scheduler_daemon/driver.h"

#include <dlfcn.h>

namespace paella::scheduler_daemon {
namespace {

#define PAELLA_STRINGIFY(name) #name
#define PAELLA_SYMBOL(name) PAELLA_STRINGIFY(name)

template <typename Function>
bool Resolve(void* library, const char* symbol, Function& function, std::string& error) {
  function = reinterpret_cast<Function>(dlsym(library, symbol));
  if (function == nullptr) error = std::string("the CUDA driver lacks ") + symbol;
  return function != nullptr;
}

}  // namespace

std::unique_ptr<const Driver> Driver::Load(const std::string& library, std::string& error) {
  // Never closed: driver libraries keep threads of their own.
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    error = dlerror();
    return nullptr;
  }
  auto driver = std::make_unique<Driver>();
#define PAELLA_RESOLVE(name) \
  if (!Resolve(handle, PAELLA_SYMBOL(name), driver->name, error)) return nullptr;
  PAELLA_DRIVER_FUNCTIONS(PAELLA_RESOLVE)
#undef PAELLA_RESOLVE
#define PAELLA_RESOLVE(name) driver->name = reinterpret_cast<decltype(driver->name)>(dlsym(handle, PAELLA_SYMBOL(name)));
  PAELLA_OPTIONAL_DRIVER_FUNCTIONS(PAELLA_RESOLVE)
#undef PAELLA_RESOLVE
  if (const CUresult result = driver->cuInit(0); result != CUDA_SUCCESS) {
    error = "cuInit: " + driver->ErrorName(result);
    return nullptr;
  }
  return driver;
}

std::string Driver::ErrorName(CUresult result) const {
  const char* name = nullptr;
  if (cuGetErrorName(result, &name) == CUDA_SUCCESS && name != nullptr) return name;
  return "CUresult " + std::to_string(static_cast<int>(result));
}

}  // namespace paella::scheduler_daemon
