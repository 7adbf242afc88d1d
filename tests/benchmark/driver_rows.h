// The rows of driver_benchmark, one file for each kind. Each Register function is called once, from main, before any
// row runs.
#ifndef PAELLA_TESTS_BENCHMARK_DRIVER_ROWS_H_
#define PAELLA_TESTS_BENCHMARK_DRIVER_ROWS_H_

#include <benchmark/benchmark.h>
#include <cuda.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "examples/common/check.h"
#include "examples/common/gpu.h"

extern "C" const unsigned long long driver_benchmark_kernels[];

namespace paella::benchmarks {

using examples::Check;
using examples::Gpu;

struct Options {
  std::uint64_t max_bytes;
  int batches;  // of rows in which what lies between the batches takes longer than the batches
};

void RegisterLaunchRows(const Gpu& gpu, const Options& options);
void RegisterQueryRows(const Gpu& gpu);
void RegisterCopyRows(const Options& options);
void RegisterAllocationRows(const Options& options);

// A row in which each turn reports its own time (batch_timer.h).
template <typename Function>
benchmark::internal::Benchmark* AddRow(const std::string& name, Function function) {
  return benchmark::RegisterBenchmark(name.c_str(), function)->UseManualTime();
}

inline std::string SizeName(std::uint64_t bytes) {
  if (bytes >= 1 << 30) return std::to_string(bytes >> 30) + "GiB";
  if (bytes >= 1 << 20) return std::to_string(bytes >> 20) + "MiB";
  return std::to_string(bytes >> 10) + "KiB";
}

class Stream {
 public:
  Stream() { Check(cuStreamCreate(&handle_, CU_STREAM_NON_BLOCKING), "cuStreamCreate"); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { cuStreamDestroy(handle_); }

  CUstream handle() const { return handle_; }
  void Synchronize() const { Check(cuStreamSynchronize(handle_), "cuStreamSynchronize"); }

 private:
  CUstream handle_ = nullptr;
};

}  // namespace paella::benchmarks

#endif  // PAELLA_TESTS_BENCHMARK_DRIVER_ROWS_H_
