#include "examples/digits/classifier.h"

#include <cstring>

#include "examples/common/check.h"

namespace examples::digits {
namespace {

constexpr int kConvThreads = 128;  // Each computes four values of the first layer, two of the second.

std::vector<DeviceBuffer> Upload(const Weights& weights) {
  std::vector<DeviceBuffer> buffers;
  for (const std::vector<float>& tensor : weights) {
    const std::size_t bytes = tensor.size() * sizeof(float);
    buffers.emplace_back(bytes);
    Check(cuMemcpyHtoD(buffers.back().address(), tensor.data(), bytes), "cuMemcpyHtoD");
  }
  return buffers;
}

std::size_t Bytes(unsigned batch, int values) { return std::size_t{batch} * static_cast<std::size_t>(values) * sizeof(float); }

std::size_t Count(unsigned batch, int values) { return std::size_t{batch} * static_cast<std::size_t>(values); }

}  // namespace

Classifier::Classifier(const Gpu& gpu, const Weights& weights, unsigned max_batch)
    : conv1_(gpu.Function("Conv1Relu")), max_pool_(gpu.Function("MaxPool")), conv2_(gpu.Function("Conv2Relu")),
      dense1_(gpu.Function("Dense1Relu")), dense2_(gpu.Function("Dense2")), weights_(Upload(weights)),
      images_(Bytes(max_batch, kImagePixels)), conv1_output_(Bytes(max_batch, kConv1Values)),
      pooled_(Bytes(max_batch, kPooledValues)), conv2_output_(Bytes(max_batch, kConv2Values)),
      dense1_output_(Bytes(max_batch, kDense1Values)), logits_(Bytes(max_batch, kClasses)),
      host_images_(Count(max_batch, kImagePixels)), host_logits_(Count(max_batch, kClasses)) {
  // Non-blocking: requests have nothing to do with the default stream.
  Check(cuStreamCreate(&stream_, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
  Check(cuEventCreate(&start_, CU_EVENT_DEFAULT), "cuEventCreate");
  Check(cuEventCreate(&stop_, CU_EVENT_DEFAULT), "cuEventCreate");
}

Classifier::~Classifier() {
  cuEventDestroy(start_);
  cuEventDestroy(stop_);
  cuStreamDestroy(stream_);
}

const float* Classifier::Classify(const Image* images, unsigned count) {
  std::memcpy(host_images_.data(), images, Bytes(count, kImagePixels));
  Check(cuEventRecord(start_, stream_), "cuEventRecord");
  Check(cuMemcpyHtoDAsync(images_.address(), host_images_.data(), Bytes(count, kImagePixels), stream_),
        "cuMemcpyHtoDAsync");
  LaunchLayers(count);
  Check(cuMemcpyDtoHAsync(host_logits_.data(), logits_.address(), Bytes(count, kClasses), stream_), "cuMemcpyDtoHAsync");
  Check(cuEventRecord(stop_, stream_), "cuEventRecord");
  Check(cuStreamSynchronize(stream_), "cuStreamSynchronize");
  return host_logits_.data();
}

double Classifier::gpu_us() const {
  float milliseconds = 0;
  Check(cuEventElapsedTime(&milliseconds, start_, stop_), "cuEventElapsedTime");
  return milliseconds * 1e3;
}

void Classifier::LaunchLayers(unsigned count) {
  const auto grid = [&](int threads) { return Grid{count, static_cast<unsigned>(threads)}; };
  const auto weights = [&](TensorIndex index) { return weights_[index].address(); };
  Launch(conv1_, grid(kConvThreads), stream_, images_.address(), weights(kConv1Weights), weights(kConv1Bias), conv1_output_.address());
  Launch(max_pool_, grid(kPooledValues), stream_, conv1_output_.address(), pooled_.address());
  Launch(conv2_, grid(kConvThreads), stream_, pooled_.address(), weights(kConv2Weights), weights(kConv2Bias), conv2_output_.address());
  Launch(dense1_, grid(kDense1Values), stream_, conv2_output_.address(), weights(kDense1Weights), weights(kDense1Bias), dense1_output_.address());
  Launch(dense2_, grid(kClasses), stream_, dense1_output_.address(), weights(kDense2Weights), weights(kDense2Bias), logits_.address());
}

}  // namespace examples::digits
