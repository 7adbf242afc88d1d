// Run with the shim preloaded, a fake daemon and a fake driver: which of the two drivers answers what.
#include <string.h>

#include "driver_program.h"

typedef int (*Function)();

static const Function *Table(const char *id) {
  const void *table = NULL;
  CHECK(CALL("cuGetExportTable", &table, id) == kSuccess);
  return table;
}

static void CheckStorage(void) {
  const Function *const storage = Table("\xc6\x93\x33\x6e____________");
  void *own = NULL, *value = NULL, *popped = NULL;
  char key, other_key;
  CHECK(storage[2](&value, NULL, &key) == kInvalidContext);  // none is current
  CHECK(storage[0](NULL, &key, "primary", NULL) == kSuccess);
  CHECK(CALL("cuCtxSetCurrent", (void *)0xc0de0) == kSuccess);
  CHECK(storage[2](&value, NULL, &key) == kSuccess && strcmp(value, "primary") == 0);
  CHECK(storage[2](&value, NULL, &other_key) == kInvalidHandle);
  CHECK(CALL("cuCtxCreate_v2", &own, 0, 0) == kSuccess);  // which the driver knows nothing of
  CHECK(storage[2](&value, NULL, &key) == kInvalidHandle);
  CHECK(storage[0](NULL, &key, "own", NULL) == kSuccess);
  CHECK(storage[2](&value, own, &key) == kSuccess && strcmp(value, "own") == 0);
  CHECK(storage[1](NULL, &key) == kSuccess && storage[1](NULL, &key) == kInvalidHandle);
  CHECK(CALL("cuCtxPopCurrent_v2", &popped) == kSuccess && popped == own);
  CHECK(storage[2](&value, NULL, &key) == kSuccess && strcmp(value, "primary") == 0);
}

static void CheckOtherTables(void) {
  void *current = NULL;
  unsigned long number = 0;
  CHECK(Table("\x42\xd8\x5a\x81____________")[2](&current) == kSuccess && current == (void *)0xc0de0);
  CHECK(Table("\x21\x31\x8c\x60____________")[4](current, &number) == kSuccess && number == 1);
  // The integrity table is the driver's own, untouched: its entry still answers as the fake driver's does.
  CHECK(Table("\xd4\x08\x20\x55____________")[1](&current) == kInvalidContext);
}

static void CheckHandles(void) {
  void *library = NULL, *kernel = NULL;
  CHECK(CALL("cuLibraryLoadData", &library, "//\n.version 8.0\n.target sm_90\n", NULL, NULL, 0, NULL, NULL, 0) == kSuccess);
  CHECK(library == (void *)0x11b0);
  CHECK(CALL("cuLibraryGetKernel", &kernel, library, "plain") == kSuccess && kernel == (void *)0x4e10);
  CHECK(CALL("cuLaunchKernel", kernel, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL) == kSuccess);
  CHECK(CALL("cuCtxSynchronize") == kSuccess);
  CHECK(CALL("cuLibraryUnload", library) == kSuccess);
}

int main(void) {
  int version = 0, count = 0;
  void *context = NULL;
  CHECK(CALL("cuDriverGetVersion", &version) == kSuccess && version == 12050);  // of this machine, before cuInit
  CHECK(CALL("cuInit", 0) == kSuccess);
  CHECK(CALL("cuDriverGetVersion", &version) == kSuccess && version == 13000);  // of the daemon's
  CHECK(CALL("cuDeviceGetCount", &count) == kSuccess && count == 1);
  CHECK(CALL("cuDevicePrimaryCtxRetain", &context, 0) == kSuccess && context == (void *)0xc0de0);
  CheckStorage();
  CheckOtherTables();
  CheckHandles();
  return 0;
}
