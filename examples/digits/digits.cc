// A small inference server without its network: classifies the test images batch by batch and reports the latency.
#include <algorithm>
#include <cinttypes>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "examples/common/command_line.h"
#include "examples/common/fail.h"
#include "examples/common/gpu.h"
#include "examples/common/json_output.h"
#include "examples/common/latency.h"
#include "examples/digits/classifier.h"
#include "examples/digits/dataset.h"
#include "examples/digits/weights.h"

extern "C" const unsigned long long digits_kernels[];

namespace examples::digits {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

struct Options {
  std::string data, weights, logits, json;
  unsigned batch = 16;
  unsigned repeats = 1;
  std::uint64_t requests = std::numeric_limits<std::uint64_t>::max();
  unsigned interval_us = 0;
};

void AddFiles(CLI::App& app, Options& options) {
  app.add_option("--data", options.data, "The images (default: digits.csv beside the executable)");
  app.add_option("--weights", options.weights, "The weights (default: digits_weights.txt beside the executable)");
  app.add_option("--logits", options.logits, "Write the first pass's logits as raw fp32 to this file");
  app.add_option("--json", options.json, "Also write the summary as a line of JSON, to this file or '-'");
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app{"Classifies handwritten digits on the GPU, and checks the accuracy and that every pass gives the same bits."};
  AddFiles(app, options);
  app.add_option("--batch", options.batch, "Images of a request")->capture_default_str()->check(CLI::Range(1u, 65535u));
  app.add_option("--repeat", options.repeats, "Passes over the test images")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1'000'000'000u));
  app.add_option("--requests", options.requests, "Stop after this many requests")
      ->check(CLI::Range(std::uint64_t{1}, options.requests));
  app.add_option("--interval-us", options.interval_us, "Open loop: a request arrives this often, and waits if the one "
                 "before it is not done; its latency counts from its arrival (0: send the next when one is done)")
      ->capture_default_str();
  ParseOrExit(app, argc, argv);
  if (options.data.empty()) options.data = BesideExecutable("digits.csv");
  if (options.weights.empty()) options.weights = BesideExecutable("digits_weights.txt");
  return options;
}

struct Result {
  std::vector<float> logits;  // of the first pass, or the part of it that --requests allowed
  std::vector<double> latencies_us;
  double gpu_us = 0;  // sum over the requests
  std::uint64_t images = 0;
  std::uint64_t differing_requests = 0;  // other bits than in the first pass
};

class Server {
 public:
  Server(Classifier& classifier, const Dataset& dataset, const Options& options)
      : classifier_(classifier), dataset_(dataset), options_(options) {}

  Result Run() {
    const Clock::time_point start = Clock::now();
    for (unsigned pass = 0; pass < options_.repeats; ++pass) {
      for (std::size_t first = 0; first < dataset_.size(); first += options_.batch) {
        const std::uint64_t number = result_.latencies_us.size();
        if (number == options_.requests) return std::move(result_);
        Serve(first, Arrival(start, number));
      }
    }
    return std::move(result_);
  }

 private:
  // When request `number` arrives; does not return before. Latency from a planned arrival counts the time that a request
  // waited behind a slow one, which a latency from its launch would hide.
  Clock::time_point Arrival(Clock::time_point start, std::uint64_t number) const {
    if (options_.interval_us == 0) return Clock::now();
    const Clock::time_point arrival = start + number * std::chrono::microseconds(options_.interval_us);
    std::this_thread::sleep_until(arrival);
    return arrival;
  }

  void Serve(std::size_t first, Clock::time_point arrival) {
    const std::size_t count = std::min<std::size_t>(options_.batch, dataset_.size() - first);
    const float* logits = classifier_.Classify(&dataset_.images[first], static_cast<unsigned>(count));
    result_.latencies_us.push_back(Microseconds(Clock::now() - arrival).count());
    result_.gpu_us += classifier_.gpu_us();
    result_.images += count;
    Compare(first, logits, count * kClasses);
  }

  void Compare(std::size_t first, const float* logits, std::size_t values) {
    const std::size_t at = first * kClasses;
    if (result_.logits.size() == at) {
      result_.logits.insert(result_.logits.end(), logits, logits + values);
    } else if (std::memcmp(&result_.logits[at], logits, values * sizeof(float)) != 0) {
      ++result_.differing_requests;
    }
  }

  Classifier& classifier_;
  const Dataset& dataset_;
  const Options& options_;
  Result result_;
};

bool Report(const Result& result, const Dataset& dataset, const Options& options) {
  const std::size_t requests = result.latencies_us.size();
  const LatencySummary latency = Summarize(result.latencies_us);
  const double accuracy = Accuracy(result.logits, dataset.labels);
  const double gpu_us = result.gpu_us / static_cast<double>(requests);
  const bool identical = result.differing_requests == 0;
  char fingerprint[17];
  std::snprintf(fingerprint, sizeof(fingerprint), "%016" PRIx64, Fingerprint(result.logits));
  std::printf("requests=%zu images=%" PRIu64 " accuracy=%.4f bit_identical=%s p50_us=%.1f p99_us=%.1f mean_us=%.1f "
              "gpu_us=%.1f logits_fnv1a=%s\n",
              requests, result.images, accuracy, identical ? "yes" : "NO", latency.p50_us, latency.p99_us,
              latency.mean_us, gpu_us, fingerprint);
  WriteJsonLine({{"requests", requests},
                 {"images", result.images},
                 {"batch", options.batch},
                 {"accuracy", accuracy},
                 {"bit_identical", identical},
                 {"p50_us", latency.p50_us},
                 {"p99_us", latency.p99_us},
                 {"mean_us", latency.mean_us},
                 {"gpu_us", gpu_us},
                 {"logits_fnv1a", fingerprint}},
                options.json);
  return identical && accuracy >= kRequiredAccuracy;
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  const Dataset test = ReadDataset(options.data, {kTestRemainder});
  const Weights weights = ReadWeights(options.weights);
  const Gpu gpu(digits_kernels);
  Classifier classifier(gpu, weights, options.batch);
  const Result result = Server(classifier, test, options).Run();
  if (!options.logits.empty()) WriteLogits(result.logits, options.logits);
  return Report(result, test, options) ? kExitOk : kExitWrongResult;
}

}  // namespace
}  // namespace examples::digits

int main(int argc, char** argv) { return examples::digits::Main(argc, argv); }
