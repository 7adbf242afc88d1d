// Integer arithmetic, shifts and logic.
#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

#include "tests/simulated_gpu/handlers.h"

namespace paella::simulated_gpu {
namespace {

// Arithmetic wraps, which in C++ only unsigned types do; 16-bit ones would be promoted to a signed type.
template <typename T>
using Wrapping = std::conditional_t<sizeof(T) <= 4, std::uint32_t, std::uint64_t>;
template <typename T>
using Double = std::conditional_t<
    sizeof(T) == 8, std::conditional_t<std::is_signed_v<T>, __int128, unsigned __int128>,
    std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

template <typename T>
Wrapping<T> W(T value) { return static_cast<Wrapping<T>>(value); }

template <typename T>
T MulHigh(T a, T b) {
  return static_cast<T>((static_cast<Double<T>>(a) * static_cast<Double<T>>(b)) >> (8 * sizeof(T)));
}

struct Add { template <typename T> T operator()(T a, T b) const { return static_cast<T>(W(a) + W(b)); } };
struct Sub { template <typename T> T operator()(T a, T b) const { return static_cast<T>(W(a) - W(b)); } };
struct MulLo { template <typename T> T operator()(T a, T b) const { return static_cast<T>(W(a) * W(b)); } };
struct MulHi { template <typename T> T operator()(T a, T b) const { return MulHigh(a, b); } };
struct MadLo { template <typename T> T operator()(T a, T b, T c) const { return static_cast<T>(W(a) * W(b) + W(c)); } };
struct MadHi { template <typename T> T operator()(T a, T b, T c) const { return static_cast<T>(W(MulHigh(a, b)) + W(c)); } };
struct Min { template <typename T> T operator()(T a, T b) const { return std::min(a, b); } };
struct Max { template <typename T> T operator()(T a, T b) const { return std::max(a, b); } };
struct Neg { template <typename T> T operator()(T a) const { return static_cast<T>(0 - W(a)); } };
struct Abs { template <typename T> T operator()(T a) const { return a < T{0} ? static_cast<T>(0 - W(a)) : a; } };
struct And { template <typename T> T operator()(T a, T b) const { return static_cast<T>(a & b); } };
struct Or { template <typename T> T operator()(T a, T b) const { return static_cast<T>(a | b); } };
struct Xor { template <typename T> T operator()(T a, T b) const { return static_cast<T>(a ^ b); } };
struct Not { template <typename T> T operator()(T a) const { return static_cast<T>(~a); } };
struct CNot { template <typename T> T operator()(T a) const { return a == 0 ? T{1} : T{0}; } };
struct Sad {
  template <typename T>
  T operator()(T a, T b, T c) const { return static_cast<T>(W(c) + (a < b ? W(b) - W(a) : W(a) - W(b))); }
};

// Division by zero gives all ones on the GPU, and the smallest number by -1 wraps; on the host both trap.
struct Div {
  template <typename T>
  T operator()(T a, T b) const {
    if (b == 0) return static_cast<T>(~T{0});
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return Neg{}(a);
    }
    return static_cast<T>(a / b);
  }
};
struct Rem {
  template <typename T>
  T operator()(T a, T b) const {
    if (b == 0) return a;
    if constexpr (std::is_signed_v<T>) {
      if (b == -1) return 0;
    }
    return static_cast<T>(a % b);
  }
};

// Shift amounts are clamped to the width, not taken modulo it.
struct Shl {
  template <typename T>
  T operator()(T a, std::uint32_t n) const { return n >= 8 * sizeof(T) ? T{0} : static_cast<T>(W(a) << n); }
};
struct Shr {
  template <typename T>
  T operator()(T a, std::uint32_t n) const {
    const bool out = n >= 8 * sizeof(T);
    if (out && std::is_unsigned_v<T>) return 0;
    return static_cast<T>(a >> (out ? 8 * sizeof(T) - 1 : n));
  }
};
template <typename Op>
struct ShiftOf {
  template <typename T>
  struct For {
    static constexpr Handler handler = BinaryHandler<T, T, std::uint32_t, Op>;
  };
};

template <typename D, typename A>
struct Wide {
  D operator()(A a, A b) const { return static_cast<D>(static_cast<D>(a) * static_cast<D>(b)); }
  D operator()(A a, A b, D c) const { return static_cast<D>(W((*this)(a, b)) + W(c)); }
};

struct Popc { template <typename T> std::uint32_t operator()(T a) const { return static_cast<std::uint32_t>(std::popcount(a)); } };
struct Clz { template <typename T> std::uint32_t operator()(T a) const { return static_cast<std::uint32_t>(std::countl_zero(a)); } };
struct Brev {
  template <typename T>
  T operator()(T a) const {
    T result = 0;
    for (unsigned i = 0; i < 8 * sizeof(T); ++i, a >>= 1) result = static_cast<T>((result << 1) | (a & 1));
    return result;
  }
};
template <bool kShiftAmount>
struct Bfind {
  template <typename T>
  std::uint32_t operator()(T a) const {
    using U = std::make_unsigned_t<T>;
    const U bits = static_cast<U>(std::is_signed_v<T> && a < T{0} ? ~a : a);
    const auto zeros = static_cast<std::uint32_t>(std::countl_zero(bits));
    if (bits == 0) return 0xffffffff;
    return kShiftAmount ? zeros : static_cast<std::uint32_t>(8 * sizeof(T)) - 1 - zeros;
  }
};

struct Bfe {
  template <typename T>
  T operator()(T a, std::uint32_t position, std::uint32_t length) const {
    constexpr std::uint32_t kBits = 8 * sizeof(T);
    position &= 0xff;
    length &= 0xff;
    if (length == 0) return 0;
    const std::uint32_t top = std::min(position + length - 1, kBits - 1);
    T value = Shr{}(a, position);
    const bool sign = std::is_signed_v<T> && ((a >> top) & 1) != 0;
    if (length >= kBits) return value;
    const auto mask = static_cast<T>((W(T{1}) << length) - 1);
    value = static_cast<T>(value & mask);
    return sign ? static_cast<T>(value | static_cast<T>(~mask)) : value;
  }
};

template <typename T>
void BfeHandler(Warp& warp, const Instruction& in) {
  T* const d = warp.At<T>(in.r[0]);
  const T* const a = warp.At<T>(in.r[1]);
  const auto* const b = warp.At<std::uint32_t>(in.r[2]);
  const auto* const c = warp.At<std::uint32_t>(in.r[3]);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = Bfe{}(a[lane], b[lane], c[lane]); });
}

