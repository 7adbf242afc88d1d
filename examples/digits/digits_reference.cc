// The test images through the network on the CPU: its logits are bit for bit those of the kernels.
#include <cinttypes>
#include <cstdio>
#include <string>

#include "examples/common/command_line.h"
#include "examples/common/fail.h"
#include "examples/digits/dataset.h"
#include "examples/digits/reference.h"
#include "examples/digits/weights.h"

namespace examples::digits {
namespace {

int Main(int argc, char** argv) {
  std::string data, weights, logits_path;
  CLI::App app{"Classifies the test images on the CPU."};
  app.add_option("--data", data, "The images (default: digits.csv beside the executable)");
  app.add_option("--weights", weights, "The weights (default: digits_weights.txt beside the executable)");
  app.add_option("--logits", logits_path, "Write the logits as raw fp32 to this file");
  ParseOrExit(app, argc, argv);
  const Dataset test = ReadDataset(data.empty() ? BesideExecutable("digits.csv") : data, {kTestRemainder});
  const Weights network = ReadWeights(weights.empty() ? BesideExecutable("digits_weights.txt") : weights);
  const std::vector<float> logits = ForwardAll(network, test.images);
  if (!logits_path.empty()) WriteLogits(logits, logits_path);
  const double accuracy = Accuracy(logits, test.labels);
  std::printf("images=%zu accuracy=%.4f logits_fnv1a=%016" PRIx64 "\n", test.size(), accuracy, Fingerprint(logits));
  return accuracy >= kRequiredAccuracy ? kExitOk : kExitWrongResult;
}

}  // namespace
}  // namespace examples::digits

int main(int argc, char** argv) { return examples::digits::Main(argc, argv); }
