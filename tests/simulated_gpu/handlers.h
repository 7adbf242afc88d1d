// The shapes that most instructions have: one result, computed lane by lane from one, two or three operands.
//
// For the decode_*.cc files only. r[0] is the destination, r[1] to r[3] are the sources.
#ifndef PAELLA_TESTS_SIMULATED_GPU_HANDLERS_H_
#define PAELLA_TESTS_SIMULATED_GPU_HANDLERS_H_

#include <cstdint>
#include <initializer_list>

#include "tests/simulated_gpu/emitter.h"
#include "tests/simulated_gpu/warp.h"

namespace paella::simulated_gpu {

template <typename D, typename A, typename Op>
void UnaryHandler(Warp& warp, const Instruction& in) {
  D* const d = warp.At<D>(in.r[0]);
  const A* const a = warp.At<A>(in.r[1]);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = Op{}(a[lane]); });
}

template <typename D, typename A, typename B, typename Op>
void BinaryHandler(Warp& warp, const Instruction& in) {
  D* const d = warp.At<D>(in.r[0]);
  const A* const a = warp.At<A>(in.r[1]);
  const B* const b = warp.At<B>(in.r[2]);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = Op{}(a[lane], b[lane]); });
}

template <typename D, typename A, typename C, typename Op>
void TernaryHandler(Warp& warp, const Instruction& in) {
  D* const d = warp.At<D>(in.r[0]);
  const A* const a = warp.At<A>(in.r[1]);
  const A* const b = warp.At<A>(in.r[2]);
  const C* const c = warp.At<C>(in.r[3]);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = Op{}(a[lane], b[lane], c[lane]); });
}

template <typename T, typename Op>
constexpr Handler Unary = UnaryHandler<T, T, Op>;
template <typename T, typename Op>
constexpr Handler Binary = BinaryHandler<T, T, T, Op>;
template <typename T, typename Op>
constexpr Handler Ternary = TernaryHandler<T, T, T, Op>;

// The instance of a template for an integer type; bits count as unsigned. Null for a type that is none.
template <template <typename> class Choice>
Handler ForInteger(Type type) {
  switch (type) {
    case Type::kB16: case Type::kU16: return Choice<std::uint16_t>::handler;
    case Type::kS16: return Choice<std::int16_t>::handler;
    case Type::kB32: case Type::kU32: return Choice<std::uint32_t>::handler;
    case Type::kS32: return Choice<std::int32_t>::handler;
    case Type::kB64: case Type::kU64: return Choice<std::uint64_t>::handler;
    case Type::kS64: return Choice<std::int64_t>::handler;
    default: return nullptr;
  }
}

template <typename Op>
struct UnaryOf {
  template <typename T>
  struct For {
    static constexpr Handler handler = Unary<T, Op>;
  };
};
template <typename Op>
struct BinaryOf {
  template <typename T>
  struct For {
    static constexpr Handler handler = Binary<T, Op>;
  };
};
template <typename Op>
struct TernaryOf {
  template <typename T>
  struct For {
    static constexpr Handler handler = Ternary<T, Op>;
  };
};

template <typename Op>
Handler IntegerUnary(Type type) { return ForInteger<UnaryOf<Op>::template For>(type); }
template <typename Op>
Handler IntegerBinary(Type type) { return ForInteger<BinaryOf<Op>::template For>(type); }
template <typename Op>
Handler IntegerTernary(Type type) { return ForInteger<TernaryOf<Op>::template For>(type); }

// Emits "handler operand0, operand1, ...": the first operand is written, the others are read with the given types.
inline Instruction& EmitPlain(Emitter& emitter, Handler handler, Type result, std::initializer_list<Type> sources) {
  if (handler == nullptr) emitter.Fail("not supported for this type");
  Place places[6] = {};
  std::size_t count = 1;
  for (const Type type : sources) {
    places[count] = emitter.Source(count, type);
    ++count;
  }
  places[0] = emitter.Destination(0, result);
  Instruction& instruction = emitter.Emit(handler);
  for (std::size_t i = 0; i < count; ++i) instruction.r[i] = places[i];
  return instruction;
}

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_HANDLERS_H_
