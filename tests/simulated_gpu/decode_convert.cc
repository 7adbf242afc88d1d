// cvt: between all integer and floating point types.
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "tests/simulated_gpu/half.h"
#include "tests/simulated_gpu/handlers.h"

namespace paella::simulated_gpu {
namespace {

// Registers of 8-bit values have 16 bits; the value is in the lower 8.
template <typename T>
struct Narrow {
  std::uint16_t bits;
};
struct Half {
  std::uint16_t bits;
};
struct Bfloat {
  std::uint16_t bits;
};

struct How {
  Rounding rounding;
  bool to_integral;  // rni, rzi, rmi, rpi
  bool saturate;
  bool flush;
};

How HowOf(std::uint64_t immediate) {
  return {static_cast<Rounding>(immediate & 7), (immediate & 8) != 0, (immediate & 16) != 0, (immediate & 32) != 0};
}
std::uint64_t ImmediateOf(const How& how) {
  return static_cast<std::uint64_t>(how.rounding) | (how.to_integral ? 8 : 0) | (how.saturate ? 16 : 0) | (how.flush ? 32 : 0);
}

double RoundToIntegral(double x, Rounding rounding) {
  switch (rounding) {
    case Rounding::kNearestEven: return std::nearbyint(x);
    case Rounding::kZero: return std::trunc(x);
    case Rounding::kDown: return std::floor(x);
    case Rounding::kUp: return std::ceil(x);
    case Rounding::kNearestAway: return std::round(x);
  }
  return x;
}

template <typename T>
T ReadValue(T stored) { return stored; }
template <typename T>
T ReadValue(Narrow<T> stored) { return static_cast<T>(stored.bits); }
inline float ReadValue(Half stored) { return HalfToFloat(stored.bits); }
inline float ReadValue(Bfloat stored) { return BfloatToFloat(stored.bits); }

template <typename T>
struct ValueOf { using type = T; };
template <typename T>
struct ValueOf<Narrow<T>> { using type = T; };

// Out of range goes to the nearest end, and not-a-number to 0: C++ leaves both undefined.
template <typename T>
T FloatToInteger(double x, Rounding rounding) {
  x = RoundToIntegral(x, rounding);
  if (std::isnan(x)) return 0;
  // 2^n exactly, where the largest integer itself has no double.
  const double beyond = std::ldexp(1.0, std::numeric_limits<T>::digits);
  if (x >= beyond) return std::numeric_limits<T>::max();
  if (x < static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  return static_cast<T>(x);
}

template <typename T, typename From>
T IntegerToInteger(From x, bool saturate) {
  if (!saturate) return static_cast<T>(x);
  const auto wide = static_cast<__int128>(x);
  const __int128 low = std::numeric_limits<T>::min(), high = std::numeric_limits<T>::max();
  return static_cast<T>(std::clamp(wide, low, high));
}

// A neighbour of the nearest value, where that lies on the wrong side.
template <typename To, typename From>
To RoundedToFloat(From x, Rounding rounding) {
  const To nearest = static_cast<To>(x);
  if (rounding == Rounding::kNearestEven || static_cast<long double>(nearest) == static_cast<long double>(x)) return nearest;
  const bool above = static_cast<long double>(nearest) > static_cast<long double>(x);
  const bool want_below = rounding == Rounding::kDown || (rounding == Rounding::kZero && x > From{0});
  if (above && want_below) return std::nextafter(nearest, -std::numeric_limits<To>::infinity());
  if (!above && !want_below) return std::nextafter(nearest, std::numeric_limits<To>::infinity());
  return nearest;
}

template <typename To, typename From>
To ToFloat(From x, const How& how) {
  To value;
  if constexpr (std::is_floating_point_v<From> && sizeof(From) <= sizeof(To)) {
    value = how.to_integral ? static_cast<To>(RoundToIntegral(static_cast<double>(x), how.rounding)) : static_cast<To>(x);
  } else {
    value = RoundedToFloat<To>(x, how.rounding);
  }
  if (how.flush && std::fpclassify(value) == FP_SUBNORMAL) value = std::copysign(To{0}, value);
  if (how.saturate) value = value > 0 ? std::fmin(value, To{1}) : To{0};
  return value;
}

template <typename To, typename From>
To ConvertTo(From x, const How& how) {
  if constexpr (std::is_same_v<To, Half>) {
    return {DoubleToHalf(ToFloat<double>(x, {Rounding::kNearestEven, false, how.saturate, false}), how.rounding)};
  } else if constexpr (std::is_same_v<To, Bfloat>) {
    return {DoubleToBfloat(ToFloat<double>(x, {Rounding::kNearestEven, false, how.saturate, false}), how.rounding)};
  } else if constexpr (std::is_floating_point_v<To>) {
    return ToFloat<To>(x, how);
  } else {
    using Value = typename ValueOf<To>::type;
    Value value;
    if constexpr (std::is_floating_point_v<From>) {
      value = FloatToInteger<Value>(static_cast<double>(x), how.rounding);
    } else {
      value = IntegerToInteger<Value>(x, how.saturate);
    }
    // Narrow values are extended to their 16-bit register.
    if constexpr (std::is_same_v<To, Value>) return value;
    else return {static_cast<std::uint16_t>(value)};
  }
}

template <typename To, typename From>
void ConvertHandler(Warp& warp, const Instruction& in) {
  const How how = HowOf(in.immediate);
  To* const d = warp.At<To>(in.r[0]);
  const From* const a = warp.At<From>(in.r[1]);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = ConvertTo<To>(ReadValue(a[lane]), how); });
}

template <typename To>
Handler From(Type from) {
  switch (from) {
    case Type::kU8: case Type::kB8: return ConvertHandler<To, Narrow<std::uint8_t>>;
    case Type::kS8: return ConvertHandler<To, Narrow<std::int8_t>>;
    case Type::kU16: return ConvertHandler<To, std::uint16_t>;
    case Type::kS16: return ConvertHandler<To, std::int16_t>;
    case Type::kU32: return ConvertHandler<To, std::uint32_t>;
    case Type::kS32: return ConvertHandler<To, std::int32_t>;
    case Type::kU64: return ConvertHandler<To, std::uint64_t>;
    case Type::kS64: return ConvertHandler<To, std::int64_t>;
    case Type::kF16: return ConvertHandler<To, Half>;
    case Type::kBf16: return ConvertHandler<To, Bfloat>;
    case Type::kF32: return ConvertHandler<To, float>;
    case Type::kF64: return ConvertHandler<To, double>;
    default: return nullptr;
  }
}

Handler FromTo(Type from, Type to) {
  switch (to) {
    case Type::kU8: case Type::kB8: return From<Narrow<std::uint8_t>>(from);
    case Type::kS8: return From<Narrow<std::int8_t>>(from);
    case Type::kU16: return From<std::uint16_t>(from);
    case Type::kS16: return From<std::int16_t>(from);
    case Type::kU32: return From<std::uint32_t>(from);
    case Type::kS32: return From<std::int32_t>(from);
    case Type::kU64: return From<std::uint64_t>(from);
    case Type::kS64: return From<std::int64_t>(from);
    case Type::kF16: return From<Half>(from);
    case Type::kBf16: return From<Bfloat>(from);
    case Type::kF32: return From<float>(from);
    case Type::kF64: return From<double>(from);
    default: return nullptr;
  }
}

// cvt.rn.f16x2.f32 d, a, b: a goes into the upper half.
template <bool kHalf>
void ConvertPair(Warp& warp, const Instruction& in) {
  const How how = HowOf(in.immediate);
  const float* const upper = warp.At<float>(in.r[1]);
  const float* const lower = warp.At<float>(in.r[2]);
  const auto convert = [&](float x) -> std::uint32_t {
    return kHalf ? FloatToHalf(x, how.rounding) : FloatToBfloat(x, how.rounding);
  };
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    warp.At<std::uint32_t>(in.r[0])[lane] = convert(upper[lane]) << 16 | convert(lower[lane]);
  });
}

