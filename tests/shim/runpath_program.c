// Run with the shim preloaded: the dlopen hook keeps the caller's RUNPATH, and every spelling of libcuda is the shim.
#include <dlfcn.h>
#include <stdio.h>

void *OpenByOwnRunpath(void);

static int failures;
static void Check(int condition, const char *what) {
  if (condition) return;
  fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

int main(void) {
  void *const target = OpenByOwnRunpath();
  Check(target != NULL && dlsym(target, "RunpathTargetAnswer") != NULL, "the caller's RUNPATH is searched");
  Check(dlopen("libshim_runpath_target.so", RTLD_NOW | RTLD_NOLOAD) == target, "what is loaded is found by name");
  Check(dlopen(NULL, RTLD_NOW) != NULL, "the program itself");
  Check(dlopen("libno_such_library.so", RTLD_NOW) == NULL, "an unknown library is not there");

  void *const shim = dlsym(RTLD_DEFAULT, "cuInit");
  Check(shim != NULL, "the shim is preloaded");
  const char *const spellings[] = {"libcuda.so.1", "libcuda.so", "/usr/lib/x86_64-linux-gnu/libcuda.so.1",
                                   "libcuda.so.580.65.06"};
  for (unsigned i = 0; i < sizeof spellings / sizeof *spellings; ++i) {
    void *const handle = dlopen(spellings[i], RTLD_NOW | RTLD_LOCAL);
    Check(handle != NULL && dlsym(handle, "cuInit") == shim, spellings[i]);
  }
  Check(dlopen("libcudart_no_such.so", RTLD_NOW) == NULL, "other names that begin alike stay what they are");
  return failures != 0;
}
