// What calls of the CUDA driver API cost. An ordinary program of that API: it runs on the driver, and through Paella
// when libpaella.so is preloaded. compare_benchmarks.py runs it both ways in turn.
#include <benchmark/benchmark.h>
#include <cuda.h>

#include <string>

#include "examples/common/command_line.h"
#include "tests/benchmark/driver_rows.h"

namespace paella::benchmarks {
namespace {

Options ParseOptions(int argc, char** argv) {
  std::uint64_t max_mib = 1024;
  Options options{0, 200};
  CLI::App app{"Measures calls of the CUDA driver API. Takes Google Benchmark's options, too."};
  app.add_option("--max-mib", max_mib, "Largest copy and allocation; 8 such allocations are alive at once")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1u << 20));
  app.add_option("--batches", options.batches, "Batches of posted launches, and allocations, that are timed")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  examples::ParseOrExit(app, argc, argv);
  options.max_bytes = max_mib << 20;
  return options;
}

void DescribeDevice() {
  char name[256] = "";
  int version = 0;
  Check(cuDeviceGetName(name, sizeof name, 0), "cuDeviceGetName");
  Check(cuDriverGetVersion(&version), "cuDriverGetVersion");
  benchmark::AddCustomContext("device", name);
  benchmark::AddCustomContext("driver_version", std::to_string(version));
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const Options options = ParseOptions(argc, argv);
  const Gpu gpu(driver_benchmark_kernels);
  DescribeDevice();
  RegisterLaunchRows(gpu, options);
  RegisterQueryRows(gpu);
  RegisterCopyRows(options);
  RegisterAllocationRows(options);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace paella::benchmarks

int main(int argc, char** argv) { return paella::benchmarks::Main(argc, argv); }
