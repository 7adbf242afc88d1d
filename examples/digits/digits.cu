// The layers of network.h. Block b of every kernel works on image b of the batch; no result depends on the batch's size or
// on the order in which threads run.
#include "examples/digits/network.h"

using namespace examples::digits;

namespace {

__device__ float Relu(float x) { return x > 0 ? x : 0; }

template <int kIn, int kOut, int kSize>
__device__ void ConvRelu(const float* input, const float* weights, const float* bias, float* output) {
  constexpr int kPixels = kSize * kSize;
  constexpr int kPadded = kSize + 2;
  __shared__ float padded[kIn][kPadded][kPadded];
  input += blockIdx.x * kIn * kPixels;
  output += blockIdx.x * kOut * kPixels;
  for (int i = threadIdx.x; i < kIn * kPadded * kPadded; i += blockDim.x) {
    const int channel = i / (kPadded * kPadded);
    const int y = i / kPadded % kPadded - 1;
    const int x = i % kPadded - 1;
    const bool inside = y >= 0 && y < kSize && x >= 0 && x < kSize;
    padded[channel][y + 1][x + 1] = inside ? input[channel * kPixels + y * kSize + x] : 0;
  }
  __syncthreads();
  for (int i = threadIdx.x; i < kOut * kPixels; i += blockDim.x) {
    const int channel = i / kPixels;
    const int y = i / kSize % kSize;
    const int x = i % kSize;
    const float* filter = weights + channel * kIn * kTaps;
    float sum = bias[channel];
    for (int in = 0; in < kIn; ++in) {
      for (int tap = 0; tap < kTaps; ++tap) {
        sum = fmaf(filter[in * kTaps + tap], padded[in][y + tap / 3][x + tap % 3], sum);
      }
    }
    output[i] = Relu(sum);
  }
}

// One thread per output; weights are [input][output], so that neighbouring threads read neighbouring words.
template <int kIn, int kOut>
__device__ float Dense(const float* input, const float* weights, const float* bias) {
  __shared__ float shared_input[kIn];
  for (int i = threadIdx.x; i < kIn; i += blockDim.x) shared_input[i] = input[blockIdx.x * kIn + i];
  __syncthreads();
  float sum = bias[threadIdx.x];
  for (int i = 0; i < kIn; ++i) sum = fmaf(weights[i * kOut + threadIdx.x], shared_input[i], sum);
  return sum;
}

}  // namespace

extern "C" __global__ void Conv1Relu(const float* images, const float* weights, const float* bias, float* output) {
  ConvRelu<1, kConv1Channels, kImageSize>(images, weights, bias, output);
}

extern "C" __global__ void Conv2Relu(const float* input, const float* weights, const float* bias, float* output) {
  ConvRelu<kConv1Channels, kConv2Channels, kPooledSize>(input, weights, bias, output);
}

// Launched with kPooledValues threads.
extern "C" __global__ void MaxPool(const float* input, float* output) {
  const int channel = threadIdx.x / kPooledPixels;
  const int y = threadIdx.x / kPooledSize % kPooledSize;
  const int x = threadIdx.x % kPooledSize;
  const float* corner = input + blockIdx.x * kConv1Values + channel * kImagePixels + 2 * y * kImageSize + 2 * x;
  const float upper = fmaxf(corner[0], corner[1]);
  const float lower = fmaxf(corner[kImageSize], corner[kImageSize + 1]);
  output[blockIdx.x * kPooledValues + threadIdx.x] = fmaxf(upper, lower);
}

// Launched with kDense1Values threads.
extern "C" __global__ void Dense1Relu(const float* input, const float* weights, const float* bias, float* output) {
  output[blockIdx.x * kDense1Values + threadIdx.x] = Relu(Dense<kConv2Values, kDense1Values>(input, weights, bias));
}

// Launched with kClasses threads.
extern "C" __global__ void Dense2(const float* input, const float* weights, const float* bias, float* logits) {
  logits[blockIdx.x * kClasses + threadIdx.x] = Dense<kDense1Values, kClasses>(input, weights, bias);
}
