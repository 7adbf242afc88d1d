// A client that gives its neighbours trouble: it holds much memory with work in flight until somebody kills it, or it
// writes to an illegal address when it is told to. It says "ready" when its work is running.
#include <cuda.h>

#include <cstdio>
#include <chrono>
#include <string>
#include <vector>

#include "examples/common/check.h"
#include "examples/common/command_line.h"
#include "examples/common/fail.h"
#include "examples/common/gpu.h"

extern "C" const unsigned long long unruly_kernels[];

namespace paella::gpu_test {
namespace {

using examples::Check;
using examples::DeviceBuffer;
using examples::Gpu;
using Clock = std::chrono::steady_clock;

constexpr examples::Grid kGrid{64, 128};
constexpr unsigned kIterations = 20'000;

struct Options {
  double memory_share = 0.5;
  double seconds = 120;
  bool hold = false;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app{"A client that is killed, or that writes to an illegal address."};
  app.require_subcommand(1);
  CLI::App* hold = app.add_subcommand("hold", "Hold memory with work in flight until killed");
  hold->add_option("--memory-share", options.memory_share, "Of the device's memory")->check(CLI::Range(0.0, 1.0));
  hold->add_option("--seconds", options.seconds, "End by itself after this long")->check(CLI::Range(0.0, 600.0));
  app.add_subcommand("fault", "Say \"ready\", wait for a line of input, write to an illegal address, print the error");
  examples::ParseOrExit(app, argc, argv);
  options.hold = hold->parsed();
  return options;
}

void SayReady() {
  std::puts("ready");
  std::fflush(stdout);
}

class Worker {
 public:
  explicit Worker(const Gpu& gpu)
      : work_(gpu.Function("Work")), values_(kGrid.blocks * kGrid.threads * sizeof(unsigned)) {}

  void LaunchSome() const {
    for (int i = 0; i < 8; ++i) examples::Launch(work_, kGrid, nullptr, values_.address(), kIterations);
  }

 private:
  CUfunction work_;
  DeviceBuffer values_;
};

// In pieces, as programs allocate, and written, so that it is really there.
std::vector<DeviceBuffer> TakeMemory(double share) {
  constexpr int kPieces = 32;
  std::size_t total_bytes = 0;
  Check(cuDeviceTotalMem(&total_bytes, 0), "cuDeviceTotalMem");
  const auto piece_bytes = static_cast<std::size_t>(static_cast<double>(total_bytes) * share / kPieces);
  std::vector<DeviceBuffer> pieces;
  for (int i = 0; i < kPieces && piece_bytes > 0; ++i) {
    pieces.emplace_back(piece_bytes);
    Check(cuMemsetD8(pieces.back().address(), 0x5a, piece_bytes), "cuMemsetD8");
  }
  return pieces;
}

int Hold(const Gpu& gpu, const Options& options) {
  const std::vector<DeviceBuffer> memory = TakeMemory(options.memory_share);
  const Worker worker(gpu);
  worker.LaunchSome();
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  worker.LaunchSome();
  SayReady();
  const auto end = Clock::now() + std::chrono::duration<double>(options.seconds);
  while (Clock::now() < end) {  // what is launched before each wait is in flight whenever the kill comes
    worker.LaunchSome();
    Check(cuCtxSynchronize(), "cuCtxSynchronize");
  }
  return examples::kExitOk;
}

// Exit status 0: the driver reported the illegal address, and kept to it.
int Fault(const Gpu& gpu) {
  const Worker worker(gpu);
  worker.LaunchSome();
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  SayReady();
  std::getchar();
  constexpr CUdeviceptr kIllegal = 0x10;
  examples::Launch(gpu.Function("WriteTo"), {1, 1}, nullptr, kIllegal);
  const CUresult first = cuCtxSynchronize();
  const CUresult second = cuCtxSynchronize();
  const char* name = nullptr;
  cuGetErrorName(first, &name);
  std::printf("error=%s sticky=%s\n", name != nullptr ? name : "unknown", first == second ? "yes" : "no");
  std::fflush(stdout);
  return first == CUDA_ERROR_ILLEGAL_ADDRESS && second == first ? examples::kExitOk : examples::kExitWrongResult;
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  const Gpu gpu(unruly_kernels);
  return options.hold ? Hold(gpu, options) : Fault(gpu);
}

}  // namespace
}  // namespace paella::gpu_test

int main(int argc, char** argv) { return paella::gpu_test::Main(argc, argv); }
