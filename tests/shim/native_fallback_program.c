// Run with the shim preloaded, PAELLA_FALLBACK=native, a fake driver and no daemon: every export becomes the driver's.
#include "driver_program.h"

int main(void) {
  int count = 0, (*entry)(int *) = NULL;
  CHECK(CALL("cuGetProcAddress", "cuDeviceGetCount", &entry, 12000, 0UL, NULL) == kSuccess);
  CHECK(entry(&count) == kNotInitialized);
  CHECK(CALL("cuInit", 0) == kSuccess);
  CHECK(entry(&count) == kSuccess && count == 7);  // also by a pointer from before
  CHECK(CALL("cuDeviceGetCount", &count) == kSuccess && count == 7);
  CHECK(CALL("cuCtxSynchronize") == kNotInitialized);  // this driver has no such function, and the shim is no client
  return 0;
}
