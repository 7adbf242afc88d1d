// Launches: what posting costs the caller, the time there and back, and how many a second several threads get through.
#include <algorithm>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "tests/benchmark/batch_timer.h"
#include "tests/benchmark/driver_rows.h"

namespace paella::benchmarks {
namespace {

// Launches between two synchronisations. The driver's queue takes about a thousand before a launch waits for room, and
// that wait is not what is measured.
constexpr int kLaunchesPerBatch = 512;

constexpr int kLaunchesPerThread = 4096;
constexpr int kThroughputRuns = 5;

// The values of TwelveParameters, and the pointers to them that a launch takes.
class Parameters {
 public:
  void** pointers() { return pointers_; }

 private:
  CUdeviceptr addresses_[6] = {};
  int counts_[3] = {1, 2, 3};
  float factors_[2] = {1.0f, 2.0f};
  long long stride_ = 4;
  void* pointers_[12] = {&addresses_[0], &addresses_[1], &addresses_[2], &addresses_[3], &addresses_[4], &addresses_[5],
                         &counts_[0],    &counts_[1],    &counts_[2],    &factors_[0],   &factors_[1],   &stride_};
};

void LaunchMany(CUfunction function, CUstream stream, void** parameters, int launches) {
  CUresult result = CUDA_SUCCESS;
  for (int i = 0; i < launches && result == CUDA_SUCCESS; ++i) {
    result = cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, parameters, nullptr);
  }
  Check(result, "cuLaunchKernel");
}

void PostLaunches(benchmark::State& state, CUfunction function) {
  const Stream stream;
  Parameters parameters;
  LaunchMany(function, stream.handle(), parameters.pointers(), 1);  // loads the kernel
  stream.Synchronize();
  TimeBatches(
      state, kLaunchesPerBatch,
      [&] { LaunchMany(function, stream.handle(), parameters.pointers(), kLaunchesPerBatch); },
      [&] { stream.Synchronize(); });
}

void LaunchAndSynchronize(benchmark::State& state, CUfunction function) {
  const Stream stream;
  TimeBatches(state, 1, [&] {
    LaunchMany(function, stream.handle(), nullptr, 1);
    stream.Synchronize();
  });
}

// From the moment when all threads are ready until the last has seen its last launch done.
void LaunchFromThreads(benchmark::State& state, CUfunction function, int thread_count) {
  CUcontext context = nullptr;
  Check(cuCtxGetCurrent(&context), "cuCtxGetCurrent");
  const int launches = thread_count * kLaunchesPerThread;
  std::vector<double> nanoseconds;
  for (auto _ : state) {
    std::barrier<> ready(thread_count + 1), done(thread_count + 1);
    std::vector<std::jthread> threads;
    for (int i = 0; i < thread_count; ++i) {
      threads.emplace_back([&] {
        Check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
        const Stream stream;
        ready.arrive_and_wait();
        LaunchMany(function, stream.handle(), nullptr, kLaunchesPerThread);
        stream.Synchronize();
        done.arrive_and_wait();
      });
    }
    ready.arrive_and_wait();
    const Clock::time_point start = Clock::now();
    done.arrive_and_wait();
    const std::chrono::duration<double> taken = Clock::now() - start;
    state.SetIterationTime(taken.count());
    nanoseconds.push_back(taken.count() * 1e9 / launches);
  }
  ReportTimes(state, nanoseconds);
  state.counters["launches_per_s"] = 1e9 / state.counters["median_ns"];
}

}  // namespace

void RegisterLaunchRows(const Gpu& gpu, const Options& options) {
  const CUfunction none = gpu.Function("NoParameters"), twelve = gpu.Function("TwelveParameters");
  AddRow("post_launch_0_parameters", [=](auto& state) { PostLaunches(state, none); })->Iterations(options.batches);
  AddRow("post_launch_12_parameters", [=](auto& state) { PostLaunches(state, twelve); })->Iterations(options.batches);
  AddRow("launch_and_synchronise", [=](auto& state) { LaunchAndSynchronize(state, none); });
  for (const int threads : {1, 2, 4}) {
    AddRow("launches_per_second/threads:" + std::to_string(threads),
           [=](auto& state) { LaunchFromThreads(state, none, threads); })
        ->Iterations(std::min(options.batches, kThroughputRuns));
  }
}

}  // namespace paella::benchmarks