template <typename T>
void BfiHandler(Warp& warp, const Instruction& in) {
  const T* const a = warp.At<T>(in.r[1]);
  const T* const b = warp.At<T>(in.r[2]);
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    const std::uint32_t position = warp.At<std::uint32_t>(in.r[3])[lane] & 0xff;
    const std::uint32_t length = warp.At<std::uint32_t>(in.r[4])[lane] & 0xff;
    const T ones = length >= 8 * sizeof(T) ? static_cast<T>(~T{0}) : static_cast<T>((T{1} << length) - 1);
    const T mask = Shl{}(ones, position);
    warp.At<T>(in.r[0])[lane] = static_cast<T>((b[lane] & ~mask) | (Shl{}(a[lane], position) & mask));
  });
}

std::uint32_t Permute(std::uint32_t a, std::uint32_t b, std::uint32_t selector) {
  const std::uint64_t bytes = (std::uint64_t{b} << 32) | a;
  std::uint32_t result = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const std::uint32_t choice = (selector >> (4 * i)) & 0xf;
    auto byte = static_cast<std::uint32_t>(bytes >> (8 * (choice & 7))) & 0xff;
    if (choice & 8) byte = byte & 0x80 ? 0xff : 0;
    result |= byte << (8 * i);
  }
  return result;
}
struct Prmt { std::uint32_t operator()(std::uint32_t a, std::uint32_t b, std::uint32_t c) const { return Permute(a, b, c); } };

template <bool kLeft, bool kWrap>
struct Funnel {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b, std::uint32_t c) const {
    const std::uint32_t n = kWrap ? c & 31 : std::min(c, 32u);
    const std::uint64_t both = (std::uint64_t{b} << 32) | a;
    return static_cast<std::uint32_t>(kLeft ? (both << n) >> 32 : both >> n);
  }
};

void Lop3Handler(Warp& warp, const Instruction& in) {
  const auto table = static_cast<std::uint32_t>(in.immediate);
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    const std::uint32_t a = warp.At<std::uint32_t>(in.r[1])[lane];
    const std::uint32_t b = warp.At<std::uint32_t>(in.r[2])[lane];
    const std::uint32_t c = warp.At<std::uint32_t>(in.r[3])[lane];
    std::uint32_t result = 0;
    for (unsigned i = 0; i < 8; ++i) {
      if (((table >> i) & 1) == 0) continue;
      result |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    }
    warp.At<std::uint32_t>(in.r[0])[lane] = result;
  });
}

