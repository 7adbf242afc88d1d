// setp, set, selp, slct, testp: comparison and choice.
#include <cmath>
#include <type_traits>

#include "tests/simulated_gpu/half.h"
#include "tests/simulated_gpu/handlers.h"

namespace paella::simulated_gpu {
namespace {

enum class Comparison : std::uint8_t { kEq, kNe, kLt, kLe, kGt, kGe, kEqu, kNeu, kLtu, kLeu, kGtu, kGeu, kNum, kNan };

struct ComparisonWord {
  std::string_view word;
  Comparison comparison;
};
constexpr ComparisonWord kComparisons[] = {
    {"eq", Comparison::kEq},   {"ne", Comparison::kNe},   {"lt", Comparison::kLt},   {"le", Comparison::kLe},
    {"gt", Comparison::kGt},   {"ge", Comparison::kGe},   {"equ", Comparison::kEqu}, {"neu", Comparison::kNeu},
    {"ltu", Comparison::kLtu}, {"leu", Comparison::kLeu}, {"gtu", Comparison::kGtu}, {"geu", Comparison::kGeu},
    {"lo", Comparison::kLt},   {"ls", Comparison::kLe},   {"hi", Comparison::kGt},   {"hs", Comparison::kGe},
    {"num", Comparison::kNum}, {"nan", Comparison::kNan},
};

// 16-bit floats compare as floats.
struct HalfValue { std::uint16_t bits; operator float() const { return HalfToFloat(bits); } };
struct BfloatValue { std::uint16_t bits; operator float() const { return BfloatToFloat(bits); } };

// For integers the "unordered" forms do not exist.
template <Comparison kComparison>
struct Compare {
  template <typename T>
  bool operator()(T a, T b) const {
    bool unordered = false;
    if constexpr (std::is_floating_point_v<T>) unordered = std::isnan(a) || std::isnan(b);
    switch (kComparison) {
      case Comparison::kEq: return a == b;
      case Comparison::kNe: return !unordered && a != b;
      case Comparison::kLt: return a < b;
      case Comparison::kLe: return a <= b;
      case Comparison::kGt: return a > b;
      case Comparison::kGe: return a >= b;
      case Comparison::kEqu: return unordered || a == b;
      case Comparison::kNeu: return unordered || a != b;
      case Comparison::kLtu: return unordered || a < b;
      case Comparison::kLeu: return unordered || a <= b;
      case Comparison::kGtu: return unordered || a > b;
      case Comparison::kGeu: return unordered || a >= b;
      case Comparison::kNum: return !unordered;
      case Comparison::kNan: return unordered;
    }
  }
};

// r[0] = mask of the lanes where a(r[2]) compares with b(r[3]).
template <typename Stored, typename T, Comparison kComparison>
void CompareHandler(Warp& warp, const Instruction& in) {
  const Stored* const a = warp.At<Stored>(in.r[2]);
  const Stored* const b = warp.At<Stored>(in.r[3]);
  std::uint32_t mask = 0;
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    const bool holds = Compare<kComparison>{}(static_cast<T>(a[lane]), static_cast<T>(b[lane]));
    mask |= std::uint32_t{holds} << lane;
  });
  warp.SetPredicate(in.r[0], mask);
}

template <typename Stored, typename T>
Handler ForComparison(Comparison comparison) {
#define PAELLA_CASE(name) case Comparison::name: return CompareHandler<Stored, T, Comparison::name>;
  switch (comparison) {
    PAELLA_CASE(kEq) PAELLA_CASE(kNe) PAELLA_CASE(kLt) PAELLA_CASE(kLe) PAELLA_CASE(kGt) PAELLA_CASE(kGe)
    PAELLA_CASE(kEqu) PAELLA_CASE(kNeu) PAELLA_CASE(kLtu) PAELLA_CASE(kLeu) PAELLA_CASE(kGtu) PAELLA_CASE(kGeu)
    PAELLA_CASE(kNum) PAELLA_CASE(kNan)
  }
#undef PAELLA_CASE
  return nullptr;
}

