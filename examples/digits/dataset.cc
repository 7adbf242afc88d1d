#include "examples/digits/dataset.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>

#include "examples/common/fail.h"

namespace examples::digits {
namespace {

// The next comma-separated integer of [at, end), or -1 if there is none or it is not in 0..limit. Moves `at` behind it.
int NextInteger(const char*& at, const char* end, int limit) {
  int value = -1;
  const auto [rest, error] = std::from_chars(at, end, value);
  if (error != std::errc() || value < 0 || value > limit) return -1;
  at = rest != end && *rest == ',' ? rest + 1 : rest;
  return value;
}

bool ParseRow(const std::string& line, Image& image, int& label) {
  const char* at = line.data();
  const char* end = at + line.size();
  for (float& pixel : image) {
    const int value = NextInteger(at, end, static_cast<int>(kBrightestPixel));
    if (value < 0) return false;
    pixel = static_cast<float>(value) / kBrightestPixel;
  }
  label = NextInteger(at, end, kClasses - 1);
  return label >= 0 && at == end;
}

}  // namespace

Dataset ReadDataset(const std::string& path, const std::vector<std::size_t>& remainders) {
  std::ifstream file(path);
  if (!file) Fail(kExitUsage, "cannot read " + path);
  Dataset dataset;
  std::string line;
  for (std::size_t row = 0; std::getline(file, line); ++row) {
    Image image;
    int label = 0;
    if (!ParseRow(line, image, label)) {
      Fail(kExitUsage, path + ": line " + std::to_string(row + 1) + " is not 64 values from 0 to 16 and a digit");
    }
    if (std::ranges::find(remainders, row % kSplitPeriod) == remainders.end()) continue;
    dataset.images.push_back(image);
    dataset.labels.push_back(label);
  }
  if (dataset.images.empty()) Fail(kExitUsage, path + ": no images");
  return dataset;
}

double Accuracy(const std::vector<float>& logits, const std::vector<int>& labels) {
  const std::size_t images = logits.size() / kClasses;
  std::size_t right = 0;
  for (std::size_t i = 0; i < images; ++i) {
    const float* first = logits.data() + i * kClasses;
    if (std::max_element(first, first + kClasses) - first == labels[i]) ++right;
  }
  return images == 0 ? 0 : static_cast<double>(right) / static_cast<double>(images);
}

std::uint64_t Fingerprint(const std::vector<float>& logits) {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto* bytes = reinterpret_cast<const unsigned char*>(logits.data());
  for (std::size_t i = 0; i < logits.size() * sizeof(float); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

void WriteLogits(const std::vector<float>& logits, const std::string& path) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(logits.data()), static_cast<std::streamsize>(logits.size() * sizeof(float)));
  if (!file.flush()) Fail(kExitUsage, "cannot write " + path);
}

std::string BesideExecutable(const std::string& name) {
  std::error_code error;
  const std::filesystem::path executable = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) Fail(kExitUsage, "cannot read /proc/self/exe: name the files by --data and --weights");
  return executable.parent_path() / name;
}

}  // namespace examples::digits
