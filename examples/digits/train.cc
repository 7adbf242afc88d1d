// Trains the network on the training images and writes its weights. Needs no GPU; the same seed gives the same file.
//
// Adam (Kingma & Ba 2015) on the cross entropy of a softmax, with a cosine-decayed learning rate, decoupled weight decay
// (Loshchilov & Hutter 2019) and images moved by a random part of a pixel. Test images are read once, at the end, to print
// the accuracy; --validate holds a third of the training images out instead, for choosing the settings.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <numeric>
#include <random>
#include <string>

#include "examples/common/command_line.h"
#include "examples/common/fail.h"
#include "examples/digits/dataset.h"
#include "examples/digits/reference.h"
#include "examples/digits/weights.h"

namespace examples::digits {
namespace {

struct Options {
  std::string data;
  std::string out = "digits_weights.txt";
  unsigned seed = 1;
  unsigned epochs = 60;
  unsigned batch = 32;
  float learning_rate = 2e-3f;
  float weight_decay = 1e-2f;
  float shift = 0.7f;
  bool validate = false;
};

Options ParseOptions(int argc, char** argv) {
  Options options;
  CLI::App app{"Trains the digits network and writes its weights."};
  app.add_option("--data", options.data, "The images (default: digits.csv beside the executable)");
  app.add_option("--out", options.out, "Where to write the weights")->capture_default_str();
  app.add_option("--seed", options.seed, "Of all randomness")->capture_default_str();
  app.add_option("--epochs", options.epochs, "Passes over the training images")
      ->capture_default_str()
      ->check(CLI::Range(1u, 100'000u));
  app.add_option("--batch", options.batch, "Images of a step")->capture_default_str()->check(CLI::Range(1u, 100'000u));
  app.add_option("--learning-rate", options.learning_rate, "Adam's, at the start")->capture_default_str();
  app.add_option("--weight-decay", options.weight_decay, "Relative to the learning rate")->capture_default_str();
  app.add_option("--shift", options.shift, "Furthest move of an image in pixels")
      ->capture_default_str()
      ->check(CLI::Range(0.0f, 1.0f));
  app.add_flag("--validate", options.validate, "Hold out and score every third training image; write nothing");
  ParseOrExit(app, argc, argv);
  if (options.data.empty()) options.data = BesideExecutable("digits.csv");
  return options;
}

// The standard fixes what std::mt19937 gives but not what the distributions make of it, so these are made here.
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  // In [-1, 1).
  float Symmetric() { return static_cast<float>(engine_() >> 8) * 0x1p-23f - 1; }

  template <typename T>
  void Shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[engine_() % i]);
  }

 private:
  std::mt19937 engine_;
};

// He's initialisation, uniform.
Weights InitialWeights(Random& random) {
  Weights weights = ZeroWeights();
  for (std::size_t i = 0; i < kTensorCount; ++i) {
    if (kTensors[i].fan_in == 0) continue;
    const float limit = std::sqrt(6.0f / static_cast<float>(kTensors[i].fan_in));
    for (float& value : weights[i]) value = limit * random.Symmetric();
  }
  return weights;
}

// The image moved by (dy, dx), each of at most one pixel, by bilinear interpolation; paper comes in at the border.
Image Moved(const Image& image, float dy, float dx) {
  const auto pixel = [&](int y, int x) {
    return y >= 0 && y < kImageSize && x >= 0 && x < kImageSize ? image[static_cast<std::size_t>(y * kImageSize + x)] : 0;
  };
  const int whole_y = static_cast<int>(std::floor(dy)), whole_x = static_cast<int>(std::floor(dx));
  const float part_y = dy - static_cast<float>(whole_y), part_x = dx - static_cast<float>(whole_x);
  Image moved;
  for (int i = 0; i < kImagePixels; ++i) {
    const int y = i / kImageSize + whole_y, x = i % kImageSize + whole_x;
    const float upper = pixel(y, x) * (1 - part_x) + pixel(y, x + 1) * part_x;
    const float lower = pixel(y + 1, x) * (1 - part_x) + pixel(y + 1, x + 1) * part_x;
    moved[static_cast<std::size_t>(i)] = upper * (1 - part_y) + lower * part_y;
  }
  return moved;
}

// Turns logits into the loss's gradient by them: softmax minus the one-hot label.
std::array<float, kClasses> LogitsGradient(const std::array<float, kClasses>& logits, int label) {
  const float greatest = *std::ranges::max_element(logits);
  std::array<float, kClasses> gradient;
  std::ranges::transform(logits, gradient.begin(), [&](float logit) { return std::exp(logit - greatest); });
  const float sum = std::accumulate(gradient.begin(), gradient.end(), 0.0f);
  for (float& value : gradient) value /= sum;
  gradient[static_cast<std::size_t>(label)] -= 1;
  return gradient;
}

// Adds to the layer's gradients, and returns the gradient by its input.
template <std::size_t kIn, std::size_t kOut>
std::array<float, kIn> DenseBackward(const std::array<float, kIn>& input, const std::array<float, kOut>& by_output,
                                     const std::vector<float>& weights, std::vector<float>& by_weights,
                                     std::vector<float>& by_bias) {
  std::array<float, kIn> by_input;
  for (std::size_t out = 0; out < kOut; ++out) by_bias[out] += by_output[out];
  for (std::size_t in = 0; in < kIn; ++in) {
    float sum = 0;
    for (std::size_t out = 0; out < kOut; ++out) {
      by_weights[in * kOut + out] += input[in] * by_output[out];
      sum += weights[in * kOut + out] * by_output[out];
    }
    by_input[in] = sum;
  }
  return by_input;
}

// A ReLU passes the gradient where it passed its input.
template <std::size_t kSize>
void ReluBackward(const std::array<float, kSize>& output, std::array<float, kSize>& gradient) {
  for (std::size_t i = 0; i < kSize; ++i) {
    if (output[i] <= 0) gradient[i] = 0;
  }
}

struct ConvGradients {
  const float* weights;
  float* by_weights;
  float* by_bias;
  float* by_input;  // null if nobody needs it
};

void ConvBackward(int in_channels, int out_channels, int size, const float* input, const float* by_output,
                  ConvGradients gradients) {
  for (int i = 0; i < out_channels * size * size; ++i) {
    const int out = i / (size * size), y = i / size % size, x = i % size;
    if (by_output[i] == 0) continue;  // Half of them, behind a ReLU.
    gradients.by_bias[out] += by_output[i];
    for (int in = 0; in < in_channels; ++in) {
      for (int tap = 0; tap < kTaps; ++tap) {
        const int from_y = y + tap / 3 - 1, from_x = x + tap % 3 - 1;
        if (from_y < 0 || from_y >= size || from_x < 0 || from_x >= size) continue;
        const int from = (in * size + from_y) * size + from_x;
        const int weight = (out * in_channels + in) * kTaps + tap;
        gradients.by_weights[weight] += by_output[i] * input[from];
        if (gradients.by_input != nullptr) gradients.by_input[from] += by_output[i] * gradients.weights[weight];
      }
    }
  }
}

// The gradient goes to the pixel that was the greatest, the first of them if several are.
std::array<float, kConv1Values> MaxPoolBackward(const Activations& a, const std::array<float, kPooledValues>& by_output) {
  std::array<float, kConv1Values> by_input{};
  for (std::size_t i = 0; i < kPooledValues; ++i) {
    const std::size_t channel = i / kPooledPixels, y = i / kPooledSize % kPooledSize, x = i % kPooledSize;
    const std::size_t corner = channel * kImagePixels + 2 * y * kImageSize + 2 * x;
    for (const std::size_t from : {corner, corner + 1, corner + kImageSize, corner + kImageSize + 1}) {
      if (a.conv1[from] != a.pooled[i]) continue;
      by_input[from] = by_output[i];
      break;
    }
  }
  return by_input;
}

// Adds one image's gradients.
void Backward(const Weights& weights, const Image& image, int label, const Activations& a, Weights& gradients) {
  const auto by_logits = LogitsGradient(a.logits, label);
  auto by_dense1 = DenseBackward(a.dense1, by_logits, weights[kDense2Weights], gradients[kDense2Weights],
                                 gradients[kDense2Bias]);
  ReluBackward(a.dense1, by_dense1);
  auto by_conv2 = DenseBackward(a.conv2, by_dense1, weights[kDense1Weights], gradients[kDense1Weights],
                                gradients[kDense1Bias]);
  ReluBackward(a.conv2, by_conv2);
  std::array<float, kPooledValues> by_pooled{};
  ConvBackward(kConv1Channels, kConv2Channels, kPooledSize, a.pooled.data(), by_conv2.data(),
               {weights[kConv2Weights].data(), gradients[kConv2Weights].data(), gradients[kConv2Bias].data(),
                by_pooled.data()});
  auto by_conv1 = MaxPoolBackward(a, by_pooled);
  ReluBackward(a.conv1, by_conv1);
  ConvBackward(1, kConv1Channels, kImageSize, image.data(), by_conv1.data(),
               {weights[kConv1Weights].data(), gradients[kConv1Weights].data(), gradients[kConv1Bias].data(), nullptr});
}

class Adam {
 public:
  explicit Adam(float weight_decay) : weight_decay_(weight_decay) {}

  // `gradients` are sums over `images` images, and are zero afterwards.
  void Step(Weights& weights, Weights& gradients, std::size_t images, float learning_rate) {
    mean_share_ *= kMeanDecay;
    square_share_ *= kSquareDecay;
    for (std::size_t t = 0; t < kTensorCount; ++t) {
      const float decay = kTensors[t].fan_in == 0 ? 0 : weight_decay_;
      for (std::size_t i = 0; i < weights[t].size(); ++i) {
        const float gradient = gradients[t][i] / static_cast<float>(images);
        gradients[t][i] = 0;
        mean_[t][i] = kMeanDecay * mean_[t][i] + (1 - kMeanDecay) * gradient;
        square_[t][i] = kSquareDecay * square_[t][i] + (1 - kSquareDecay) * gradient * gradient;
        const float mean = mean_[t][i] / (1 - mean_share_);
        const float square = square_[t][i] / (1 - square_share_);
        weights[t][i] -= learning_rate * (mean / (std::sqrt(square) + 1e-8f) + decay * weights[t][i]);
      }
    }
  }

 private:
  static constexpr float kMeanDecay = 0.9f;
  static constexpr float kSquareDecay = 0.999f;
  float weight_decay_;
  float mean_share_ = 1;  // of the start at zero that is left in mean_
  float square_share_ = 1;
  Weights mean_ = ZeroWeights();
  Weights square_ = ZeroWeights();
};

class Trainer {
 public:
  Trainer(const Options& options, const Dataset& dataset)
      : options_(options), dataset_(dataset), random_(options.seed), weights_(InitialWeights(random_)),
        adam_(options.weight_decay), order_(dataset.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  Weights Train() {
    for (unsigned epoch = 0; epoch < options_.epochs; ++epoch) Epoch(epoch);
    return weights_;
  }

 private:
  void Epoch(unsigned epoch) {
    random_.Shuffle(order_);
    for (std::size_t first = 0; first < order_.size(); first += options_.batch) {
      const std::size_t end = std::min(first + options_.batch, order_.size());
      const double progress = (epoch + static_cast<double>(first) / static_cast<double>(order_.size())) / options_.epochs;
      for (std::size_t i = first; i < end; ++i) AddGradients(order_[i]);
      const double cosine = 0.5 * (1 + std::cos(std::numbers::pi * progress));
      adam_.Step(weights_, gradients_, end - first, options_.learning_rate * static_cast<float>(cosine));
    }
  }

  void AddGradients(std::size_t index) {
    const float dy = options_.shift * random_.Symmetric();
    const float dx = options_.shift * random_.Symmetric();
    const Image image = Moved(dataset_.images[index], dy, dx);
    Forward(weights_, image, activations_);
    Backward(weights_, image, dataset_.labels[index], activations_, gradients_);
  }

  const Options& options_;
  const Dataset& dataset_;
  Random random_;
  Weights weights_;
  Adam adam_;
  std::vector<std::size_t> order_;
  Weights gradients_ = ZeroWeights();
  Activations activations_;
};

void PrintAccuracy(const char* what, const Weights& weights, const Dataset& dataset) {
  const double accuracy = Accuracy(ForwardAll(weights, dataset.images), dataset.labels);
  std::printf("%s: images=%zu accuracy=%.4f\n", what, dataset.size(), accuracy);
}

std::string Comment(const Options& options, std::size_t images) {
  return "Weights of the digits network (network.h), fp32. Made by digits_train --seed " + std::to_string(options.seed) +
         " from " + std::to_string(images) + " training images;\nweights.h describes this file's form.\n";
}

int Main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  if (options.validate) {
    const Dataset training = ReadDataset(options.data, {0, 1});
    PrintAccuracy("validation", Trainer(options, training).Train(), ReadDataset(options.data, {2}));
    return kExitOk;
  }
  const Dataset training = ReadDataset(options.data, {0, 1, 2});
  WriteWeights(Trainer(options, training).Train(), Comment(options, training.size()), options.out);
  const Weights weights = ReadWeights(options.out);  // As others will see them: rounded to the file's digits.
  PrintAccuracy("training", weights, training);
  PrintAccuracy("test", weights, ReadDataset(options.data, {kTestRemainder}));
  return kExitOk;
}

}  // namespace
}  // namespace examples::digits

int main(int argc, char** argv) { return examples::digits::Main(argc, argv); }
