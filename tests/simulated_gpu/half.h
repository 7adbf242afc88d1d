// 16-bit floating point: conversion to and from float with every rounding, for IEEE half and bfloat16.
//
// Pure functions. Arithmetic on 16-bit values is done in float (or double for fused multiply-add) and rounded once:
// a float holds more than twice the bits of either format, so that the second rounding never shows.
#ifndef PAELLA_TESTS_SIMULATED_GPU_HALF_H_
#define PAELLA_TESTS_SIMULATED_GPU_HALF_H_

#include <bit>
#include <cmath>
#include <cstdint>

namespace paella::simulated_gpu {

enum class Rounding : std::uint8_t { kNearestEven, kZero, kDown, kUp, kNearestAway };

// Rounds to a binary format of `mantissa` stored bits and `exponent` bits (11 bits at most in all but double's way).
template <int kMantissa, int kExponent>
std::uint16_t RoundToSmall(double value, Rounding rounding) {
  const auto bits = std::bit_cast<std::uint64_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 63) << (kMantissa + kExponent));
  constexpr std::uint16_t kInfinity = ((1u << kExponent) - 1) << kMantissa;
  if (std::isnan(value)) return 0x7fff;
  if (std::isinf(value)) return sign | kInfinity;
  constexpr int kBias = (1 << (kExponent - 1)) - 1;
  const double magnitude = std::fabs(value);
  if (magnitude == 0) return sign;
  int exponent = std::ilogb(magnitude);
  if (exponent < 1 - kBias) exponent = 1 - kBias;  // subnormal: fixed step
  const double scaled = std::scalbn(magnitude, kMantissa - exponent);  // exact; its integer part is the significand
  double whole = std::floor(scaled);
  const double rest = scaled - whole;
  bool up = false;
  switch (rounding) {
    case Rounding::kNearestEven: up = rest > 0.5 || (rest == 0.5 && std::fmod(whole, 2) != 0); break;
    case Rounding::kNearestAway: up = rest >= 0.5; break;
    case Rounding::kZero: break;
    case Rounding::kDown: up = sign != 0 && rest > 0; break;
    case Rounding::kUp: up = sign == 0 && rest > 0; break;
  }
  whole += up ? 1 : 0;
  // (exponent + bias) counts from 1 for normal numbers, whose leading bit adds the other one by carry.
  const auto encoded = static_cast<std::uint64_t>(exponent + kBias - 1) * (1u << kMantissa) + static_cast<std::uint64_t>(whole);
  if (encoded >= kInfinity) {
    const bool to_infinity = rounding == Rounding::kNearestEven || rounding == Rounding::kNearestAway ||
                             (rounding == Rounding::kUp && sign == 0) || (rounding == Rounding::kDown && sign != 0);
    return static_cast<std::uint16_t>(sign | (to_infinity ? kInfinity : kInfinity - 1));
  }
  return static_cast<std::uint16_t>(sign | encoded);
}

inline std::uint16_t DoubleToHalf(double value, Rounding rounding = Rounding::kNearestEven) {
  return RoundToSmall<10, 5>(value, rounding);
}
inline std::uint16_t FloatToHalf(float value, Rounding rounding = Rounding::kNearestEven) {
  return DoubleToHalf(static_cast<double>(value), rounding);
}
inline std::uint16_t DoubleToBfloat(double value, Rounding rounding = Rounding::kNearestEven) {
  return RoundToSmall<7, 8>(value, rounding);
}
inline std::uint16_t FloatToBfloat(float value, Rounding rounding = Rounding::kNearestEven) {
  return DoubleToBfloat(static_cast<double>(value), rounding);
}

inline float HalfToFloat(std::uint16_t half) {
  const std::uint32_t exponent = (half >> 10) & 0x1f;
  const std::uint32_t mantissa = half & 0x3ff;
  const std::uint32_t sign = std::uint32_t{half & 0x8000u} << 16;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (mantissa << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (mantissa << 13));
  const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
  return sign != 0 ? -magnitude : magnitude;
}
inline float BfloatToFloat(std::uint16_t value) { return std::bit_cast<float>(std::uint32_t{value} << 16); }

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_HALF_H_
