// What the test programs share: they know no CUDA headers and no library, only names, as programs that open libcuda do.
#ifndef PAELLA_TESTS_SHIM_DRIVER_PROGRAM_H_
#define PAELLA_TESTS_SHIM_DRIVER_PROGRAM_H_

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { kSuccess = 0, kNotInitialized = 3, kNoDevice = 100, kInvalidContext = 201, kInvalidHandle = 400 };

// Calls NAME with any arguments; all of them are ints or pointers.
#define CALL(name, ...) (((int (*)())dlsym(dlopen("libcuda.so.1", RTLD_NOW), name))(__VA_ARGS__))

#define CHECK(condition)                                               \
  do {                                                                 \
    if (!(condition)) {                                                \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
      _exit(1);                                                        \
    }                                                                  \
  } while (0)

#endif  // PAELLA_TESTS_SHIM_DRIVER_PROGRAM_H_
