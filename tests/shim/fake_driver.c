// A libcuda of a machine with a driver, as far as the shim uses it: objects that need no context, and private tables in
// read-only memory. Its answers can be told from the shim's.
#include <stddef.h>
#include <string.h>

typedef int (*Function)();

enum { kSuccess = 0, kInvalidValue = 1, kInvalidContext = 201, kInvalidHandle = 400 };

int cuInit(unsigned flags) { return flags == 0 ? kSuccess : kInvalidValue; }
int cuDriverGetVersion(int *version) { return *version = 12050, kSuccess; }
int cuDeviceGetCount(int *count) { return *count = 7, kSuccess; }
int cuLibraryLoadData(void **library, const void *code, void *o, void *v, unsigned n, void *lo, void *lv, unsigned ln) {
  (void)code, (void)o, (void)v, (void)n, (void)lo, (void)lv, (void)ln;
  return *library = (void *)0x11b0, kSuccess;
}
int cuLibraryUnload(void *library) { return library == (void *)0x11b0 ? kSuccess : kInvalidHandle; }
int cuLibraryGetKernel(void **kernel, void *library, const char *name) {
  (void)library, (void)name;
  return *kernel = (void *)0x4e10, kSuccess;
}

static int PrimaryContext(void **context, int device) {
  (void)device;
  return *context = (void *)0xc0de0, kSuccess;
}

// Storage of one value, of the primary context only.
static void *stored_key, *stored_value;
static int Put(void *context, void *key, void *value, void *destructor) {
  (void)destructor;
  if (context != (void *)0xc0de0) return kInvalidContext;
  stored_key = key;
  stored_value = value;
  return kSuccess;
}
static int Delete(void *context, void *key) {
  if (context != (void *)0xc0de0 || key != stored_key) return kInvalidHandle;
  stored_key = NULL;
  return kSuccess;
}
static int Get(void **value, void *context, void *key) {
  if (context != (void *)0xc0de0) return kInvalidContext;
  if (key != stored_key) return kInvalidHandle;
  return *value = stored_value, kSuccess;
}

static int NoContext(void **context) { return *context = NULL, kInvalidContext; }
static int InactiveNumber(void *context, unsigned long *number) {
  (void)context;
  return *number = 0, kSuccess;
}

static const Function kRuntime[] = {NULL, NULL, (Function)PrimaryContext};
static const Function kStorage[] = {(Function)Put, (Function)Delete, (Function)Get};
static const Function kCurrent[] = {NULL, NULL, (Function)NoContext};
static const Function kNumber[] = {NULL, NULL, NULL, NULL, (Function)InactiveNumber};
static const Function kIntegrity[] = {NULL, (Function)NoContext};

int cuGetExportTable(const void **table, const unsigned char *id) {
  static const struct {
    unsigned char id[4];
    const Function *table;
  } kTables[] = {{{0x6b, 0xd5, 0xfb, 0x6c}, kRuntime}, {{0xc6, 0x93, 0x33, 0x6e}, kStorage},
                 {{0x42, 0xd8, 0x5a, 0x81}, kCurrent}, {{0x21, 0x31, 0x8c, 0x60}, kNumber},
                 {{0xd4, 0x08, 0x20, 0x55}, kIntegrity}};
  for (size_t i = 0; i < sizeof kTables / sizeof *kTables; ++i) {
    if (memcmp(kTables[i].id, id, 4) == 0) return *table = kTables[i].table, kSuccess;
  }
  return *table = NULL, kInvalidValue;
}
