// mov, cvta, packing and unpacking of vectors, and the special registers.
#include <chrono>
#include <cstring>

#include "tests/simulated_gpu/block.h"
#include "tests/simulated_gpu/handlers.h"

namespace paella::simulated_gpu {
namespace {

struct Same {
  template <typename T>
  T operator()(T a) const { return a; }
};

Handler MoveHandler(std::uint32_t bytes) {
  switch (bytes) {
    case 1: case 2: return Unary<std::uint16_t, Same>;
    case 4: return Unary<std::uint32_t, Same>;
    case 8: return Unary<std::uint64_t, Same>;
    default: return nullptr;
  }
}

void MovePredicate(Warp& warp, const Instruction& in) { warp.SetPredicate(in.r[0], warp.Predicate(in.r[1])); }

// mov.b64 %rd, {%r1, %r2}: `count` parts, the lowest first.
template <typename Whole, typename Part>
void Pack(Warp& warp, const Instruction& in) {
  Whole* const whole = warp.At<Whole>(in.r[0]);
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    Whole value = 0;
    for (std::uint32_t i = 0; i < in.count; ++i) {
      value |= static_cast<Whole>(warp.At<Part>(in.r[1 + i])[lane]) << (8 * sizeof(Part) * i);
    }
    whole[lane] = value;
  });
}

template <typename Whole, typename Part>
void Unpack(Warp& warp, const Instruction& in) {
  const Whole* const whole = warp.At<Whole>(in.r[5]);
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    const Whole value = whole[lane];
    for (std::uint32_t i = 0; i < in.count; ++i) {
      warp.At<Part>(in.r[i])[lane] = static_cast<Part>(value >> (8 * sizeof(Part) * i));
    }
  });
}

Type PartType(Emitter& emitter, std::uint32_t whole_bytes, std::size_t parts) {
  if (whole_bytes == 8 && parts == 2) return Type::kB32;
  if (whole_bytes == 8 && parts == 4) return Type::kB16;
  if (whole_bytes == 4 && parts == 2) return Type::kB16;
  emitter.Fail("this packing is not supported");
}

void DecodePack(Emitter& emitter, Type type) {
  const auto& parts = emitter.operand(1).elements;
  const Type part = PartType(emitter, TypeBytes(type), parts.size());
  Place places[4];
  for (std::size_t i = 0; i < parts.size(); ++i) places[i] = emitter.Source(parts[i], part);
  const Place whole = emitter.Destination(0, type);
  Instruction& in = emitter.Emit(TypeBytes(type) == 4  ? Pack<std::uint32_t, std::uint16_t>
                                 : part == Type::kB16 ? Pack<std::uint64_t, std::uint16_t>
                                                      : Pack<std::uint64_t, std::uint32_t>);
  in.r[0] = whole;
  in.count = static_cast<std::uint8_t>(parts.size());
  std::copy(places, places + parts.size(), in.r + 1);
}

void DecodeUnpack(Emitter& emitter, Type type) {
  const auto& parts = emitter.operand(0).elements;
  const Type part = PartType(emitter, TypeBytes(type), parts.size());
  const Place whole = emitter.Source(1, type);
  Place places[4];
  for (std::size_t i = 0; i < parts.size(); ++i) places[i] = emitter.Destination(parts[i], part);
  Instruction& in = emitter.Emit(TypeBytes(type) == 4  ? Unpack<std::uint32_t, std::uint16_t>
                                 : part == Type::kB16 ? Unpack<std::uint64_t, std::uint16_t>
                                                      : Unpack<std::uint64_t, std::uint32_t>);
  in.r[5] = whole;
  in.count = static_cast<std::uint8_t>(parts.size());
  std::copy(places, places + parts.size(), in.r);
}

