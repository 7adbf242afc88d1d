// Arithmetic on 32- and 64-bit floating point numbers.
//
// The approximate instructions are computed exactly and rounded: nearer to the true value than the real part's.
#include <xmmintrin.h>

#include <cmath>

#include "tests/simulated_gpu/handlers.h"

namespace paella::simulated_gpu {
namespace {

// Bits of the processor's floating point control word (MXCSR), kept in an instruction's immediate.
constexpr std::uint64_t kFlushSubnormals = 0x8040;
constexpr std::uint64_t kRoundDown = 0x2000, kRoundUp = 0x4000, kRoundToZero = 0x6000;
constexpr std::uint64_t kSaturate = 1;  // not the processor's: bit 0 is a sticky flag there

template <Handler kInner>
void WithMode(Warp& warp, const Instruction& in) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | static_cast<unsigned>(in.immediate & ~kSaturate));
  Handler inner = kInner;
  asm("" : "+r"(inner));  // not inlined, or arithmetic might move out of the mode
  inner(warp, in);
  _mm_setcsr(before);
  if (in.immediate & kSaturate) {
    float* const d = warp.At<float>(in.r[0]);
    ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = d[lane] > 0 ? std::fmin(d[lane], 1.0f) : 0.0f; });
  }
}

template <Handler kFloat, Handler kDouble>
Handler Choose(Type type, std::uint64_t mode) {
  if (type == Type::kF32) return mode == 0 ? kFloat : WithMode<kFloat>;
  if (type == Type::kF64) return mode == 0 ? kDouble : WithMode<kDouble>;
  return nullptr;
}
template <typename Op>
Handler Float1(Type type, std::uint64_t mode) { return Choose<Unary<float, Op>, Unary<double, Op>>(type, mode); }
template <typename Op>
Handler Float2(Type type, std::uint64_t mode) { return Choose<Binary<float, Op>, Binary<double, Op>>(type, mode); }
template <typename Op>
Handler Float3(Type type, std::uint64_t mode) { return Choose<Ternary<float, Op>, Ternary<double, Op>>(type, mode); }

struct Add { template <typename T> T operator()(T a, T b) const { return a + b; } };
struct Sub { template <typename T> T operator()(T a, T b) const { return a - b; } };
struct Mul { template <typename T> T operator()(T a, T b) const { return a * b; } };
struct Div { template <typename T> [[gnu::no_sanitize("float-divide-by-zero")]] T operator()(T a, T b) const { return a / b; } };
struct Fma { template <typename T> T operator()(T a, T b, T c) const { return std::fma(a, b, c); } };
// A number wins over a NaN, and -0 is less than +0.
struct Min {
  template <typename T>
  T operator()(T a, T b) const { return a == 0 && b == 0 ? (std::signbit(a) ? a : b) : std::fmin(a, b); }
};
struct Max {
  template <typename T>
  T operator()(T a, T b) const { return a == 0 && b == 0 ? (std::signbit(a) ? b : a) : std::fmax(a, b); }
};
struct MinNan { template <typename T> T operator()(T a, T b) const { return std::isnan(a) ? a : std::isnan(b) ? b : Min{}(a, b); } };
struct MaxNan { template <typename T> T operator()(T a, T b) const { return std::isnan(a) ? a : std::isnan(b) ? b : Max{}(a, b); } };
struct Neg { template <typename T> T operator()(T a) const { return -a; } };
struct Abs { template <typename T> T operator()(T a) const { return std::fabs(a); } };
struct CopySign { template <typename T> T operator()(T a, T b) const { return std::copysign(b, a); } };
struct Rcp { template <typename T> [[gnu::no_sanitize("float-divide-by-zero")]] T operator()(T a) const { return T{1} / a; } };
struct Sqrt { template <typename T> T operator()(T a) const { return std::sqrt(a); } };
struct Rsqrt {
  template <typename T>
  [[gnu::no_sanitize("float-divide-by-zero")]] T operator()(T a) const { return static_cast<T>(1.0 / std::sqrt(static_cast<double>(a))); }
};
struct Sin { template <typename T> T operator()(T a) const { return std::sin(a); } };
struct Cos { template <typename T> T operator()(T a) const { return std::cos(a); } };
struct Lg2 { template <typename T> T operator()(T a) const { return std::log2(a); } };
struct Ex2 { template <typename T> T operator()(T a) const { return std::exp2(a); } };
struct Tanh { template <typename T> T operator()(T a) const { return std::tanh(a); } };

std::uint64_t TakeMode(Modifiers& modifiers) {
  std::uint64_t mode = modifiers.Take("ftz") ? kFlushSubnormals : 0;
  if (modifiers.Take("sat")) mode |= kSaturate;
  const std::string_view rounding = modifiers.TakeAny({"rn", "rz", "rm", "rp"});
  if (rounding == "rz") mode |= kRoundToZero;
  if (rounding == "rm") mode |= kRoundDown;
  if (rounding == "rp") mode |= kRoundUp;
  modifiers.TakeAny({"approx", "full"});
  return mode;
}

using Choice = Handler (*)(Type, std::uint64_t);
struct Row {
  std::string_view word;
  int sources;
  Choice choice;
};
constexpr Row kRows[] = {
    {"add", 2, Float2<Add>}, {"sub", 2, Float2<Sub>}, {"mul", 2, Float2<Mul>}, {"div", 2, Float2<Div>},
    {"fma", 3, Float3<Fma>}, {"mad", 3, Float3<Fma>}, {"neg", 1, Float1<Neg>}, {"abs", 1, Float1<Abs>},
    {"copysign", 2, Float2<CopySign>}, {"rcp", 1, Float1<Rcp>}, {"sqrt", 1, Float1<Sqrt>},
    {"rsqrt", 1, Float1<Rsqrt>}, {"sin", 1, Float1<Sin>}, {"cos", 1, Float1<Cos>}, {"lg2", 1, Float1<Lg2>},
    {"ex2", 1, Float1<Ex2>}, {"tanh", 1, Float1<Tanh>}, {"min", 2, Float2<Min>}, {"max", 2, Float2<Max>},
};

Choice ChoiceFor(const Row& row, Modifiers& modifiers) {
  if ((row.word == "min" || row.word == "max") && modifiers.Take("NaN")) {
    return row.word == "min" ? Float2<MinNan> : Float2<MaxNan>;
  }
  return row.choice;
}

}  // namespace

bool DecodeFloat(Emitter& emitter, Modifiers& modifiers) {
  Modifiers looking = modifiers;
  const Type type = looking.TakeType();
  if (type != Type::kF32 && type != Type::kF64) return false;
  for (const Row& row : kRows) {
    if (row.word != modifiers.base()) continue;
    modifiers.TakeType();
    const std::uint64_t mode = TakeMode(modifiers);
    if ((mode & kSaturate) != 0 && type != Type::kF32) emitter.Fail(".sat is not supported for this type");
    const Handler handler = ChoiceFor(row, modifiers)(type, mode);
    Instruction* in = nullptr;
    if (row.sources == 1) in = &EmitPlain(emitter, handler, type, {type});
    if (row.sources == 2) in = &EmitPlain(emitter, handler, type, {type, type});
    if (row.sources == 3) in = &EmitPlain(emitter, handler, type, {type, type, type});
    in->immediate = mode;
    return true;
  }
  return false;
}

}  // namespace paella::simulated_gpu
