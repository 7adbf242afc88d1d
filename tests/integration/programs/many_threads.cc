// Threads that each keep several streams busy with chains of kernels, and check every value.
#include <deque>
#include <memory>
#include <thread>

#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

constexpr unsigned kThreads = 6;
constexpr unsigned kStreamsPerThread = 3;
constexpr unsigned kRounds = 4;
constexpr unsigned kKernelsPerRound = 8;
constexpr unsigned kCount = 300;

// A stream with its buffers; round by round the chain goes on where it was.
class Chain {
 public:
  Chain(const Kernels& kernels, unsigned first)
      : kernels_(kernels), first_(first), stream_(CU_STREAM_NON_BLOCKING), device_(kCount * sizeof(unsigned)), host_(kCount) {
    kernels_.Fill(device_.address(), kCount, first_, stream_);
  }

  void Post() {
    for (unsigned i = 0; i < kKernelsPerRound; ++i) {
      kernels_.Mix(device_.address(), kCount, i + 1, stream_);
      mixed_ += i + 1;
    }
    examples::Check(cuMemcpyDtoHAsync(host_.data(), device_.address(), kCount * sizeof(unsigned), stream_),
                    "cuMemcpyDtoHAsync");
  }

  void CheckAll() {
    stream_.Synchronize();
    for (unsigned i = 0; i < kCount; ++i) Expect(host_.data()[i] == Mixed(first_ + i, mixed_), "a chain is broken");
  }

 private:
  const Kernels& kernels_;
  const unsigned first_;
  Stream stream_;
  examples::DeviceBuffer device_;
  examples::PinnedArray<unsigned> host_;
  unsigned mixed_ = 0;
};

void Work(const Kernels& kernels, CUcontext context, unsigned thread) {
  examples::Check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
  std::deque<Chain> chains;
  for (unsigned i = 0; i < kStreamsPerThread; ++i) chains.emplace_back(kernels, 1000 * thread + 100 * i);
  for (unsigned round = 0; round < kRounds; ++round) {
    for (Chain& chain : chains) chain.Post();
    for (Chain& chain : chains) chain.CheckAll();
  }
}

}  // namespace

int ManyThreads(Arguments) {
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  CUcontext context = nullptr;
  examples::Check(cuCtxGetCurrent(&context), "cuCtxGetCurrent");
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) threads.emplace_back(Work, std::cref(kernels), context, i);
  for (std::thread& thread : threads) thread.join();
  Say("many_threads: every value is right");
  return 0;
}

}  // namespace paella::integration