std::uint64_t NowNs() {
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

std::uint64_t Cycles(const Warp& warp) { return NowNs() / 1000 * warp.block->launch->clock_khz / 1000; }

// x, y and z of each thread from its linear index.
template <int kAxis>
std::uint64_t ThreadIndex(const Warp& warp, std::uint32_t lane) {
  const Dim3& block = warp.block->launch->block;
  const std::uint32_t linear = warp.index * kWarpSize + lane;
  if (kAxis == 0) return linear % block.x;
  if (kAxis == 1) return linear / block.x % block.y;
  return linear / block.x / block.y;
}

using SpecialValue = std::uint64_t (*)(const Warp&, std::uint32_t lane);
struct Special {
  std::string_view name;
  SpecialValue value;
};

#define PAELLA_SPECIAL(name, expression) \
  {name, [](const Warp& w, std::uint32_t lane) -> std::uint64_t { (void)w; (void)lane; return expression; }}
const Special kSpecials[] = {
    {"%tid.x", ThreadIndex<0>}, {"%tid.y", ThreadIndex<1>}, {"%tid.z", ThreadIndex<2>},
    PAELLA_SPECIAL("%ntid.x", w.block->launch->block.x),
    PAELLA_SPECIAL("%ntid.y", w.block->launch->block.y),
    PAELLA_SPECIAL("%ntid.z", w.block->launch->block.z),
    PAELLA_SPECIAL("%ctaid.x", w.block->position.x),
    PAELLA_SPECIAL("%ctaid.y", w.block->position.y),
    PAELLA_SPECIAL("%ctaid.z", w.block->position.z),
    PAELLA_SPECIAL("%nctaid.x", w.block->launch->grid.x),
    PAELLA_SPECIAL("%nctaid.y", w.block->launch->grid.y),
    PAELLA_SPECIAL("%nctaid.z", w.block->launch->grid.z),
    PAELLA_SPECIAL("%laneid", lane),
    PAELLA_SPECIAL("%warpid", w.index),
    PAELLA_SPECIAL("%nwarpid", (w.block->launch->block.count() + kWarpSize - 1) / kWarpSize),
    PAELLA_SPECIAL("%smid", w.block->sm),
    PAELLA_SPECIAL("%nsmid", w.block->launch->sms),
    PAELLA_SPECIAL("%gridid", w.block->launch->grid_id),
    PAELLA_SPECIAL("%lanemask_eq", 1u << lane),
    PAELLA_SPECIAL("%lanemask_lt", (1u << lane) - 1),
    PAELLA_SPECIAL("%lanemask_le", (2ull << lane) - 1),
    PAELLA_SPECIAL("%lanemask_gt", ~static_cast<std::uint32_t>((2ull << lane) - 1)),
    PAELLA_SPECIAL("%lanemask_ge", ~((1u << lane) - 1)),
    PAELLA_SPECIAL("%clock", Cycles(w)),
    PAELLA_SPECIAL("%clock_hi", Cycles(w) >> 32),
    PAELLA_SPECIAL("%clock64", Cycles(w)),
    PAELLA_SPECIAL("%globaltimer", NowNs()),
    PAELLA_SPECIAL("%globaltimer_lo", NowNs()),
    PAELLA_SPECIAL("%globaltimer_hi", NowNs() >> 32),
    PAELLA_SPECIAL("%dynamic_smem_size", w.block->launch->dynamic_shared_bytes),
    PAELLA_SPECIAL("%total_smem_size", w.block->shared_bytes),
    // Where cooperative groups look for the barrier of a whole grid.
    PAELLA_SPECIAL("%envreg1", w.block->launch->grid_workspace >> 32),
    PAELLA_SPECIAL("%envreg2", w.block->launch->grid_workspace),
    // Every block is a cluster of its own.
    PAELLA_SPECIAL("%cluster_ctarank", 0), PAELLA_SPECIAL("%cluster_nctarank", 1),
    PAELLA_SPECIAL("%cluster_ctaid.x", 0), PAELLA_SPECIAL("%cluster_ctaid.y", 0),
    PAELLA_SPECIAL("%cluster_ctaid.z", 0), PAELLA_SPECIAL("%cluster_nctaid.x", 1),
    PAELLA_SPECIAL("%cluster_nctaid.y", 1), PAELLA_SPECIAL("%cluster_nctaid.z", 1),
    PAELLA_SPECIAL("%clusterid.x", w.block->position.x), PAELLA_SPECIAL("%clusterid.y", w.block->position.y),
    PAELLA_SPECIAL("%clusterid.z", w.block->position.z), PAELLA_SPECIAL("%nclusterid.x", w.block->launch->grid.x),
    PAELLA_SPECIAL("%nclusterid.y", w.block->launch->grid.y),
    PAELLA_SPECIAL("%nclusterid.z", w.block->launch->grid.z),
};
#undef PAELLA_SPECIAL

// immediate is the register's index in kSpecials. A warp reads a clock once: its lanes agree, as on the real part.
template <typename T>
void ReadSpecial(Warp& warp, const Instruction& in) {
  T* const d = warp.At<T>(in.r[0]);
  const SpecialValue value = kSpecials[in.immediate].value;
  if (in.count == 1) {
    const T shared = static_cast<T>(value(warp, 0));
    ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = shared; });
  } else {
    ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = static_cast<T>(value(warp, lane)); });
  }
}

bool PerLane(std::string_view name) {
  return name.starts_with("%tid") || name.starts_with("%lane");
}

void DecodeSpecial(Emitter& emitter, Type type) {
  const std::string& name = emitter.operand(1).name;
  for (std::size_t i = 0; i < std::size(kSpecials); ++i) {
    if (kSpecials[i].name != name) continue;
    const Place d = emitter.Destination(0, type);
    Instruction& in = emitter.Emit(TypeBytes(type) == 8   ? ReadSpecial<std::uint64_t>
                                   : TypeBytes(type) == 4 ? ReadSpecial<std::uint32_t>
                                                          : ReadSpecial<std::uint16_t>);
    in.r[0] = d;
    in.immediate = i;
    in.count = PerLane(name) ? kWarpSize : 1;
    return;
  }
  emitter.Fail("unknown special register '" + name + "'");
}

