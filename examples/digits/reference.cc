#include "examples/digits/reference.h"

#include <algorithm>
#include <cmath>

namespace examples::digits {
namespace {

float Relu(float x) { return x > 0 ? x : 0; }

struct Shape {
  int in_channels;
  int out_channels;
  int size;
};

float PaddedPixel(const float* map, int size, int y, int x) {
  return y >= 0 && y < size && x >= 0 && x < size ? map[y * size + x] : 0;
}

float ConvolveAt(Shape shape, const float* input, const float* filter, float bias, int y, int x) {
  float sum = bias;
  for (int in = 0; in < shape.in_channels; ++in) {
    for (int tap = 0; tap < kTaps; ++tap) {
      const float pixel = PaddedPixel(input + in * shape.size * shape.size, shape.size, y + tap / 3 - 1, x + tap % 3 - 1);
      sum = std::fma(filter[in * kTaps + tap], pixel, sum);
    }
  }
  return sum;
}

void ConvRelu(Shape shape, const float* input, const float* weights, const float* bias, float* output) {
  for (int out = 0; out < shape.out_channels; ++out) {
    const float* filter = weights + out * shape.in_channels * kTaps;
    for (int y = 0; y < shape.size; ++y) {
      for (int x = 0; x < shape.size; ++x) *output++ = Relu(ConvolveAt(shape, input, filter, bias[out], y, x));
    }
  }
}

void MaxPool(const float* input, float* output) {
  for (int i = 0; i < kPooledValues; ++i) {
    const int channel = i / kPooledPixels, y = i / kPooledSize % kPooledSize, x = i % kPooledSize;
    const float* corner = input + channel * kImagePixels + 2 * y * kImageSize + 2 * x;
    output[i] = std::max({corner[0], corner[1], corner[kImageSize], corner[kImageSize + 1]});
  }
}

template <std::size_t kIn, std::size_t kOut>
void Dense(const std::array<float, kIn>& input, const float* weights, const float* bias, std::array<float, kOut>& output) {
  for (std::size_t out = 0; out < kOut; ++out) {
    output[out] = bias[out];
    for (std::size_t in = 0; in < kIn; ++in) output[out] = std::fma(weights[in * kOut + out], input[in], output[out]);
  }
}

}  // namespace

void Forward(const Weights& weights, const Image& image, Activations& activations) {
  ConvRelu({1, kConv1Channels, kImageSize}, image.data(), weights[kConv1Weights].data(), weights[kConv1Bias].data(),
           activations.conv1.data());
  MaxPool(activations.conv1.data(), activations.pooled.data());
  ConvRelu({kConv1Channels, kConv2Channels, kPooledSize}, activations.pooled.data(), weights[kConv2Weights].data(),
           weights[kConv2Bias].data(), activations.conv2.data());
  Dense(activations.conv2, weights[kDense1Weights].data(), weights[kDense1Bias].data(), activations.dense1);
  for (float& value : activations.dense1) value = Relu(value);
  Dense(activations.dense1, weights[kDense2Weights].data(), weights[kDense2Bias].data(), activations.logits);
}

std::vector<float> ForwardAll(const Weights& weights, const std::vector<Image>& images) {
  std::vector<float> logits;
  Activations activations;
  for (const Image& image : images) {
    Forward(weights, image, activations);
    logits.insert(logits.end(), activations.logits.begin(), activations.logits.end());
  }
  return logits;
}

}  // namespace examples::digits