How TakeHow(Modifiers& modifiers) {
  How how{};
  how.flush = modifiers.Take("ftz");
  how.saturate = modifiers.Take("sat");
  std::string_view rounding = modifiers.TakeAny({"rn", "rz", "rm", "rp", "rna", "rni", "rzi", "rmi", "rpi"});
  how.to_integral = rounding.ends_with('i');
  how.rounding = rounding.starts_with("rz")    ? Rounding::kZero
                 : rounding.starts_with("rm")  ? Rounding::kDown
                 : rounding.starts_with("rp")  ? Rounding::kUp
                 : rounding == "rna"           ? Rounding::kNearestAway
                                               : Rounding::kNearestEven;
  return how;
}

}  // namespace

bool DecodeConvert(Emitter& emitter, Modifiers& modifiers) {
  if (modifiers.base() != "cvt") return false;
  const How how = TakeHow(modifiers);
  const Type to = modifiers.TakeType();
  const Type from = modifiers.TakeType();
  if (to == Type::kF16x2 || to == Type::kBf16x2) {
    if (from != Type::kF32) emitter.Fail("not supported for this type");
    EmitPlain(emitter, to == Type::kF16x2 ? ConvertPair<true> : ConvertPair<false>, Type::kB32, {from, from})
        .immediate = ImmediateOf(how);
  } else {
    EmitPlain(emitter, FromTo(from, to), to, {from}).immediate = ImmediateOf(how);
  }
  return true;
}

}  // namespace paella::simulated_gpu