// add.cc, addc, sub.cc, subc, and mad.cc, madc, whose product is the first summand.
// immediate bit 0: takes the carry in; bit 1: writes it.
enum class Summand : std::uint8_t { kFirst, kProductLow, kProductHigh };

template <typename T, bool kSubtract, Summand kSummand = Summand::kFirst>
void CarryHandler(Warp& warp, const Instruction& in) {
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    T a = warp.At<T>(in.r[1])[lane];
    T b = warp.At<T>(in.r[2])[lane];
    if (kSummand != Summand::kFirst) {
      a = kSummand == Summand::kProductHigh ? MulHigh(a, b) : static_cast<T>(a * b);
      b = warp.At<T>(in.r[3])[lane];
    }
    const T carry = in.immediate & 1 ? (warp.carry >> lane) & 1 : 0;
    const T sum = kSubtract ? a - b - carry : a + b + carry;
    const bool out = kSubtract ? a < b || (a == b && carry != 0) : sum < a || (sum == a && carry != 0 && b != 0);
    warp.At<T>(in.r[0])[lane] = sum;
    if (in.immediate & 2) warp.carry = (warp.carry & ~(1u << lane)) | (std::uint32_t{out} << lane);
  });
}

void DecodeAddSub(Emitter& emitter, Modifiers& modifiers, Type type) {
  const bool subtract = modifiers.base().starts_with("sub");
  const bool in = modifiers.base().ends_with("c");
  const bool out = modifiers.Take("cc");
  if (!in && !out) {
    EmitPlain(emitter, subtract ? IntegerBinary<Sub>(type) : IntegerBinary<Add>(type), type, {type, type});
    return;
  }
  const bool wide = TypeBytes(type) == 8;
  const Handler handler = subtract ? (wide ? CarryHandler<std::uint64_t, true> : CarryHandler<std::uint32_t, true>)
                                   : (wide ? CarryHandler<std::uint64_t, false> : CarryHandler<std::uint32_t, false>);
  EmitPlain(emitter, handler, type, {type, type}).immediate = (in ? 1 : 0) | (out ? 2 : 0);
}

Handler WideHandler(Type type, bool add) {
#define PAELLA_WIDE(D, A) (add ? TernaryHandler<D, A, D, Wide<D, A>> : BinaryHandler<D, A, A, Wide<D, A>>)
  switch (type) {
    case Type::kU16: return PAELLA_WIDE(std::uint32_t, std::uint16_t);
    case Type::kS16: return PAELLA_WIDE(std::int32_t, std::int16_t);
    case Type::kU32: return PAELLA_WIDE(std::uint64_t, std::uint32_t);
    case Type::kS32: return PAELLA_WIDE(std::int64_t, std::int32_t);
    default: return nullptr;
  }
#undef PAELLA_WIDE
}

Type WiderType(Type type) {
  if (type == Type::kU16) return Type::kU32;
  if (type == Type::kS16) return Type::kS32;
  return type == Type::kU32 ? Type::kU64 : Type::kS64;
}

template <Summand kSummand>
void DecodeMadCarry(Emitter& emitter, Type type, std::uint64_t carry) {
  if (IsSigned(type)) emitter.Fail("a carry is supported for unsigned types only");
  const Handler handler = TypeBytes(type) == 8 ? CarryHandler<std::uint64_t, false, kSummand>
                                               : CarryHandler<std::uint32_t, false, kSummand>;
  EmitPlain(emitter, handler, type, {type, type, type}).immediate = carry;
}

