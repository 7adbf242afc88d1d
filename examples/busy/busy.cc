// A neighbour: keeps the GPU busy with kernels of a chosen length, and checks the result of every one of them. With a
// period, a program that wants to be quick instead: a few kernels at a time, at moments fixed beforehand.
#include <cuda.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "examples/busy/pipeline.h"
#include "examples/common/check.h"
#include "examples/common/command_line.h"
#include "examples/common/fail.h"
#include "examples/common/gpu.h"
#include "examples/common/json_output.h"
#include "examples/common/latency.h"

extern "C" const unsigned long long busy_kernels[];

namespace examples::busy {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

volatile std::sig_atomic_t stop_requested = 0;

void RequestStop(int) { stop_requested = 1; }

struct Options {
  double seconds = 0;         // 0: no limit of time
  std::uint64_t kernels = 0;  // 0: no limit of number
  double microseconds = 200;
  unsigned iterations = 0;  // 0: calibrate
  unsigned blocks = 0;      // 0: one per multiprocessor
  unsigned threads = 128;
  unsigned streams = 1;
  unsigned depth = 4;
  double period_ms = 0;  // 0: kernels without a pause
  unsigned burst = 20;
  std::string json;
};

// What a run with a period, or without one, tells of its time.
struct Times {
  double began_s = 0;  // of the monotonic clock
  double seconds = 0;
  std::vector<double> latencies_us;
  std::uint64_t given_up = 0;  // of them
  std::vector<std::uint64_t> each_half_second;  // kernels that were launched
};

void AddLimits(CLI::App& app, Options& options) {
  app.add_option("--seconds", options.seconds, "Run for this long (5 if no limit is given)")
      ->check(CLI::Range(0.001, 1e7));
  app.add_option("--kernels", options.kernels, "Run this many kernels; with --seconds, what comes first")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40));
}

void AddShape(CLI::App& app, Options& options) {
  auto* microseconds = app.add_option("--microseconds", options.microseconds, "Length of a kernel, approximately: a loop "
                                      "count is calibrated for it at the start")
                           ->capture_default_str()
                           ->check(CLI::Range(1.0, 1e7));
  app.add_option("--iterations", options.iterations, "The loop count itself: the same work on every run")
      ->check(CLI::Range(1u, std::numeric_limits<unsigned>::max()))
      ->excludes(microseconds);
  app.add_option("--blocks", options.blocks, "Blocks of a kernel (default: one per multiprocessor)")
      ->check(CLI::Range(1u, 65535u));
  app.add_option("--threads", options.threads, "Threads of a block")
      ->capture_default_str()
      ->check(CLI::Range(1u, kMaxThreads));
  app.add_option("--streams", options.streams, "Streams, used in turn")->capture_default_str()->check(CLI::Range(1u, 128u));
  app.add_option("--depth", options.depth, "Launches in flight on a stream before waiting for the oldest")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1024u));
}

void AddRequests(CLI::App& app, Options& options) {
  auto* period = app.add_option("--period-ms", options.period_ms, "A request each so often: --burst kernels and their "
                                "end, at moments fixed beforehand, from which latencies count")
                     ->check(CLI::Range(0.01, 1e6));
  app.add_option("--burst", options.burst, "Kernels of a request")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1024u))
      ->needs(period);
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app{"Keeps the GPU busy with kernels of a chosen length and checks what they compute. SIGTERM ends it early."};
  AddLimits(app, options);
  AddShape(app, options);
  AddRequests(app, options);
  app.add_option("--json", options.json, "Also write the summary as a line of JSON, to this file or '-'");
  ParseOrExit(app, argc, argv);
  if (options.seconds == 0 && options.kernels == 0) options.seconds = 5;
  return options;
}

