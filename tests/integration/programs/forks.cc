// Programs that fork: the child of one that has used the GPU may not, the child of one that has not may, and exec makes
// everything new.
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

using examples::Check;

void WorkAndCheck() {
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  constexpr unsigned kCount = 100;
  const examples::DeviceBuffer values(kCount * sizeof(unsigned));
  kernels.Fill(values.address(), kCount, 4, nullptr);
  kernels.Mix(values.address(), kCount, 2, nullptr);
  std::vector<unsigned> host(kCount);
  Check(cuMemcpyDtoH(host.data(), values.address(), kCount * sizeof(unsigned)), "cuMemcpyDtoH");
  for (unsigned i = 0; i < kCount; ++i) Expect(host[i] == Mixed(4 + i, 2), "a value after a fork");
}

pid_t Fork(const std::function<void()>& in_child) {
  const pid_t child = fork();
  if (child != 0) return child;
  in_child();
  _exit(0);
}

void ExpectGoodEnd(pid_t child, const char* what) {
  int status = -1;
  waitpid(child, &status, 0);
  Expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, what);
}

}  // namespace

int ForkBeforeInit(Arguments) {
  const pid_t one = Fork(WorkAndCheck);
  const pid_t two = Fork(WorkAndCheck);
  WorkAndCheck();
  ExpectGoodEnd(one, "the first child");
  ExpectGoodEnd(two, "the second child");
  Say("fork_before_init: parent and children have worked");
  return 0;
}

int ForkAfterInit(Arguments) {
  WorkAndCheck();
  const pid_t child = Fork([] {
    ExpectResult(cuInit(0), CUDA_ERROR_NOT_INITIALIZED, "cuInit in the child");
    CUdeviceptr address = 0;
    ExpectResult(cuMemAlloc(&address, 16), CUDA_ERROR_NOT_INITIALIZED, "cuMemAlloc in the child");
    ExpectResult(cuCtxSynchronize(), CUDA_ERROR_NOT_INITIALIZED, "cuCtxSynchronize in the child");
  });
  ExpectGoodEnd(child, "the child");
  WorkAndCheck();
  Say("fork_after_init: the child was refused, the parent works on");
  return 0;
}

int ForkAndExec(Arguments arguments) {
  WorkAndCheck();
  if (!arguments.empty()) return 0;  // we are the child
  const pid_t child = Fork([] { execl("/proc/self/exe", "integration_client", "fork_and_exec", "child", nullptr); });
  ExpectGoodEnd(child, "the program that the child became");
  WorkAndCheck();
  Say("fork_and_exec: both have worked");
  return 0;
}

}  // namespace paella::integration
