#include "shim/dlopen_redirect.h"

#include <dlfcn.h>

#include <cstring>

extern "C" {

// Written with the same value by whoever comes first, before it is used: paella_dlopen_name runs ahead of every jump.
void* (*paella_real_dlopen)(const char*, int) = nullptr;

const char* paella_dlopen_name(const char* name) noexcept {
  // The loader matches this name with the SONAME of what is loaded already, and the shim was loaded before any driver.
  static const char kShim[] = "libcuda.so.1";
  void* real = __atomic_load_n(reinterpret_cast<void**>(&paella_real_dlopen), __ATOMIC_RELAXED);
  if (real == nullptr) {
    real = dlsym(RTLD_NEXT, "dlopen");
    __atomic_store_n(reinterpret_cast<void**>(&paella_real_dlopen), real, __ATOMIC_RELAXED);
  }
  return name != nullptr && paella::shim::IsDriverName(name) ? kShim : name;
}

}  // extern "C"

namespace paella::shim {

bool IsDriverName(const char* name) {
  static constexpr char kStem[] = "libcuda.so";
  const char* slash = std::strrchr(name, '/');
  const char* base = slash == nullptr ? name : slash + 1;
  if (std::strncmp(base, kStem, sizeof kStem - 1) != 0) return false;
  const char next = base[sizeof kStem - 1];
  return next == '\0' || next == '.';
}

void* RealDlopen(const char* name, int flags) {
  paella_dlopen_name(nullptr);
  return paella_real_dlopen(name, flags);
}

}  // namespace paella::shim
