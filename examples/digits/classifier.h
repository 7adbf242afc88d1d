// The network on the GPU: one request is a batch of images in, five kernels, and the batch's logits out.
//
// Used from one thread, one request at a time. Owns the stream, the weights on the device and the buffers.
#ifndef EXAMPLES_DIGITS_CLASSIFIER_H_
#define EXAMPLES_DIGITS_CLASSIFIER_H_

#include <cuda.h>

#include <vector>

#include "examples/common/gpu.h"
#include "examples/digits/dataset.h"
#include "examples/digits/weights.h"

namespace examples::digits {

class Classifier {
 public:
  Classifier(const Gpu& gpu, const Weights& weights, unsigned max_batch);
  ~Classifier();
  Classifier(const Classifier&) = delete;
  Classifier& operator=(const Classifier&) = delete;

  // Waits for the answer: kClasses logits for each of the `count` images (at most max_batch), valid until the next call.
  const float* Classify(const Image* images, unsigned count);

  // The last request's time on the GPU from the first copy's start to the last copy's end, by CUDA events.
  double gpu_us() const;

 private:
  void LaunchLayers(unsigned count);

  CUfunction conv1_, max_pool_, conv2_, dense1_, dense2_;
  std::vector<DeviceBuffer> weights_;  // by TensorIndex
  DeviceBuffer images_, conv1_output_, pooled_, conv2_output_, dense1_output_, logits_;
  PinnedArray<float> host_images_, host_logits_;
  CUstream stream_ = nullptr;
  CUevent start_ = nullptr;
  CUevent stop_ = nullptr;
};

}  // namespace examples::digits

#endif  // EXAMPLES_DIGITS_CLASSIFIER_H_
