// The handwritten digits: reading them, and the rule that splits them.
#ifndef EXAMPLES_DIGITS_DATASET_H_
#define EXAMPLES_DIGITS_DATASET_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "examples/digits/network.h"

namespace examples::digits {

using Image = std::array<float, kImagePixels>;  // 0 (paper) to 1 (ink), row by row

struct Dataset {
  std::vector<Image> images;
  std::vector<int> labels;

  std::size_t size() const { return images.size(); }
};

// Row r of the file is a test image if r % 4 == 3, otherwise a training image.
constexpr std::size_t kSplitPeriod = 4;
constexpr std::size_t kTestRemainder = 3;

// Rows of `path` whose number modulo kSplitPeriod is one of `remainders`, in the file's order. A row is 64 integers from 0
// to 16 and the digit, separated by commas. Exits with kExitUsage if the file cannot be read or is not of this form.
Dataset ReadDataset(const std::string& path, const std::vector<std::size_t>& remainders);

// `logits` are kClasses for each image. The share of images whose greatest logit is their label's.
double Accuracy(const std::vector<float>& logits, const std::vector<int>& labels);

// FNV-1a over the bytes: one number that tells whether two runs gave the same bits.
std::uint64_t Fingerprint(const std::vector<float>& logits);

// Raw little-endian fp32, kClasses for each image in the test set's order. Exits with kExitUsage if it cannot write.
void WriteLogits(const std::vector<float>& logits, const std::string& path);

// The path of a file in the folder of the running executable.
std::string BesideExecutable(const std::string& name);

}  // namespace examples::digits

#endif  // EXAMPLES_DIGITS_DATASET_H_