void DecodeMultiply(Emitter& emitter, Modifiers& modifiers, Type type) {
  const bool in = modifiers.base() == "madc";
  const bool add = in || modifiers.base() == "mad";
  const bool out = modifiers.Take("cc");
  if (in || out) {
    const std::uint64_t carry = (in ? 1 : 0) | (out ? 2 : 0);
    if (modifiers.TakeAny({"lo", "hi"}) == "hi") return DecodeMadCarry<Summand::kProductHigh>(emitter, type, carry);
    return DecodeMadCarry<Summand::kProductLow>(emitter, type, carry);
  }
  const std::string_view part = modifiers.TakeAny({"lo", "hi", "wide"});
  if (part == "wide") {
    const Type wider = WiderType(type);
    if (add) {
      EmitPlain(emitter, WideHandler(type, true), wider, {type, type, wider});
    } else {
      EmitPlain(emitter, WideHandler(type, false), wider, {type, type});
    }
  } else if (add) {
    EmitPlain(emitter, part == "hi" ? IntegerTernary<MadHi>(type) : IntegerTernary<MadLo>(type), type, {type, type, type});
  } else {
    EmitPlain(emitter, part == "hi" ? IntegerBinary<MulHi>(type) : IntegerBinary<MulLo>(type), type, {type, type});
  }
}

template <bool kSigned>
struct Dp4a {
  std::uint32_t operator()(std::uint32_t a, std::uint32_t b, std::uint32_t c) const {
    for (unsigned i = 0; i < 32; i += 8) {
      const auto x = static_cast<std::uint8_t>(a >> i), y = static_cast<std::uint8_t>(b >> i);
      c += kSigned ? static_cast<std::uint32_t>(static_cast<std::int8_t>(x) * static_cast<std::int8_t>(y))
                   : std::uint32_t{x} * y;
    }
    return c;
  }
};

template <typename Op>
void PredicateLogic(Warp& warp, const Instruction& in) {
  warp.SetPredicate(in.r[0], Op{}(warp.Predicate(in.r[1]), warp.Predicate(in.r[2])));
}

void DecodeLogic(Emitter& emitter, Modifiers& modifiers, Type type) {
  const std::string_view base = modifiers.base();
  if (type == Type::kPred) {
    const Place a = emitter.SourcePredicate(1);
    const Place b = base == "not" ? kNowhere : emitter.SourcePredicate(2);
    const Place d = emitter.DestinationPredicate(0);
    Instruction& in = emitter.Emit(base == "and"  ? PredicateLogic<And>
                                   : base == "or"  ? PredicateLogic<Or>
                                   : base == "xor" ? PredicateLogic<Xor>
                                                   : NotPredicateHandler);
    in.r[0] = d;
    in.r[1] = a;
    in.r[2] = b;
  } else if (base == "not") {
    EmitPlain(emitter, IntegerUnary<Not>(type), type, {type});
  } else {
    const Handler handler = base == "and" ? IntegerBinary<And>(type) : base == "or" ? IntegerBinary<Or>(type) : IntegerBinary<Xor>(type);
    EmitPlain(emitter, handler, type, {type, type});
  }
}

void DecodeCount(Emitter& emitter, Modifiers& modifiers) {
  const std::string_view base = modifiers.base();
  const bool amount = modifiers.Take("shiftamt");
  const Type type = modifiers.TakeType();
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  const bool wide = TypeBytes(type) == 8;
  Handler handler = nullptr;
  if (base == "popc") handler = wide ? UnaryHandler<U32, U64, Popc> : UnaryHandler<U32, U32, Popc>;
  if (base == "clz") handler = wide ? UnaryHandler<U32, U64, Clz> : UnaryHandler<U32, U32, Clz>;
  if (base == "bfind" && IsSigned(type)) {
    handler = wide ? (amount ? UnaryHandler<U32, std::int64_t, Bfind<true>> : UnaryHandler<U32, std::int64_t, Bfind<false>>)
                   : (amount ? UnaryHandler<U32, std::int32_t, Bfind<true>> : UnaryHandler<U32, std::int32_t, Bfind<false>>);
  } else if (base == "bfind") {
    handler = wide ? (amount ? UnaryHandler<U32, U64, Bfind<true>> : UnaryHandler<U32, U64, Bfind<false>>)
                   : (amount ? UnaryHandler<U32, U32, Bfind<true>> : UnaryHandler<U32, U32, Bfind<false>>);
  }
  EmitPlain(emitter, handler, Type::kU32, {type});
}

Handler BfeFor(Type type) {
  if (type == Type::kU64) return BfeHandler<std::uint64_t>;
  if (type == Type::kS64) return BfeHandler<std::int64_t>;
  return type == Type::kS32 ? BfeHandler<std::int32_t> : BfeHandler<std::uint32_t>;
}

Handler FunnelFor(bool left, bool wrap) {
  using U = std::uint32_t;
  if (left) return wrap ? Ternary<U, Funnel<true, true>> : Ternary<U, Funnel<true, false>>;
  return wrap ? Ternary<U, Funnel<false, true>> : Ternary<U, Funnel<false, false>>;
}

