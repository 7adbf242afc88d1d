// Run with the shim preloaded and a fake daemon: fork, and the end of a process while other threads still work.
#include <pthread.h>
#include <sys/wait.h>

#include "driver_program.h"

static unsigned long memory;

static void *WorkForEver(void *context) {
  CALL("cuCtxSetCurrent", context);
  while (CALL("cuMemsetD8Async", memory, 0, 64UL, NULL) == kSuccess) {
  }
  return NULL;
}

static void AtExit(void) {
  int device = -1;
  CHECK(CALL("cuCtxGetDevice", &device) == kSuccess && device == 0);
}

static void CheckFork(void) {
  const pid_t child = fork();
  int status = 0;
  if (child == 0) {
    int count = 0;
    _exit(CALL("cuDeviceGetCount", &count) == kNotInitialized && CALL("cuInit", 0) == kNotInitialized ? 0 : 1);
  }
  CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main(void) {
  void *context = NULL;
  pthread_t worker;
  CHECK(CALL("cuInit", 0) == kSuccess);
  CHECK(CALL("cuDevicePrimaryCtxRetain", &context, 0) == kSuccess);
  CHECK(CALL("cuCtxSetCurrent", context) == kSuccess);
  CHECK(CALL("cuMemAlloc_v2", &memory, 64UL) == kSuccess);
  CHECK(atexit(AtExit) == 0);
  CHECK(pthread_create(&worker, NULL, WorkForEver, context) == 0);
  CheckFork();
  return 0;
}
