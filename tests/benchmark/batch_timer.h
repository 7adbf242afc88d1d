// Times calls in batches and reports the median batch: on a machine that others share, a mean tells of the others.
//
// Used by every row of both benchmarks, with Google Benchmark's manual timing. A row's number is the counter
// `median_ns`, nanoseconds a call. `mean_ns` beside it shows what rare slow batches cost. What stands in the time
// columns is the mean batch.
#ifndef PAELLA_TESTS_BENCHMARK_BATCH_TIMER_H_
#define PAELLA_TESTS_BENCHMARK_BATCH_TIMER_H_

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <numeric>
#include <vector>

namespace paella::benchmarks {

using Clock = std::chrono::steady_clock;

inline double Median(std::vector<double>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// `nanoseconds`: of a call, for each batch.
inline void ReportTimes(benchmark::State& state, std::vector<double>& nanoseconds) {
  const double count = static_cast<double>(nanoseconds.size());
  state.counters["mean_ns"] = count == 0 ? 0 : std::accumulate(nanoseconds.begin(), nanoseconds.end(), 0.0) / count;
  state.counters["median_ns"] = Median(nanoseconds);
}

// Each turn runs `batch`, which makes `calls` calls and is timed, and then `between`, which is not.
template <typename Batch, typename Between>
void TimeBatches(benchmark::State& state, int calls, Batch batch, Between between) {
  std::vector<double> nanoseconds;
  for (auto _ : state) {
    const Clock::time_point start = Clock::now();
    batch();
    const std::chrono::duration<double> taken = Clock::now() - start;
    state.SetIterationTime(taken.count());
    nanoseconds.push_back(taken.count() * 1e9 / calls);
    between();
  }
  ReportTimes(state, nanoseconds);
}

template <typename Batch>
void TimeBatches(benchmark::State& state, int calls, Batch batch) {
  TimeBatches(state, calls, batch, [] {});
}

// Adds the rate to a row that moves `bytes` a call.
inline void ReportBandwidth(benchmark::State& state, double bytes) {
  state.counters["GB_per_s"] = bytes / state.counters["median_ns"];
}

}  // namespace paella::benchmarks

#endif  // PAELLA_TESTS_BENCHMARK_BATCH_TIMER_H_
