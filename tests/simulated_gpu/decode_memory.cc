// ld, st and what belongs to them: parameters, prefetches, isspacep.
//
// r[0] to r[3] are the values, r[4] is the address, immediate its offset.
#include <cstring>
#include <optional>

#include "tests/simulated_gpu/handlers.h"
#include "tests/simulated_gpu/memory_access.h"
#include "tests/simulated_gpu/raw_memory.h"

namespace paella::simulated_gpu {
namespace {

// Memory holds the value as M; the register is an R, perhaps wider.
template <typename M, typename R>
void Load(Warp& warp, const Instruction& in) {
  const std::uint64_t* const addresses = warp.At<std::uint64_t>(in.r[4]);
  const auto bytes = static_cast<std::uint32_t>(sizeof(M) * in.count);
  for (std::uint32_t mask = warp.exec; mask != 0; mask &= mask - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(mask));
    const std::uint8_t* const from = Translate(warp, in, lane, addresses[lane] + in.immediate, bytes, Access::kRead);
    if (from == nullptr) return;
    for (std::uint32_t i = 0; i < in.count; ++i) {
      warp.At<R>(in.r[i])[lane] = static_cast<R>(LoadRaw<M>(from + i * sizeof(M)));
    }
  }
}

template <typename M, typename R>
void Store(Warp& warp, const Instruction& in) {
  const std::uint64_t* const addresses = warp.At<std::uint64_t>(in.r[4]);
  const auto bytes = static_cast<std::uint32_t>(sizeof(M) * in.count);
  for (std::uint32_t mask = warp.exec; mask != 0; mask &= mask - 1) {
    const auto lane = static_cast<std::uint32_t>(std::countr_zero(mask));
    std::uint8_t* const to = Translate(warp, in, lane, addresses[lane] + in.immediate, bytes, Access::kWrite);
    if (to == nullptr) return;
    for (std::uint32_t i = 0; i < in.count; ++i) {
      StoreRaw(to + i * sizeof(M), static_cast<M>(warp.At<R>(in.r[i])[lane]));
    }
  }
}

// A named parameter: `target` is its offset, in the launch's arguments or in each lane's area of the frame.
template <typename M, typename R, bool kKernel>
void LoadParameter(Warp& warp, const Instruction& in) {
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    const std::uint8_t* const area =
        kKernel ? warp.block->launch->arguments.data() : warp.frame->ParameterOf(lane);
    for (std::uint32_t i = 0; i < in.count; ++i) {
      M value;
      std::memcpy(&value, area + in.target + i * sizeof(M), sizeof(M));
      warp.At<R>(in.r[i])[lane] = static_cast<R>(value);
    }
  });
}
template <typename M, typename R>
void LoadKernelParameter(Warp& warp, const Instruction& in) { LoadParameter<M, R, true>(warp, in); }
template <typename M, typename R>
void LoadFrameParameter(Warp& warp, const Instruction& in) { LoadParameter<M, R, false>(warp, in); }

template <typename M, typename R>
void StoreFrameParameter(Warp& warp, const Instruction& in) {
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    for (std::uint32_t i = 0; i < in.count; ++i) {
      const M value = static_cast<M>(warp.At<R>(in.r[i])[lane]);
      std::memcpy(warp.frame->ParameterOf(lane) + in.target + i * sizeof(M), &value, sizeof(M));
    }
  });
}

// The instance of a handler for a memory type and a register's width.
#define PAELLA_BY_WIDTH(Handler_, type, register_bytes)                                                             \
  [](Type t, std::uint32_t width) -> Handler {                                                                     \
    using std::int16_t, std::int32_t, std::int64_t, std::int8_t;                                                    \
    using std::uint16_t, std::uint32_t, std::uint64_t, std::uint8_t;                                                \
    const bool sign = IsSigned(t);                                                                                  \
    switch (TypeBytes(t) * 16 + width) {                                                                            \
      case 0x12: return sign ? Handler_<int8_t, int16_t> : Handler_<uint8_t, uint16_t>;                             \
      case 0x14: return sign ? Handler_<int8_t, int32_t> : Handler_<uint8_t, uint32_t>;                             \
      case 0x18: return sign ? Handler_<int8_t, int64_t> : Handler_<uint8_t, uint64_t>;                             \
      case 0x22: return Handler_<uint16_t, uint16_t>;                                                               \
      case 0x24: return sign ? Handler_<int16_t, int32_t> : Handler_<uint16_t, uint32_t>;                           \
      case 0x28: return sign ? Handler_<int16_t, int64_t> : Handler_<uint16_t, uint64_t>;                           \
      case 0x44: return Handler_<uint32_t, uint32_t>;                                                               \
      case 0x48: return sign ? Handler_<int32_t, int64_t> : Handler_<uint32_t, uint64_t>;                           \
      case 0x88: return Handler_<uint64_t, uint64_t>;                                                               \
      default: return nullptr;                                                                                      \
    }                                                                                                               \
  }(type, register_bytes)

std::optional<Space> TakeSpace(Modifiers& modifiers) {
  if (modifiers.Take("global")) return Space::kGlobal;
  if (modifiers.Take("shared") || modifiers.Take("shared::cta")) return Space::kShared;
  if (modifiers.Take("local")) return Space::kLocal;
  if (modifiers.Take("const")) return Space::kConst;
  if (modifiers.Take("param") || modifiers.Take("param::entry") || modifiers.Take("param::func")) return Space::kParam;
  return std::nullopt;
}

struct Values {
  Place places[4] = {kNowhere, kNowhere, kNowhere, kNowhere};
  std::uint32_t register_bytes = 0;
  std::uint8_t count = 1;
};