// Times single launches by CUDA events.
class KernelTimer {
 public:
  KernelTimer(CUfunction function, Grid grid) : function_(function), grid_(grid), sums_(grid.blocks * sizeof(unsigned)) {
    Check(cuEventCreate(&start_, CU_EVENT_DEFAULT), "cuEventCreate");
    Check(cuEventCreate(&stop_, CU_EVENT_DEFAULT), "cuEventCreate");
  }
  ~KernelTimer() {
    cuEventDestroy(start_);
    cuEventDestroy(stop_);
  }
  KernelTimer(const KernelTimer&) = delete;
  KernelTimer& operator=(const KernelTimer&) = delete;

  // The shortest of three: what disturbs a measurement only lengthens it.
  double Microseconds(unsigned iterations) const {
    double best = Once(iterations);
    for (int i = 0; i < 2; ++i) best = std::min(best, Once(iterations));
    return best;
  }

 private:
  double Once(unsigned iterations) const {
    Check(cuEventRecord(start_, nullptr), "cuEventRecord");
    Launch(function_, grid_, nullptr, sums_.address(), 0u, iterations);
    Check(cuEventRecord(stop_, nullptr), "cuEventRecord");
    Check(cuEventSynchronize(stop_), "cuEventSynchronize");
    float milliseconds = 0;
    Check(cuEventElapsedTime(&milliseconds, start_, stop_), "cuEventElapsedTime");
    return milliseconds * 1e3;
  }

  CUfunction function_;
  Grid grid_;
  DeviceBuffer sums_;
  CUevent start_ = nullptr;
  CUevent stop_ = nullptr;
};

// The loop count whose kernel takes about `microseconds`. Doubles the count until a kernel is long enough to be told from
// its launch, and takes the launch's share out by the difference of two lengths.
unsigned Calibrate(const KernelTimer& timer, double microseconds) {
  constexpr double kLongEnoughUs = 1000;
  constexpr unsigned kMaxIterations = 1u << 30;
  unsigned count = 64;
  timer.Microseconds(count);  // The first launches may wait for the code to be loaded.
  double shorter = timer.Microseconds(count);
  double longer = timer.Microseconds(2 * count);
  while (longer < kLongEnoughUs && 2 * count < kMaxIterations) {
    count *= 2;
    shorter = longer;
    longer = timer.Microseconds(2 * count);
  }
  // At least half of what the longer one shows: a pause in the shorter one must not make a kernel that never ends.
  const double microseconds_each = std::max({(longer - shorter) / count, longer / (4.0 * count), 1e-6});
  const double launch = std::max(0.0, longer - 2 * count * microseconds_each);
  const double iterations = (microseconds - launch) / microseconds_each;
  return static_cast<unsigned>(std::clamp(iterations, 1.0, 4e9));
}

double MonotonicSeconds() { return Seconds(Clock::now().time_since_epoch()).count(); }

bool IsOver(const Pipeline& pipeline, const Options& options, double elapsed_s) {
  return stop_requested != 0 || (options.kernels != 0 && pipeline.launched() >= options.kernels) ||
         (options.seconds != 0 && elapsed_s >= options.seconds);
}

// From the first launch to the end of the last kernel.
Times RunWithoutPause(Pipeline& pipeline, const Options& options) {
  constexpr double kHalfASecond = 0.5;
  Times times{.began_s = MonotonicSeconds(), .latencies_us = {}, .each_half_second = {}};
  std::uint64_t told = 0;
  for (double elapsed_s = 0; !IsOver(pipeline, options, elapsed_s); elapsed_s = MonotonicSeconds() - times.began_s) {
    while (elapsed_s >= kHalfASecond * static_cast<double>(times.each_half_second.size() + 1)) {
      times.each_half_second.push_back(pipeline.launched() - told);
      told = pipeline.launched();
    }
    pipeline.LaunchNext();
  }
  pipeline.Drain();
  times.seconds = MonotonicSeconds() - times.began_s;
  return times;
}

