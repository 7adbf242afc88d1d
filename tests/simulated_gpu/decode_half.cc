// Arithmetic on 16-bit floating point numbers, single and in pairs.
#include <cmath>

#include "tests/simulated_gpu/half.h"
#include "tests/simulated_gpu/handlers.h"

namespace paella::simulated_gpu {
namespace {

struct HalfFormat {
  static double Read(std::uint16_t bits) { return static_cast<double>(HalfToFloat(bits)); }
  static std::uint16_t Write(double x) { return DoubleToHalf(x); }
};
struct BfloatFormat {
  static double Read(std::uint16_t bits) { return static_cast<double>(BfloatToFloat(bits)); }
  static std::uint16_t Write(double x) { return DoubleToBfloat(x); }
};

struct Add { double operator()(double a, double b, double) const { return a + b; } };
struct Sub { double operator()(double a, double b, double) const { return a - b; } };
struct Mul { double operator()(double a, double b, double) const { return a * b; } };
struct Fma { double operator()(double a, double b, double c) const { return std::fma(a, b, c); } };
struct Min { double operator()(double a, double b, double) const { return std::fmin(a, b); } };
struct Max { double operator()(double a, double b, double) const { return std::fmax(a, b); } };
struct Neg { double operator()(double a, double, double) const { return -a; } };
struct Abs { double operator()(double a, double, double) const { return std::fabs(a); } };

// immediate: negative results become 0 (.relu). Word is 16 bits, or 32 for a pair.
template <typename Word, typename Format, typename Op>
void HalfHandler(Warp& warp, const Instruction& in) {
  const auto read = [&](Place place, std::uint32_t lane, unsigned shift) {
    if (place == kNowhere) return 0.0;
    return Format::Read(static_cast<std::uint16_t>(warp.At<Word>(place)[lane] >> shift));
  };
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    Word result = 0;
    for (unsigned shift = 0; shift < 8 * sizeof(Word); shift += 16) {
      double x = Op{}(read(in.r[1], lane, shift), read(in.r[2], lane, shift), read(in.r[3], lane, shift));
      if (in.immediate != 0 && x < 0) x = 0;
      result = static_cast<Word>(result | static_cast<Word>(Format::Write(x)) << shift);
    }
    warp.At<Word>(in.r[0])[lane] = result;
  });
}

template <typename Op>
Handler ForType(Type type) {
  switch (type) {
    case Type::kF16: return HalfHandler<std::uint16_t, HalfFormat, Op>;
    case Type::kF16x2: return HalfHandler<std::uint32_t, HalfFormat, Op>;
    case Type::kBf16: return HalfHandler<std::uint16_t, BfloatFormat, Op>;
    case Type::kBf16x2: return HalfHandler<std::uint32_t, BfloatFormat, Op>;
    default: return nullptr;
  }
}

struct Row {
  std::string_view word;
  int sources;
  Handler (*handler)(Type);
};
constexpr Row kRows[] = {{"add", 2, ForType<Add>}, {"sub", 2, ForType<Sub>}, {"mul", 2, ForType<Mul>},
                         {"fma", 3, ForType<Fma>}, {"min", 2, ForType<Min>}, {"max", 2, ForType<Max>},
                         {"neg", 1, ForType<Neg>}, {"abs", 1, ForType<Abs>}};

}  // namespace

bool DecodeHalf(Emitter& emitter, Modifiers& modifiers) {
  Modifiers looking = modifiers;
  const Type type = looking.TakeType();
  const Handler probe = ForType<Add>(type);
  if (probe == nullptr) return false;
  for (const Row& row : kRows) {
    if (row.word != modifiers.base()) continue;
    modifiers.TakeType();
    modifiers.Take("rn");
    const bool relu = modifiers.Take("relu");
    Instruction* in = nullptr;
    if (row.sources == 1) in = &EmitPlain(emitter, row.handler(type), type, {type});
    if (row.sources == 2) in = &EmitPlain(emitter, row.handler(type), type, {type, type});
    if (row.sources == 3) in = &EmitPlain(emitter, row.handler(type), type, {type, type, type});
    in->immediate = relu ? 1 : 0;
    return true;
  }
  return false;
}

}  // namespace paella::simulated_gpu
