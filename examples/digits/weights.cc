#include "examples/digits/weights.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include "examples/common/fail.h"

namespace examples::digits {
namespace {

constexpr std::size_t kValuesPerLine = 8;

// The file's text without its comments.
std::string ReadUncommented(const std::string& path) {
  std::ifstream file(path);
  if (!file) Fail(kExitUsage, "cannot read " + path);
  std::string text;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with('#')) text += line + '\n';
  }
  return text;
}

void ReadTensor(std::istream& in, const TensorInfo& info, std::vector<float>& values, const std::string& path) {
  std::string title;
  std::getline(in >> std::ws, title);
  const std::string expected = std::string(info.name) + ' ' + std::string(info.dimensions);
  if (title != expected) Fail(kExitUsage, path + ": expected '" + expected + "', found '" + title + "'");
  for (float& value : values) {
    if (!(in >> value)) Fail(kExitUsage, path + ": " + std::string(info.name) + " has too few values");
  }
}

void WriteTensor(std::ostream& out, const TensorInfo& info, const std::vector<float>& values) {
  out << info.name << ' ' << info.dimensions << '\n';
  for (std::size_t i = 0; i < values.size(); ++i) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.6g", static_cast<double>(values[i]));
    const bool last_of_line = (i + 1) % kValuesPerLine == 0 || i + 1 == values.size();
    out << text << (last_of_line ? '\n' : ' ');
  }
}

}  // namespace

Weights ZeroWeights() {
  Weights weights;
  for (std::size_t i = 0; i < kTensorCount; ++i) weights[i].resize(kTensors[i].size);
  return weights;
}

Weights ReadWeights(const std::string& path) {
  std::istringstream in(ReadUncommented(path));
  Weights weights = ZeroWeights();
  for (std::size_t i = 0; i < kTensorCount; ++i) ReadTensor(in, kTensors[i], weights[i], path);
  if (!(in >> std::ws).eof()) Fail(kExitUsage, path + ": more values than the network has");
  return weights;
}

void WriteWeights(const Weights& weights, const std::string& comment, const std::string& path) {
  std::ofstream file(path, std::ios::trunc);
  std::istringstream lines(comment);
  for (std::string line; std::getline(lines, line);) file << "# " << line << '\n';
  for (std::size_t i = 0; i < kTensorCount; ++i) WriteTensor(file, kTensors[i], weights[i]);
  if (!file.flush()) Fail(kExitUsage, "cannot write " + path);
}

}  // namespace examples::digits
