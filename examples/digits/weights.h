// The network's parameters and the text file that holds them.
//
// The file: lines that begin with '#' are comments; then, for each tensor of kTensors in that order, a line with its name
// and its dimensions, followed by its values in decimal, the last dimension fastest, separated by white space.
#ifndef EXAMPLES_DIGITS_WEIGHTS_H_
#define EXAMPLES_DIGITS_WEIGHTS_H_

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "examples/digits/network.h"

namespace examples::digits {

enum TensorIndex {
  kConv1Weights,
  kConv1Bias,
  kConv2Weights,
  kConv2Bias,
  kDense1Weights,
  kDense1Bias,
  kDense2Weights,
  kDense2Bias,
  kTensorCount
};

struct TensorInfo {
  std::string_view name;
  std::string_view dimensions;  // as in the file
  std::size_t size;
  std::size_t fan_in;  // inputs that one output sums; 0 for a bias
};

inline constexpr std::array<TensorInfo, kTensorCount> kTensors = {{
    {"conv1.weights", "8 1 3 3", kConv1Channels * kTaps, kTaps},
    {"conv1.bias", "8", kConv1Channels, 0},
    {"conv2.weights", "16 8 3 3", kConv2Channels * kConv1Channels * kTaps, kConv1Channels * kTaps},
    {"conv2.bias", "16", kConv2Channels, 0},
    {"dense1.weights", "256 32", kConv2Values * kDense1Values, kConv2Values},
    {"dense1.bias", "32", kDense1Values, 0},
    {"dense2.weights", "32 10", kDense1Values * kClasses, kDense1Values},
    {"dense2.bias", "10", kClasses, 0},
}};

// Indexed by TensorIndex; each of its tensor's size.
using Weights = std::array<std::vector<float>, kTensorCount>;

Weights ZeroWeights();

// Exits with kExitUsage if the file cannot be read or does not hold this network.
Weights ReadWeights(const std::string& path);

// `comment` goes on top, one '#' line for each of its lines. Exits with kExitUsage if it cannot write.
void WriteWeights(const Weights& weights, const std::string& comment, const std::string& path);

}  // namespace examples::digits

#endif  // EXAMPLES_DIGITS_WEIGHTS_H_
