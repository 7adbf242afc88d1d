// Runs a program against a fake daemon: with_daemon LIBPAELLA PROGRAM [ARGUMENT...]. Exits as the program does.
#include <spawn.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

#include "fake_daemon.h"

extern char** environ;

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  paella::FakeDaemon daemon;
  setenv("LD_PRELOAD", argv[1], 1);
  pid_t program;
  if (posix_spawn(&program, argv[2], nullptr, nullptr, argv + 2, environ) != 0) return 2;
  int status = 0;
  waitpid(program, &status, 0);
  if (WIFSIGNALED(status)) std::fprintf(stderr, "%s died of signal %d\n", argv[2], WTERMSIG(status));
  return WIFEXITED(status) ? WEXITSTATUS(status) : 3;
}
