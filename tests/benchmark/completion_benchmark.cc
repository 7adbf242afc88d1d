// Three ways to learn that a kernel is done, beside each other: an event behind it, a word that the stream writes behind
// it, and a word that the kernel writes itself. An ordinary program of the driver API, which is run on the driver alone.
//
//   issue/WAY             CPU time of issuing a kernel and what tells of its end
//   seen/WAY              from before the launch until the end was seen, by polling, on an idle GPU
//   stream/WAY/each:N     time on the GPU for a kernel of a full stream of which every Nth tells of its end
//
// `none` tells nothing (seen/none: waits for the stream). What the rows say together is the table at the end.
#include <benchmark/benchmark.h>
#include <cuda.h>

#include <atomic>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "examples/common/command_line.h"
#include "examples/common/fail.h"
#include "ipc/waiting.h"
#include "tests/benchmark/batch_timer.h"
#include "tests/benchmark/driver_rows.h"

extern "C" const unsigned long long completion_benchmark_kernels[];

namespace paella::benchmarks {
namespace {

// Kernels between two synchronisations, each with something behind it: what the driver's queue takes without a wait.
constexpr int kKernelsPerBatch = 256;
constexpr int kEach[] = {1, 4, 16};

// A word of pinned memory that the GPU writes, or waits for.
class Word {
 public:
  Word() {
    void* memory = nullptr;
    Check(cuMemHostAlloc(&memory, sizeof(std::uint64_t), CU_MEMHOSTALLOC_DEVICEMAP), "cuMemHostAlloc");
    word_ = new (memory) std::atomic<std::uint64_t>(0);
    Check(cuMemHostGetDevicePointer(&address_, memory, 0), "cuMemHostGetDevicePointer");
  }
  ~Word() { cuMemFreeHost(word_); }
  Word(const Word&) = delete;

  CUdeviceptr address() const { return address_; }
  std::uint64_t value() const { return word_->load(std::memory_order_acquire); }  // pairs with the GPU's write
  void Set(std::uint64_t value) { word_->store(value, std::memory_order_release); }

 private:
  std::atomic<std::uint64_t>* word_ = nullptr;
  CUdeviceptr address_ = 0;
};

struct Kernels {
  CUfunction work, work_and_tell;
  unsigned rounds;

  void Work(CUstream stream) const { examples::Launch(work, {1, 1}, stream, rounds); }
};

// Issues kernels whose end can be seen.
class Way {
 public:
  explicit Way(const Kernels& kernels) : kernels_(kernels) {}
  virtual ~Way() = default;
  Way(const Way&) = delete;

  virtual void IssueMarked(CUstream stream) = 0;
  virtual bool LastIsSeen() = 0;

 protected:
  const Kernels& kernels_;
};

// Not polled: LastIsSeen waits for the stream.
class None : public Way {
 public:
  using Way::Way;
  void IssueMarked(CUstream stream) override {
    stream_ = stream;
    kernels_.Work(stream);
  }
  bool LastIsSeen() override {
    Check(cuStreamSynchronize(stream_), "cuStreamSynchronize");
    return true;
  }

 private:
  CUstream stream_ = nullptr;
};

class ByEvent : public Way {
 public:
  explicit ByEvent(const Kernels& kernels) : Way(kernels), events_(kKernelsPerBatch) {
    for (CUevent& event : events_) Check(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  }
  ~ByEvent() override {
    for (const CUevent event : events_) cuEventDestroy(event);
  }

  void IssueMarked(CUstream stream) override {
    kernels_.Work(stream);
    last_ = (last_ + 1) % events_.size();
    Check(cuEventRecord(events_[last_], stream), "cuEventRecord");
  }
  bool LastIsSeen() override {
    const CUresult result = cuEventQuery(events_[last_]);
    if (result != CUDA_ERROR_NOT_READY) Check(result, "cuEventQuery");
    return result == CUDA_SUCCESS;
  }

 private:
  std::vector<CUevent> events_;
  std::size_t last_ = 0;
};

class ByStreamWrite : public Way {
 public:
  using Way::Way;
  void IssueMarked(CUstream stream) override {
    kernels_.Work(stream);
    Check(cuStreamWriteValue64(stream, word_.address(), ++last_, CU_STREAM_WRITE_VALUE_DEFAULT), "cuStreamWriteValue64");
  }
  bool LastIsSeen() override { return word_.value() == last_; }

 private:
  Word word_;
  std::uint64_t last_ = 0;
};

class ByKernel : public Way {
 public:
  using Way::Way;
  void IssueMarked(CUstream stream) override {
    examples::Launch(kernels_.work_and_tell, {1, 1}, stream, kernels_.rounds, word_.address(),
                     static_cast<unsigned long long>(++last_));
  }
  bool LastIsSeen() override { return word_.value() == last_; }