// The registers of a load or store; a number is stored from a constant.
Values TakeValues(Emitter& emitter, const Operand& operand, Type type, bool load) {
  Values values;
  const bool vector = operand.kind == Operand::Kind::kVector;
  if (vector && operand.elements.size() > 4) emitter.Fail("vectors of more than 4 are not supported");
  values.count = static_cast<std::uint8_t>(vector ? operand.elements.size() : 1);
  for (std::size_t i = 0; i < values.count; ++i) {
    const Operand& element = vector ? operand.elements[i] : operand;
    std::uint32_t bytes = std::max(TypeBytes(type), 2u);
    if (element.kind == Operand::Kind::kRegister && element.index >= 0) {
      values.places[i] = emitter.RegisterPlace(element, bytes);
    } else if (load) {
      values.places[i] = emitter.Destination(element, type);
    } else {
      values.places[i] = emitter.Source(element, type);
    }
    if (i > 0 && bytes != values.register_bytes) emitter.Fail("registers of different widths in a vector");
    values.register_bytes = bytes;
  }
  return values;
}

void Fill(Emitter& emitter, Instruction& in, const Values& values) {
  if (in.handler == nullptr) emitter.Fail("not supported for this type and register");
  std::copy(values.places, values.places + 4, in.r);
  in.count = values.count;
}

bool IsNamedParameter(Emitter& emitter, const Operand& address) {
  if (address.kind != Operand::Kind::kAddress || address.elements[0].kind != Operand::Kind::kVariable) return false;
  return emitter.VariableOf(address.elements[0]).space == Space::kParam;
}

void DecodeParameter(Emitter& emitter, const Operand& address, const Values& values, Type type, bool load) {
  Operand name = address.elements[0];
  name.offset += address.offset;
  const bool kernel = emitter.IsKernelArgument(name);
  if (kernel && !load) emitter.Fail("a kernel's parameters cannot be written");
  const std::uint32_t kept = values.register_bytes;
  Instruction& in = emitter.Emit(!load    ? PAELLA_BY_WIDTH(StoreFrameParameter, type, kept)
                                 : kernel ? PAELLA_BY_WIDTH(LoadKernelParameter, type, kept)
                                          : PAELLA_BY_WIDTH(LoadFrameParameter, type, kept));
  Fill(emitter, in, values);
  in.target = emitter.ParameterOffset(name);
  const Variable& variable = emitter.VariableOf(name);
  const std::uint64_t end = static_cast<std::uint64_t>(name.offset) + std::uint64_t{TypeBytes(type)} * values.count;
  if (end > variable.bytes) emitter.Fail("outside of parameter '" + variable.name + "'");
}

void DecodeAccess(Emitter& emitter, Modifiers& modifiers, bool load) {
  const std::optional<Space> space = TakeSpace(modifiers);
  modifiers.TakeHints();
  modifiers.TakeAny({"v2", "v4"});
  const Type type = modifiers.TakeType();
  const Operand& address = emitter.operand(load ? 1 : 0);
  const Values values = TakeValues(emitter, emitter.operand(load ? 0 : 1), type, load);
  if (IsNamedParameter(emitter, address)) return DecodeParameter(emitter, address, values, type, load);
  const Emitter::Address at = emitter.ResolveAddress(address, space.value_or(Space::kGeneric));
  Instruction& in = emitter.Emit(load ? PAELLA_BY_WIDTH(Load, type, values.register_bytes)
                                      : PAELLA_BY_WIDTH(Store, type, values.register_bytes));
  Fill(emitter, in, values);
  in.r[4] = at.base;
  in.immediate = static_cast<std::uint64_t>(at.offset);
  in.space = static_cast<std::uint8_t>(space.value_or(Space::kGeneric));
}

// immediate is the window; 0 stands for global memory, which has none.
void IsInSpace(Warp& warp, const Instruction& in) {
  const std::uint64_t* const a = warp.At<std::uint64_t>(in.r[1]);
  std::uint32_t mask = 0;
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    mask |= std::uint32_t{(a[lane] & kWindowMask) == in.immediate} << lane;
  });
  warp.SetPredicate(in.r[0], mask);
}

void DecodeIsInSpace(Emitter& emitter, Modifiers& modifiers) {
  const auto space = TakeSpace(modifiers);
  if (!space || *space == Space::kConst) emitter.Fail("this space is not supported");
  const Place a = emitter.Source(1, Type::kU64);
  const Place d = emitter.DestinationPredicate(0);
  Instruction& in = emitter.Emit(IsInSpace);
  in.r[0] = d;
  in.r[1] = a;
  in.immediate = *space == Space::kShared  ? kSharedWindow
                 : *space == Space::kLocal ? kLocalWindow
                 : *space == Space::kParam ? kParamWindow
                                           : 0;
}

}  // namespace

bool DecodeMemory(Emitter& emitter, Modifiers& modifiers) {
  const std::string_view base = modifiers.base();
  if (base == "ld" || base == "ldu") {
    DecodeAccess(emitter, modifiers, true);
  } else if (base == "st") {
    DecodeAccess(emitter, modifiers, false);
  } else if (base == "prefetch" || base == "prefetchu" || base == "discard" || base == "applypriority") {
    TakeSpace(modifiers);
    modifiers.TakeAny({"L1", "L2"});
    modifiers.TakeHints();
  } else if (base == "isspacep") {
    DecodeIsInSpace(emitter, modifiers);
  } else {
    return false;
  }
  return true;
}

}  // namespace paella::simulated_gpu
