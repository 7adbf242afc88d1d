// Run with the shim preloaded and no daemon: cuInit fails at once, with one line on stderr and CUDA's error.
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { kSuccess = 0, kNotInitialized = 3, kNoDevice = 100, kNotSupported = 801 };

static double Seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

int main(void) {
  int (*const init)(unsigned) = (int (*)(unsigned))dlsym(RTLD_DEFAULT, "cuInit");
  int (*const count)(int *) = (int (*)(int *))dlsym(RTLD_DEFAULT, "cuDeviceGetCount");
  int (*const version)(int *) = (int (*)(int *))dlsym(RTLD_DEFAULT, "cuDriverGetVersion");
  int (*const unsupported)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "cuTexRefCreate");
  if (!init || !count || !version || !unsupported) return 2;

  int value = 0;
  if (count(&value) != kNotInitialized) return 3;
  if (version(&value) != kSuccess || value < 12000) return 4;
  if (unsupported() != kNotSupported) return 5;

  int pipe_ends[2];
  if (pipe(pipe_ends) != 0) return 6;
  const int kept = dup(2);
  dup2(pipe_ends[1], 2);
  const double begin = Seconds();
  const int first = init(0);
  const int second = init(0);
  const double took = Seconds() - begin;
  dup2(kept, 2);
  close(pipe_ends[1]);

  char text[1024] = {0};
  const ssize_t size = read(pipe_ends[0], text, sizeof text - 1);
  fprintf(stderr, "%s", text);
  if (first != kNoDevice || second != kNoDevice) return 7;
  if (took > 1.0) return 8;
  if (size <= 0 || strncmp(text, "paella: cannot use the daemon at /nonexistent/paella.sock: ", 59) != 0) return 9;
  if (strchr(text, '\n') != text + size - 1) return 10;  // one line, once
  if (count(&value) != kNotInitialized) return 11;
  return 0;
}