 private:
  Word word_;
  std::uint64_t last_ = 0;
};

template <typename T>
std::unique_ptr<Way> Make(const Kernels& kernels) {
  return std::make_unique<T>(kernels);
}

struct NamedWay {
  const char* name;
  const char* meaning;
  std::unique_ptr<Way> (*make)(const Kernels&);
};
constexpr NamedWay kWays[] = {{"none", "nothing (the stream is waited for)", Make<None>},
                              {"event", "an event, polled", Make<ByEvent>},
                              {"stream_write", "a word that the stream writes", Make<ByStreamWrite>},
                              {"kernel", "a word that the kernel writes", Make<ByKernel>}};

void Issue(benchmark::State& state, Way& way) {
  const Stream stream;
  way.IssueMarked(stream.handle());  // loads the kernel
  stream.Synchronize();
  TimeBatches(
      state, kKernelsPerBatch,
      [&] {
        for (int i = 0; i < kKernelsPerBatch; ++i) way.IssueMarked(stream.handle());
      },
      [&] { stream.Synchronize(); });
}

// A second and more: only a GPU that is stuck takes so long.
void AwaitLast(Way& way) {
  constexpr std::uint64_t kMostLooks = 1'000'000'000;
  for (std::uint64_t look = 0; look < kMostLooks; ++look) {
    if (way.LastIsSeen()) return;
    ipc::CpuRelax();
  }
  examples::Fail(examples::kExitCudaError, "the end of a kernel was not seen");
}

void See(benchmark::State& state, Way& way) {
  const Stream stream;
  TimeBatches(
      state, 1,
      [&] {
        way.IssueMarked(stream.handle());
        AwaitLast(way);
      },
      [&] { stream.Synchronize(); });
}

// The stream is filled behind a wait, so that what is timed is the GPU's work alone.
void Run(benchmark::State& state, const Kernels& kernels, Way& way, int each) {
  const Stream stream;
  Word gate;
  std::vector<double> nanoseconds;
  std::uint64_t turn = 0;
  for (auto _ : state) {
    Check(cuStreamWaitValue64(stream.handle(), gate.address(), ++turn, CU_STREAM_WAIT_VALUE_GEQ), "cuStreamWaitValue64");
    for (int i = 1; i <= kKernelsPerBatch; ++i) {
      i % each == 0 ? way.IssueMarked(stream.handle()) : kernels.Work(stream.handle());
    }
    const Clock::time_point start = Clock::now();
    gate.Set(turn);
    stream.Synchronize();
    const std::chrono::duration<double> taken = Clock::now() - start;
    state.SetIterationTime(taken.count());
    nanoseconds.push_back(taken.count() * 1e9 / kKernelsPerBatch);
  }
  ReportTimes(state, nanoseconds);
}

std::string StreamRow(const char* way, int each) { return std::string("stream/") + way + "/each:" + std::to_string(each); }

// The usual lines, and at the end the medians of all rows as one table.
class TableReporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      const auto median = run.counters.find("median_ns");
      if (median != run.counters.end()) medians_[run.run_name.function_name] = median->second;
    }
  }

  void Finalize() override {
    const double alone = Median(StreamRow("none", 1));
    std::printf("\n| what tells of the end | issue, ns | until seen, ns | GPU, ns a kernel: each tells | every 4th | every 16th |\n"
                "|---|---|---|---|---|---|\n");
    for (const NamedWay& way : kWays) {
      std::printf("| %s | %.0f | %.0f |", way.meaning, Median(std::string("issue/") + way.name),
                  Median(std::string("seen/") + way.name));
      for (const int each : kEach) {
        const auto found = medians_.find(StreamRow(way.name, each));
        if (found == medians_.end()) {
          std::printf(" - |");
        } else {
          std::printf(" %.0f (%.2f) |", found->second, found->second / alone);
        }
      }
      std::printf("\n");
    }
  }

 private:
  // Not a number: the row did not run.
  double Median(const std::string& row) const {
    const auto found = medians_.find(row);
    return found == medians_.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
  }

  std::map<std::string, double> medians_;
};

void RegisterRows(const Kernels& kernels, int batches) {
  for (const NamedWay& way : kWays) {
    const auto with_way = [&kernels, make = way.make](auto row) {
      return [&kernels, make, row](benchmark::State& state) {
        const auto made = make(kernels);
        row(state, *made);
      };
    };
    AddRow(std::string("issue/") + way.name, with_way(Issue))->Iterations(batches);
    AddRow(std::string("seen/") + way.name, with_way(See))->Iterations(batches);
    for (const int each : kEach) {
      if (way.make == Make<None> && each != 1) continue;
      AddRow(StreamRow(way.name, each), with_way([&kernels, each](auto& state, Way& made) {
               Run(state, kernels, made, each);
             }))->Iterations(batches);
    }
  }
}

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  int batches = 500;
  Kernels kernels{nullptr, nullptr, 0};
  CLI::App app{"Measures ways to learn that a kernel is done. Takes Google Benchmark's options, too."};
  app.add_option("--batches", batches, "How often each row is timed")->capture_default_str()->check(CLI::Range(1, 1'000'000));
  app.add_option("--rounds", kernels.rounds, "How long a kernel is: rounds of one multiplication; 0: it does nothing")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  examples::ParseOrExit(app, argc, argv);
  const Gpu gpu(completion_benchmark_kernels);
  kernels.work = gpu.Function("Work");
  kernels.work_and_tell = gpu.Function("WorkAndTell");
  char name[256] = "";
  Check(cuDeviceGetName(name, sizeof name, 0), "cuDeviceGetName");
  benchmark::AddCustomContext("device", name);
  RegisterRows(kernels, batches);
  TableReporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace paella::benchmarks

int main(int argc, char** argv) { return paella::benchmarks::Main(argc, argv); }
