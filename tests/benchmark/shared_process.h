// Memory that this process shares with a copy of itself, and that copy: the other side of a conversation over shared
// memory. Used by channel_benchmark's main thread only; the copy ends with its function, or with its parent.
#ifndef PAELLA_TESTS_BENCHMARK_SHARED_PROCESS_H_
#define PAELLA_TESTS_BENCHMARK_SHARED_PROCESS_H_

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>

#include "ipc/shared_memory.h"

namespace paella::benchmarks {

[[noreturn]] inline void FailSystemCall(const char* call) {
  std::perror(call);
  std::exit(1);
}

inline ipc::Mapping MapSharedMemory(std::size_t bytes) {
  const ipc::Fd memory = ipc::MakeSealedMemory("channel_benchmark", bytes);
  if (!memory.valid()) FailSystemCall("memfd_create");
  ipc::Mapping mapping = ipc::Mapping::Shared(memory.get(), bytes);
  if (!mapping.valid()) FailSystemCall("mmap");
  return mapping;
}

// Keeps the calling process on the nth of the cores that it may use. Does nothing where there are fewer.
inline void StayOnCore(int n) {
  static const cpu_set_t allowed = [] {
    cpu_set_t cores;
    if (sched_getaffinity(0, sizeof cores, &cores) != 0) FailSystemCall("sched_getaffinity");
    return cores;
  }();
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (!CPU_ISSET(core, &allowed) || n-- != 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(core, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) FailSystemCall("sched_setaffinity");
    return;
  }
}

class OtherProcess {
 public:
  // Runs `function` in a copy of this process.
  template <typename Function>
  explicit OtherProcess(Function function) {
    StayOnCore(0);
    pid_ = fork();
    if (pid_ < 0) FailSystemCall("fork");
    if (pid_ != 0) return;
    StayOnCore(1);
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // spins for ever otherwise, should this process be killed
    function();
    _exit(0);
  }
  OtherProcess(const OtherProcess&) = delete;
  OtherProcess& operator=(const OtherProcess&) = delete;
  // The function has been told to end.
  ~OtherProcess() { waitpid(pid_, nullptr, 0); }

 private:
  pid_t pid_ = -1;
};

}  // namespace paella::benchmarks

#endif  // PAELLA_TESTS_BENCHMARK_SHARED_PROCESS_H_
