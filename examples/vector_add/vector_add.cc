// The first program of every GPU course: adds two vectors and checks each element. Default stream, pageable memory.
#include <cuda.h>

#include <cstdio>
#include <string>
#include <vector>

#include "examples/common/check.h"
#include "examples/common/command_line.h"
#include "examples/common/fail.h"
#include "examples/common/gpu.h"

extern "C" const unsigned long long vector_add_kernels[];

namespace examples {
namespace {

constexpr unsigned kThreadsPerBlock = 256;

struct Options {
  unsigned elements = 100'000;
  unsigned repeats = 1;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app{"Adds two vectors on the GPU and checks the result."};
  app.add_option("--elements", options.elements, "Length of the vectors")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1u << 30));
  app.add_option("--repeat", options.repeats, "Times to copy, add and check")
      ->capture_default_str()
      ->check(CLI::Range(1u, 1'000'000'000u));
  ParseOrExit(app, argc, argv);
  return options;
}

// Small integers, so that float sums are exact; different in each round, so that an old result cannot pass as a new one.
float ElementOfA(unsigned i, unsigned round) { return static_cast<float>((i + round) % 1024); }
float ElementOfB(unsigned i) { return static_cast<float>(2 * (i % 4096)); }

class VectorAdd {
 public:
  VectorAdd(const Gpu& gpu, unsigned elements)
      : function_(gpu.Function("VectorAdd")), elements_(elements), device_a_(bytes()), device_b_(bytes()),
        device_sum_(bytes()), a_(elements), b_(elements), sum_(elements) {}

  // Returns the index of the first wrong element, or the vectors' length.
  unsigned Run(unsigned round) {
    for (unsigned i = 0; i < elements_; ++i) {
      a_[i] = ElementOfA(i, round);
      b_[i] = ElementOfB(i);
    }
    Check(cuMemcpyHtoD(device_a_.address(), a_.data(), bytes()), "cuMemcpyHtoD");
    Check(cuMemcpyHtoD(device_b_.address(), b_.data(), bytes()), "cuMemcpyHtoD");
    Add();
    Check(cuMemcpyDtoH(sum_.data(), device_sum_.address(), bytes()), "cuMemcpyDtoH");
    unsigned i = 0;
    while (i < elements_ && sum_[i] == a_[i] + b_[i]) ++i;
    return i;
  }

  std::string Describe(unsigned i) const {
    return "element " + std::to_string(i) + " is " + std::to_string(sum_[i]) + ", not " + std::to_string(a_[i] + b_[i]);
  }

 private:
  std::size_t bytes() const { return std::size_t{elements_} * sizeof(float); }

  void Add() {
    const unsigned blocks = (elements_ + kThreadsPerBlock - 1) / kThreadsPerBlock;
    Launch(function_, {blocks, kThreadsPerBlock}, nullptr, device_a_.address(), device_b_.address(), device_sum_.address(),
           elements_);
  }

  CUfunction function_;
  unsigned elements_;
  DeviceBuffer device_a_, device_b_, device_sum_;
  std::vector<float> a_, b_, sum_;
};

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  const Gpu gpu(vector_add_kernels);
  VectorAdd vector_add(gpu, options.elements);
  for (unsigned round = 0; round < options.repeats; ++round) {
    const unsigned wrong = vector_add.Run(round);
    if (wrong == options.elements) continue;
    std::printf("vector_add: elements=%u repeats=%u checks=WRONG (round %u: %s)\n", options.elements, options.repeats,
                round, vector_add.Describe(wrong).c_str());
    return kExitWrongResult;
  }
  std::printf("vector_add: elements=%u repeats=%u checks=ok\n", options.elements, options.repeats);
  return kExitOk;
}

}  // namespace
}  // namespace examples

int main(int argc, char** argv) { return examples::Main(argc, argv); }