// A sleep ends late by as much as a request may take, so the last bit is not slept.
void AwaitMoment(Clock::time_point moment) {
  constexpr std::chrono::microseconds kSpin{500};
  std::this_thread::sleep_until(moment - kSpin);
  while (Clock::now() < moment && stop_requested == 0) continue;
}

// A request that is due while the one before runs begins when that ends, and its latency counts from when it was due. Those
// that have not begun a second after the last was due never do, and count with what they had waited.
Times RunRequests(Pipeline& pipeline, const Options& options) {
  constexpr double kPatienceS = 1;
  Times times{.began_s = MonotonicSeconds(), .latencies_us = {}, .each_half_second = {}};
  const Clock::time_point start = Clock::now();
  const auto period = std::chrono::duration_cast<Clock::duration>(Seconds(options.period_ms / 1e3));
  for (Clock::time_point due = start; !IsOver(pipeline, options, Seconds(due - start).count()); due += period) {
    AwaitMoment(due);
    if (options.seconds != 0 && Seconds(Clock::now() - start).count() > options.seconds + kPatienceS) {
      times.latencies_us.push_back(Seconds(Clock::now() - due).count() * 1e6);
      ++times.given_up;
      continue;
    }
    for (unsigned kernel = 0; kernel < options.burst; ++kernel) pipeline.LaunchNext();
    pipeline.Drain();
    times.latencies_us.push_back(Seconds(Clock::now() - due).count() * 1e6);
  }
  times.seconds = MonotonicSeconds() - times.began_s;
  return times;
}

void Report(const Pipeline& pipeline, const Times& times, unsigned iterations, const Options& options) {
  const double seconds = times.seconds;
  const LatencySummary latency = Summarize(times.latencies_us);
  const char* checks = pipeline.wrong() == 0 ? "ok" : "WRONG";
  std::printf("kernels=%llu seconds=%.3f checks=%s wrong=%llu iterations=%u\n",
              static_cast<unsigned long long>(pipeline.launched()), seconds, checks,
              static_cast<unsigned long long>(pipeline.wrong()), iterations);
  if (options.period_ms != 0) {
    std::printf("requests=%zu given_up=%llu p50_ms=%.3f p99_ms=%.3f\n", times.latencies_us.size(),
                static_cast<unsigned long long>(times.given_up), latency.p50_us / 1e3, latency.p99_us / 1e3);
  }
  WriteJsonLine({{"kernels", pipeline.launched()},
                 {"seconds", seconds},
                 {"checks", checks},
                 {"wrong", pipeline.wrong()},
                 {"iterations", iterations},
                 {"kernels_per_second", static_cast<double>(pipeline.launched()) / seconds},
                 {"began_s", times.began_s},
                 {"each_half_second", times.each_half_second},
                 {"requests", times.latencies_us.size()},
                 {"given_up", times.given_up},
                 {"p50_ms", latency.p50_us / 1e3},
                 {"p99_ms", latency.p99_us / 1e3},
                 {"stopped_by_signal", stop_requested != 0}},
                options.json);
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  std::signal(SIGTERM, RequestStop);
  std::signal(SIGINT, RequestStop);
  const Gpu gpu(busy_kernels);
  const CUfunction function = gpu.Function("Busy");
  const unsigned multiprocessors = static_cast<unsigned>(gpu.Attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  const Grid grid{options.blocks != 0 ? options.blocks : multiprocessors, options.threads};
  const unsigned iterations =
      options.iterations != 0 ? options.iterations : Calibrate(KernelTimer(function, grid), options.microseconds);
  const bool asks = options.period_ms != 0;
  Pipeline pipeline(function, grid, iterations, options.streams, asks ? options.burst : options.depth);
  Report(pipeline, asks ? RunRequests(pipeline, options) : RunWithoutPause(pipeline, options), iterations, options);
  return pipeline.wrong() == 0 ? kExitOk : kExitWrongResult;
}

}  // namespace
}  // namespace examples::busy

int main(int argc, char** argv) { return examples::busy::Main(argc, argv); }
