// The network on the CPU, in plain loops: what the kernels are compared with, bit for bit, and what is trained.
#ifndef EXAMPLES_DIGITS_REFERENCE_H_
#define EXAMPLES_DIGITS_REFERENCE_H_

#include <array>
#include <vector>

#include "examples/digits/dataset.h"
#include "examples/digits/network.h"
#include "examples/digits/weights.h"

namespace examples::digits {

// Every layer's output for one image; training needs them all.
struct Activations {
  std::array<float, kConv1Values> conv1;
  std::array<float, kPooledValues> pooled;
  std::array<float, kConv2Values> conv2;
  std::array<float, kDense1Values> dense1;
  std::array<float, kClasses> logits;
};

void Forward(const Weights& weights, const Image& image, Activations& activations);

// kClasses logits for each image, in order.
std::vector<float> ForwardAll(const Weights& weights, const std::vector<Image>& images);

}  // namespace examples::digits

#endif  // EXAMPLES_DIGITS_REFERENCE_H_