Handler ForType(Type type, Comparison comparison) {
  switch (type) {
    case Type::kB16: case Type::kU16: return ForComparison<std::uint16_t, std::uint16_t>(comparison);
    case Type::kS16: return ForComparison<std::int16_t, std::int16_t>(comparison);
    case Type::kB32: case Type::kU32: return ForComparison<std::uint32_t, std::uint32_t>(comparison);
    case Type::kS32: return ForComparison<std::int32_t, std::int32_t>(comparison);
    case Type::kB64: case Type::kU64: return ForComparison<std::uint64_t, std::uint64_t>(comparison);
    case Type::kS64: return ForComparison<std::int64_t, std::int64_t>(comparison);
    case Type::kF16: return ForComparison<HalfValue, float>(comparison);
    case Type::kBf16: return ForComparison<BfloatValue, float>(comparison);
    case Type::kF32: return ForComparison<float, float>(comparison);
    case Type::kF64: return ForComparison<double, double>(comparison);
    default: return nullptr;
  }
}

enum class Logic : std::uint8_t { kAnd, kOr, kXor };

// r[0] and r[1] are the result and its complement, each combined with the predicate in r[2].
void CombineHandler(Warp& warp, const Instruction& in) {
  const std::uint32_t result = warp.Predicate(in.r[3]);
  const std::uint32_t other = warp.Predicate(in.r[2]);
  const auto combine = [&](std::uint32_t bits) {
    switch (static_cast<Logic>(in.immediate)) {
      case Logic::kAnd: return bits & other;
      case Logic::kOr: return bits | other;
      case Logic::kXor: return bits ^ other;
    }
    return bits;
  };
  const std::uint32_t straight = combine(result), inverse = combine(~result);
  warp.SetPredicate(in.r[0], straight);
  warp.SetPredicate(in.r[1], inverse);
}

// Emits the comparison of operands 1 and 2 into `result`.
void EmitComparison(Emitter& emitter, Type type, Comparison comparison, Place result) {
  const Handler handler = ForType(type, comparison);
  if (handler == nullptr) emitter.Fail("not supported for this type");
  const Place a = emitter.Source(1, type);
  const Place b = emitter.Source(2, type);
  Instruction& in = emitter.Emit(handler);
  in.r[0] = result;
  in.r[2] = a;
  in.r[3] = b;
}

Comparison TakeComparison(Emitter& emitter, Modifiers& modifiers) {
  for (const ComparisonWord& row : kComparisons) {
    if (modifiers.Take(row.word)) return row.comparison;
  }
  emitter.Fail("no comparison is given");
}

void DecodeSetp(Emitter& emitter, Modifiers& modifiers) {
  modifiers.Take("ftz");
  const Type type = modifiers.TakeType();
  const Comparison comparison = TakeComparison(emitter, modifiers);
  const std::string_view logic = modifiers.TakeAny({"and", "or", "xor"});
  const int second = emitter.operand(0).second;
  if (logic.empty() && second < 0) return EmitComparison(emitter, type, comparison, emitter.DestinationPredicate(0));
  const Place compared = emitter.Temporary(4);
  EmitComparison(emitter, type, comparison, compared);
  const Place other = logic.empty() ? emitter.Constant(0xffffffff, 4) : emitter.SourcePredicate(3);
  const Place result = emitter.DestinationPredicate(0);
  Place complement = kNowhere;
  if (second >= 0) {
    Operand name;
    name.kind = Operand::Kind::kRegister;
    name.index = second;
    complement = emitter.Destination(name, Type::kPred);
  }
  Instruction& in = emitter.Emit(CombineHandler);
  in.r[0] = result;
  in.r[1] = complement;
  in.r[2] = other;
  in.r[3] = compared;
  in.immediate = static_cast<std::uint64_t>(logic == "or" ? Logic::kOr : logic == "xor" ? Logic::kXor : Logic::kAnd);
}

// r[3] is the predicate.
template <typename T>
void SelectHandler(Warp& warp, const Instruction& in) {
  const std::uint32_t choice = warp.Predicate(in.r[3]);
  const T* const a = warp.At<T>(in.r[1]);
  const T* const b = warp.At<T>(in.r[2]);
  T* const d = warp.At<T>(in.r[0]);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = (choice >> lane) & 1 ? a[lane] : b[lane]; });
}

Handler SelectFor(Type type) {
  switch (TypeBytes(type)) {
    case 2: return SelectHandler<std::uint16_t>;
    case 4: return SelectHandler<std::uint32_t>;
    case 8: return SelectHandler<std::uint64_t>;
    default: return nullptr;
  }
}