void DecodeMov(Emitter& emitter, Modifiers& modifiers) {
  const Type type = modifiers.TakeType();
  if (emitter.operand(1).kind == Operand::Kind::kSpecial) return DecodeSpecial(emitter, type);
  if (emitter.operand(1).kind == Operand::Kind::kVector) return DecodePack(emitter, type);
  if (emitter.operand(0).kind == Operand::Kind::kVector) return DecodeUnpack(emitter, type);
  if (type == Type::kPred) {
    const Place from = emitter.SourcePredicate(1);
    const Place to = emitter.DestinationPredicate(0);
    Instruction& in = emitter.Emit(MovePredicate);
    in.r[0] = to;
    in.r[1] = from;
    return;
  }
  EmitPlain(emitter, MoveHandler(TypeBytes(type)), type, {type});
}

// d = a + immediate: a window's base is added, or taken away.
void AddImmediate(Warp& warp, const Instruction& in) {
  std::uint64_t* const d = warp.At<std::uint64_t>(in.r[0]);
  const std::uint64_t* const a = warp.At<std::uint64_t>(in.r[1]);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = a[lane] + in.immediate; });
}

// Global and constant addresses are generic as they are; the other spaces lie in windows.
std::uint64_t WindowOf(std::string_view space) {
  if (space.starts_with("shared")) return kSharedWindow;
  if (space == "local") return kLocalWindow;
  if (space.starts_with("param")) return kParamWindow;
  return 0;
}

void DecodeCvta(Emitter& emitter, Modifiers& modifiers) {
  const bool to = modifiers.Take("to");
  const std::string_view space = modifiers.TakeAny({"global", "const", "shared", "local", "param", "shared::cta",
                                                    "shared::cluster", "param::entry"});
  const Type type = modifiers.TakeType();
  if (TypeBytes(type) != 8) emitter.Fail("addresses have 64 bits");
  Instruction& in = EmitPlain(emitter, AddImmediate, type, {type});
  in.immediate = to ? 0 - WindowOf(space) : WindowOf(space);
}

template <typename D, typename A>
void Resize(Warp& warp, const Instruction& in) {
  D* const d = warp.At<D>(in.r[0]);
  const A* const a = warp.At<A>(in.r[1]);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = static_cast<D>(a[lane]); });
}

template <typename T>
void DynamicSharedAddress(Warp& warp, const Instruction& in) {
  T* const d = warp.At<T>(in.r[0]);
  const T address = static_cast<T>(warp.block->dynamic_shared_offset + in.immediate);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = address; });
}

template <typename T>
void LocalAddress(Warp& warp, const Instruction& in) {
  T* const d = warp.At<T>(in.r[0]);
  const T address = static_cast<T>(warp.frame->local_base + in.immediate);
  ForLanes(warp.exec, [&](std::uint32_t lane) { d[lane] = address; });
}

}  // namespace

Handler ResizeHandler(std::uint32_t from_bytes, std::uint32_t to_bytes, bool is_signed) {
  if (to_bytes == 2) return from_bytes == 4 ? Resize<std::uint16_t, std::uint32_t> : Resize<std::uint16_t, std::uint64_t>;
  if (to_bytes == 4 && from_bytes == 8) return Resize<std::uint32_t, std::uint64_t>;
  if (to_bytes == 4) return is_signed ? Resize<std::int32_t, std::int16_t> : Resize<std::uint32_t, std::uint16_t>;
  if (from_bytes == 2) return is_signed ? Resize<std::int64_t, std::int16_t> : Resize<std::uint64_t, std::uint16_t>;
  return is_signed ? Resize<std::int64_t, std::int32_t> : Resize<std::uint64_t, std::uint32_t>;
}

Handler DynamicSharedHandler(std::uint32_t bytes) {
  return bytes == 8 ? DynamicSharedAddress<std::uint64_t> : DynamicSharedAddress<std::uint32_t>;
}

Handler LocalAddressHandler(std::uint32_t bytes) {
  return bytes == 8 ? LocalAddress<std::uint64_t> : LocalAddress<std::uint32_t>;
}

void NotPredicateHandler(Warp& warp, const Instruction& in) { warp.SetPredicate(in.r[0], ~warp.Predicate(in.r[1])); }

bool DecodeMove(Emitter& emitter, Modifiers& modifiers) {
  if (modifiers.base() == "mov") {
    DecodeMov(emitter, modifiers);
  } else if (modifiers.base() == "cvta") {
    DecodeCvta(emitter, modifiers);
  } else {
    return false;
  }
  return true;
}

}  // namespace paella::simulated_gpu
