// Device memory: cuMemAlloc where the last allocation was just freed, and where eight are kept, as a program does that
// loads a model. An allocation may be cheap because its price is paid when it is freed, so there is a row of both.
#include <algorithm>

#include "tests/benchmark/batch_timer.h"
#include "tests/benchmark/driver_rows.h"

namespace paella::benchmarks {
namespace {

constexpr std::uint64_t kSizes[] = {2u << 20, 64u << 20, 1u << 30};
constexpr int kKept = 8;

CUdeviceptr Allocate(std::uint64_t bytes) {
  CUdeviceptr address = 0;
  Check(cuMemAlloc(&address, bytes), "cuMemAlloc");
  return address;
}

void Free(CUdeviceptr address) { Check(cuMemFree(address), "cuMemFree"); }

void AllocateInALoop(benchmark::State& state, std::uint64_t bytes) {
  CUdeviceptr address = 0;
  TimeBatches(state, 1, [&] { address = Allocate(bytes); }, [&] { Free(address); });
}

void AllocateAndKeep(benchmark::State& state, std::uint64_t bytes) {
  CUdeviceptr addresses[kKept];
  const auto allocate = [&] { std::ranges::generate(addresses, [&] { return Allocate(bytes); }); };
  TimeBatches(state, kKept, allocate, [&] { std::ranges::for_each(addresses, Free); });
}

void AllocateAndFree(benchmark::State& state, std::uint64_t bytes) {
  TimeBatches(state, 1, [&] { Free(Allocate(bytes)); });
}

}  // namespace

void RegisterAllocationRows(const Options& options) {
  for (const std::uint64_t bytes : kSizes) {
    if (bytes > options.max_bytes) continue;
    const auto add = [&](const char* name, void (*function)(benchmark::State&, std::uint64_t), int batches) {
      AddRow(name + ("/" + SizeName(bytes)), [=](auto& state) { function(state, bytes); })
          ->Iterations(batches)
          ->Unit(benchmark::kMicrosecond);
    };
    add("allocate/in_a_loop", AllocateInALoop, options.batches);
    add("allocate/keeping_8", AllocateAndKeep, std::max(1, options.batches / kKept));
    add("allocate/and_free", AllocateAndFree, options.batches);
  }
}

}  // namespace paella::benchmarks