void EmitSelect(Emitter& emitter, Type type, Place predicate, Place a, Place b) {
  const Handler handler = SelectFor(type);
  if (handler == nullptr || type == Type::kPred) emitter.Fail("not supported for this type");
  const Place d = emitter.Destination(0, type);
  Instruction& in = emitter.Emit(handler);
  in.r[0] = d;
  in.r[1] = a;
  in.r[2] = b;
  in.r[3] = predicate;
}

void DecodeSelp(Emitter& emitter, Modifiers& modifiers) {
  const Type type = modifiers.TakeType();
  const Place a = emitter.Source(1, type);
  const Place b = emitter.Source(2, type);
  EmitSelect(emitter, type, emitter.SourcePredicate(3), a, b);
}

// set.gt.u32.f32 d, a, b: all ones, or 1.0, where it holds.
void DecodeSet(Emitter& emitter, Modifiers& modifiers) {
  modifiers.Take("ftz");
  const Type result = modifiers.TakeType();
  const Type type = modifiers.TakeType();
  const Place compared = emitter.Temporary(4);
  EmitComparison(emitter, type, TakeComparison(emitter, modifiers), compared);
  const Place truth = emitter.Constant(result == Type::kF32 ? 0x3f800000 : 0xffffffff, 4);
  EmitSelect(emitter, result, compared, truth, emitter.Constant(0, 4));
}

// slct: a where c >= 0, else b.
void DecodeSlct(Emitter& emitter, Modifiers& modifiers) {
  modifiers.Take("ftz");
  const Type type = modifiers.TakeType();
  const Type sign = modifiers.TakeType();
  const Handler compare = ForType(sign, Comparison::kGe);
  if (compare == nullptr) emitter.Fail("not supported for this type");
  const Place a = emitter.Source(1, type);
  const Place b = emitter.Source(2, type);
  const Place c = emitter.Source(3, sign);
  const Place zero = emitter.Constant(0, TypeBytes(sign));
  const Place predicate = emitter.Temporary(4);
  Instruction& in = emitter.Emit(compare);
  in.r[0] = predicate;
  in.r[2] = c;
  in.r[3] = zero;
  EmitSelect(emitter, type, predicate, a, b);
}

enum class Test : std::uint8_t { kFinite, kInfinite, kNumber, kNotANumber, kNormal, kSubnormal };

template <typename T>
void TestHandler(Warp& warp, const Instruction& in) {
  const T* const a = warp.At<T>(in.r[1]);
  std::uint32_t mask = 0;
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    const T x = a[lane];
    bool holds = false;
    switch (static_cast<Test>(in.immediate)) {
      case Test::kFinite: holds = std::isfinite(x); break;
      case Test::kInfinite: holds = std::isinf(x); break;
      case Test::kNumber: holds = !std::isnan(x); break;
      case Test::kNotANumber: holds = std::isnan(x); break;
      case Test::kNormal: holds = std::isnormal(x); break;
      case Test::kSubnormal: holds = std::fpclassify(x) == FP_SUBNORMAL; break;
    }
    mask |= std::uint32_t{holds} << lane;
  });
  warp.SetPredicate(in.r[0], mask);
}

void DecodeTestp(Emitter& emitter, Modifiers& modifiers) {
  static constexpr std::string_view kTests[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
  const Type type = modifiers.TakeType();
  if (type != Type::kF32 && type != Type::kF64) emitter.Fail("not supported for this type");
  const Place a = emitter.Source(1, type);
  const Place d = emitter.DestinationPredicate(0);
  Instruction& in = emitter.Emit(type == Type::kF32 ? TestHandler<float> : TestHandler<double>);
  in.r[0] = d;
  in.r[1] = a;
  while (in.immediate < std::size(kTests) && !modifiers.Take(kTests[in.immediate])) ++in.immediate;
  if (in.immediate == std::size(kTests)) emitter.Fail("no test is given");
}

}  // namespace

bool DecodeCompare(Emitter& emitter, Modifiers& modifiers) {
  if (modifiers.base() == "setp") {
    DecodeSetp(emitter, modifiers);
  } else if (modifiers.base() == "set") {
    DecodeSet(emitter, modifiers);
  } else if (modifiers.base() == "selp") {
    DecodeSelp(emitter, modifiers);
  } else if (modifiers.base() == "slct") {
    DecodeSlct(emitter, modifiers);
  } else if (modifiers.base() == "testp") {
    DecodeTestp(emitter, modifiers);
  } else {
    return false;
  }
  return true;
}

}  // namespace paella::simulated_gpu
