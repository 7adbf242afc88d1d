// The network's shape, shared by its kernels, its reference on the CPU and its trainer.
//
//   image 1x8x8 -> conv 3x3, 8 channels, ReLU -> max-pool 2x2 -> conv 3x3, 16 channels, ReLU -> dense 32, ReLU -> dense 10
//
// Convolutions keep the size (a border of zeros) and all maps are [channel][y][x]. About 31,500 multiply-adds an image,
// small enough for a software GPU. All arithmetic is fp32 with one fused multiply-add for each term, in the order input
// channel, row, column, starting from the bias: kernels and reference give the same bits.
#ifndef EXAMPLES_DIGITS_NETWORK_H_
#define EXAMPLES_DIGITS_NETWORK_H_

namespace examples::digits {

constexpr int kTaps = 9;  // of a 3x3 filter

constexpr int kImageSize = 8;
constexpr int kImagePixels = kImageSize * kImageSize;
constexpr float kBrightestPixel = 16;

constexpr int kConv1Channels = 8;
constexpr int kConv1Values = kConv1Channels * kImagePixels;

constexpr int kPooledSize = kImageSize / 2;
constexpr int kPooledPixels = kPooledSize * kPooledSize;
constexpr int kPooledValues = kConv1Channels * kPooledPixels;

constexpr int kConv2Channels = 16;
constexpr int kConv2Values = kConv2Channels * kPooledPixels;

constexpr int kDense1Values = 32;
constexpr int kClasses = 10;

constexpr double kRequiredAccuracy = 0.97;  // on the test images

}  // namespace examples::digits

#endif  // EXAMPLES_DIGITS_NETWORK_H_
