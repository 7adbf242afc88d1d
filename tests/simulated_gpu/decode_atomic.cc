// atom and red: read, change and write back as one step.
//
// r[0] is the old value (kNowhere for red), r[1] and r[2] are the operands, r[4] is the address.
#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "tests/simulated_gpu/handlers.h"
#include "tests/simulated_gpu/memory_access.h"
#include "tests/simulated_gpu/raw_memory.h"

namespace paella::simulated_gpu {
namespace {

template <std::size_t kBytes>
using Bits = std::conditional_t<kBytes == 8, std::uint64_t, std::conditional_t<kBytes == 4, std::uint32_t, std::uint16_t>>;

struct Add {
  template <typename T>
  T operator()(T old, T b, T) const {
    if constexpr (std::is_floating_point_v<T>) return old + b;
    else return static_cast<T>(static_cast<Bits<sizeof(T)>>(old) + static_cast<Bits<sizeof(T)>>(b));
  }
};
struct Min { template <typename T> T operator()(T old, T b, T) const { return std::min(old, b); } };
struct Max { template <typename T> T operator()(T old, T b, T) const { return std::max(old, b); } };
struct And { template <typename T> T operator()(T old, T b, T) const { return old & b; } };
struct Or { template <typename T> T operator()(T old, T b, T) const { return old | b; } };
struct Xor { template <typename T> T operator()(T old, T b, T) const { return old ^ b; } };
struct Exchange { template <typename T> T operator()(T, T b, T) const { return b; } };
struct CompareAndSwap { template <typename T> T operator()(T old, T b, T c) const { return old == b ? c : old; } };
struct Increment { template <typename T> T operator()(T old, T b, T) const { return old >= b ? T{0} : static_cast<T>(old + 1); } };
struct Decrement { template <typename T> T operator()(T old, T b, T) const { return old == 0 || old > b ? b : static_cast<T>(old - 1); } };

template <typename T, typename Op>
void AtomicHandler(Warp& warp, const Instruction& in) {
  using Word = Bits<sizeof(T)>;
  const std::uint64_t* const addresses = warp.At<std::uint64_t>(in.r[4]);
  for (std::uint32_t mask = warp.exec; mask != 0; mask &= mask - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(mask));
    void* const at = Translate(warp, in, lane, addresses[lane] + in.immediate, sizeof(T), Access::kWrite);
    if (at == nullptr) return;
    const T b = warp.At<T>(in.r[1])[lane];
    const T c = in.r[2] == kNowhere ? T{} : warp.At<T>(in.r[2])[lane];
    Word old = LoadRaw<Word>(at);
    while (!ExchangeRaw(at, old, std::bit_cast<Word>(Op{}(std::bit_cast<T>(old), b, c)))) {
    }
    if (in.r[0] != kNowhere) warp.At<T>(in.r[0])[lane] = std::bit_cast<T>(old);
  }
}

template <typename Op>
Handler Bitwise(Type type) {
  if (TypeBytes(type) == 2) return AtomicHandler<std::uint16_t, Op>;
  return TypeBytes(type) == 8 ? AtomicHandler<std::uint64_t, Op> : AtomicHandler<std::uint32_t, Op>;
}

template <typename Op>
Handler Ordered(Type type) {
  switch (type) {
    case Type::kU32: return AtomicHandler<std::uint32_t, Op>;
    case Type::kS32: return AtomicHandler<std::int32_t, Op>;
    case Type::kU64: return AtomicHandler<std::uint64_t, Op>;
    case Type::kS64: return AtomicHandler<std::int64_t, Op>;
    default: return nullptr;
  }
}

Handler AddFor(Type type) {
  if (type == Type::kF32) return AtomicHandler<float, Add>;
  if (type == Type::kF64) return AtomicHandler<double, Add>;
  return Ordered<Add>(type);
}

struct Operation {
  std::string_view word;
  Handler (*handler)(Type);
};
constexpr Operation kOperations[] = {
    {"add", AddFor},        {"min", Ordered<Min>},      {"max", Ordered<Max>},            {"and", Bitwise<And>},
    {"or", Bitwise<Or>},    {"xor", Bitwise<Xor>},      {"exch", Bitwise<Exchange>},      {"cas", Bitwise<CompareAndSwap>},
    {"inc", Ordered<Increment>}, {"dec", Ordered<Decrement>},
};

const Operation& TakeOperation(Emitter& emitter, Modifiers& modifiers) {
  for (const Operation& operation : kOperations) {
    if (modifiers.Take(operation.word)) return operation;
  }
  emitter.Fail("unknown atomic operation");
}

Space TakeSpace(Modifiers& modifiers) {
  if (modifiers.Take("global")) return Space::kGlobal;
  return modifiers.TakeAny({"shared", "shared::cta"}).empty() ? Space::kGeneric : Space::kShared;
}

}  // namespace

bool DecodeAtomic(Emitter& emitter, Modifiers& modifiers) {
  const bool returns = modifiers.base() == "atom";
  if (!returns && modifiers.base() != "red") return false;
  const Space space = TakeSpace(modifiers);
  modifiers.TakeHints();
  const Operation& operation = TakeOperation(emitter, modifiers);
  const Type type = modifiers.TakeType();
  const Handler handler = operation.handler(type);
  if (handler == nullptr) emitter.Fail("not supported for this type");
  const std::size_t first = returns ? 1 : 0;
  const Emitter::Address at = emitter.ResolveAddress(emitter.operand(first), space);
  const Place b = emitter.Source(first + 1, type);
  const Place c = operation.word == "cas" ? emitter.Source(first + 2, type) : kNowhere;
  const Place d = returns ? emitter.Destination(0, type) : kNowhere;
  Instruction& in = emitter.Emit(handler);
  in.r[0] = d;
  in.r[1] = b;
  in.r[2] = c;
  in.r[4] = at.base;
  in.immediate = static_cast<std::uint64_t>(at.offset);
  in.space = static_cast<std::uint8_t>(space);
  return true;
}

}  // namespace paella::simulated_gpu
