// Opens a library by a bare name that only this library's own RUNPATH can find.
#include <dlfcn.h>

void *OpenByOwnRunpath(void) {
  // Not `return dlopen(...)`: the compiler would make that a jump, and the loader would take our caller for its own.
  void *volatile handle = dlopen("libshim_runpath_target.so", RTLD_NOW | RTLD_LOCAL);
  return handle;
}