bool DecodeBits(Emitter& emitter, Modifiers& modifiers) {
  const std::string_view base = modifiers.base();
  if (base == "popc" || base == "clz" || base == "bfind") {
    DecodeCount(emitter, modifiers);
    return true;
  }
  if (base == "shf") {
    const bool left = modifiers.TakeAny({"l", "r"}) == "l";
    const bool wrap = modifiers.TakeAny({"wrap", "clamp"}) == "wrap";
    modifiers.TakeType();
    EmitPlain(emitter, FunnelFor(left, wrap), Type::kB32, {Type::kB32, Type::kB32, Type::kU32});
    return true;
  }
  if (base == "lop3") {
    if (modifiers.TakeType() != Type::kB32) return false;
    EmitPlain(emitter, Lop3Handler, Type::kB32, {Type::kB32, Type::kB32, Type::kB32}).immediate = emitter.operand(4).bits;
    return true;
  }
  if (base != "brev" && base != "bfe" && base != "bfi" && base != "prmt") return false;
  const Type type = modifiers.TakeType();
  const bool wide = TypeBytes(type) == 8;
  if (base == "brev") EmitPlain(emitter, wide ? Unary<std::uint64_t, Brev> : Unary<std::uint32_t, Brev>, type, {type});
  if (base == "bfe") EmitPlain(emitter, BfeFor(type), type, {type, Type::kU32, Type::kU32});
  if (base == "bfi") {
    EmitPlain(emitter, wide ? BfiHandler<std::uint64_t> : BfiHandler<std::uint32_t>, type, {type, type, Type::kU32, Type::kU32});
  }
  if (base == "prmt") EmitPlain(emitter, Ternary<std::uint32_t, Prmt>, type, {type, type, type});
  return true;
}

}  // namespace

bool DecodeInteger(Emitter& emitter, Modifiers& modifiers) {
  if (DecodeBits(emitter, modifiers)) return true;
  const std::string_view base = modifiers.base();
  Modifiers looking = modifiers;  // floating point has many of the same words
  const Type type = looking.TakeType();
  if (!IsInteger(type) && type != Type::kPred) return false;
  const auto take = [&] { modifiers.TakeType(); };
  if (base == "add" || base == "addc" || base == "sub" || base == "subc") {
    take(), DecodeAddSub(emitter, modifiers, type);
  } else if (base == "mul" || base == "mad" || base == "madc") {
    take(), DecodeMultiply(emitter, modifiers, type);
  } else if (base == "and" || base == "or" || base == "xor" || base == "not") {
    take(), DecodeLogic(emitter, modifiers, type);
  } else if (base == "cnot") {
    take(), EmitPlain(emitter, IntegerUnary<CNot>(type), type, {type});
  } else if (base == "shl") {
    take(), EmitPlain(emitter, ForInteger<ShiftOf<Shl>::For>(type), type, {type, Type::kU32});
  } else if (base == "shr") {
    take(), EmitPlain(emitter, ForInteger<ShiftOf<Shr>::For>(type), type, {type, Type::kU32});
  } else if (base == "div") {
    take(), EmitPlain(emitter, IntegerBinary<Div>(type), type, {type, type});
  } else if (base == "rem") {
    take(), EmitPlain(emitter, IntegerBinary<Rem>(type), type, {type, type});
  } else if (base == "min") {
    take(), EmitPlain(emitter, IntegerBinary<Min>(type), type, {type, type});
  } else if (base == "max") {
    take(), EmitPlain(emitter, IntegerBinary<Max>(type), type, {type, type});
  } else if (base == "neg") {
    take(), EmitPlain(emitter, IntegerUnary<Neg>(type), type, {type});
  } else if (base == "abs") {
    take(), EmitPlain(emitter, IntegerUnary<Abs>(type), type, {type});
  } else if (base == "sad") {
    take(), EmitPlain(emitter, IntegerTernary<Sad>(type), type, {type, type, type});
  } else if (base == "dp4a") {
    take();
    if (modifiers.TakeType() != type) return false;
    using U = std::uint32_t;
    EmitPlain(emitter, IsSigned(type) ? Ternary<U, Dp4a<true>> : Ternary<U, Dp4a<false>>, type, {type, type, type});
  } else {
    return false;
  }
  return true;
}

}  // namespace paella::simulated_gpu
