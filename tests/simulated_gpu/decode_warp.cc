// Instructions in which the lanes of a warp see each other: shuffles, votes, matches, reductions.
//
// All gather first: they run when every lane that the member mask names has come (Warp::Gather). r[5] is that mask.
#include <algorithm>
#include <bit>

#include "tests/simulated_gpu/block.h"
#include "tests/simulated_gpu/handlers.h"

namespace paella::simulated_gpu {
namespace {

bool GatherMembers(Warp& warp, const Instruction& in) {
  const auto first = static_cast<std::size_t>(std::countr_zero(warp.exec));
  return warp.Gather(warp.At<std::uint32_t>(in.r[5])[first]);
}

enum class Shuffle : std::uint8_t { kUp, kDown, kButterfly, kIndex };

// r[0] value, r[1] predicate, r[2] a, r[3] b, r[4] c, as PTX names them.
void ShuffleHandler(Warp& warp, const Instruction& in) {
  if (!GatherMembers(warp, in)) return;
  std::uint32_t values[kWarpSize];
  std::copy_n(warp.At<std::uint32_t>(in.r[2]), kWarpSize, values);
  std::uint32_t valid = 0;
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    const std::uint32_t b = warp.At<std::uint32_t>(in.r[3])[lane] & 0x1f;
    const std::uint32_t c = warp.At<std::uint32_t>(in.r[4])[lane];
    const std::uint32_t clamp = c & 0x1f, segment = (c >> 8) & 0x1f;
    const std::uint32_t highest = (lane & segment) | (clamp & ~segment);
    const std::uint32_t lowest = lane & segment;
    std::uint32_t source = lane;
    bool inside = false;
    switch (static_cast<Shuffle>(in.immediate)) {
      case Shuffle::kUp:
        source = lane - b;
        inside = static_cast<std::int32_t>(source) >= static_cast<std::int32_t>(highest);
        break;
      case Shuffle::kDown: source = lane + b; inside = source <= highest; break;
      case Shuffle::kButterfly: source = lane ^ b; inside = source <= highest; break;
      case Shuffle::kIndex: source = lowest | (b & ~segment); inside = source <= highest; break;
    }
    if (!inside) source = lane;
    valid |= std::uint32_t{inside} << lane;
    warp.At<std::uint32_t>(in.r[0])[lane] = values[source];
  });
  warp.SetPredicate(in.r[1], valid);
}

void DecodeShuffle(Emitter& emitter, Modifiers& modifiers) {
  if (!modifiers.Take("sync")) emitter.Fail("only the .sync form is supported");
  const std::string_view mode = modifiers.TakeAny({"up", "down", "bfly", "idx"});
  modifiers.TakeType();
  Place places[6] = {kNowhere, kNowhere, kNowhere, kNowhere, kNowhere, kNowhere};
  for (std::size_t i = 1; i <= 4; ++i) places[i + 1] = emitter.Source(i, Type::kU32);
  places[0] = emitter.Destination(0, Type::kU32);
  if (emitter.operand(0).second >= 0) {
    Operand name;
    name.kind = Operand::Kind::kRegister;
    name.index = emitter.operand(0).second;
    places[1] = emitter.Destination(name, Type::kPred);
  }
  Instruction& in = emitter.Emit(ShuffleHandler);
  std::copy_n(places, 6, in.r);
  in.gathers = true;
  in.immediate = static_cast<std::uint64_t>(mode == "up"     ? Shuffle::kUp
                                            : mode == "down" ? Shuffle::kDown
                                            : mode == "bfly" ? Shuffle::kButterfly
                                                             : Shuffle::kIndex);
}

enum class Vote : std::uint8_t { kAll, kAny, kUniform, kBallot };

void VoteHandler(Warp& warp, const Instruction& in) {
  if (!GatherMembers(warp, in)) return;
  const std::uint32_t votes = warp.Predicate(in.r[1]) & warp.exec;
  bool holds = false;
  switch (static_cast<Vote>(in.immediate)) {
    case Vote::kAll: holds = votes == warp.exec; break;
    case Vote::kAny: holds = votes != 0; break;
    case Vote::kUniform: holds = votes == 0 || votes == warp.exec; break;
    case Vote::kBallot:
      return ForLanes(warp.exec, [&](std::uint32_t lane) { warp.At<std::uint32_t>(in.r[0])[lane] = votes; });
  }
  warp.SetPredicate(in.r[0], holds ? 0xffffffff : 0);
}

void DecodeVote(Emitter& emitter, Modifiers& modifiers) {
  if (!modifiers.Take("sync")) emitter.Fail("only the .sync form is supported");
  const std::string_view word = modifiers.TakeAny({"all", "any", "uni", "ballot"});
  modifiers.TakeType();
  const Place vote = emitter.SourcePredicate(1);
  const Place members = emitter.Source(2, Type::kU32);
  const Place d = emitter.Destination(0, word == "ballot" ? Type::kU32 : Type::kPred);
  Instruction& in = emitter.Emit(VoteHandler);
  in.r[0] = d;
  in.r[1] = vote;
  in.r[5] = members;
  in.gathers = true;
  in.immediate = static_cast<std::uint64_t>(word == "all"   ? Vote::kAll
                                            : word == "any" ? Vote::kAny
                                            : word == "uni" ? Vote::kUniform
                                                            : Vote::kBallot);
}

template <typename T, bool kAll>
void MatchHandler(Warp& warp, const Instruction& in) {
  if (!GatherMembers(warp, in)) return;
  T values[kWarpSize];
  std::copy_n(warp.At<T>(in.r[2]), kWarpSize, values);
  bool all = true;
  ForLanes(warp.exec, [&](std::uint32_t lane) {
    std::uint32_t same = 0;
    ForLanes(warp.exec, [&](std::uint32_t other) { same |= std::uint32_t{values[other] == values[lane]} << other; });
    all = all && same == warp.exec;
    warp.At<std::uint32_t>(in.r[0])[lane] = kAll && same != warp.exec ? 0 : same;
  });
  if (kAll) warp.SetPredicate(in.r[1], all ? 0xffffffff : 0);
}

void DecodeMatch(Emitter& emitter, Modifiers& modifiers) {
  const bool all = modifiers.TakeAny({"any", "all"}) == "all";
  modifiers.Take("sync");
  const Type type = modifiers.TakeType();
  const bool wide = TypeBytes(type) == 8;
  const Place a = emitter.Source(1, type);
  const Place members = emitter.Source(2, Type::kU32);
  const Place d = emitter.Destination(0, Type::kU32);
  Place predicate = kNowhere;
  if (emitter.operand(0).second >= 0) {
    Operand name;
    name.kind = Operand::Kind::kRegister;
    name.index = emitter.operand(0).second;
    predicate = emitter.Destination(name, Type::kPred);
  }
  using U32 = std::uint32_t;
  using U64 = std::uint64_t;
  Instruction& in = emitter.Emit(all ? (wide ? MatchHandler<U64, true> : MatchHandler<U32, true>)
                                     : (wide ? MatchHandler<U64, false> : MatchHandler<U32, false>));
  in.r[0] = d;
  in.r[1] = predicate;
  in.r[2] = a;
  in.r[5] = members;
  in.gathers = true;
}

enum class Reduction : std::uint8_t { kAdd, kMin, kMax, kAnd, kOr, kXor };

template <typename T>
T Reduce(Reduction reduction, T a, T b) {
  switch (reduction) {
    case Reduction::kAdd: return static_cast<T>(static_cast<std::uint32_t>(a) + static_cast<std::uint32_t>(b));
    case Reduction::kMin: return std::min(a, b);
    case Reduction::kMax: return std::max(a, b);
    case Reduction::kAnd: return a & b;
    case Reduction::kOr: return a | b;
    case Reduction::kXor: return a ^ b;
  }
  return a;
}

template <typename T>
void ReductionHandler(Warp& warp, const Instruction& in) {
  if (!GatherMembers(warp, in)) return;
  const T* const a = warp.At<T>(in.r[1]);
  const auto first = static_cast<std::uint32_t>(std::countr_zero(warp.exec));
  T result = a[first];
  ForLanes(warp.exec & (warp.exec - 1), [&](std::uint32_t lane) {
    result = Reduce(static_cast<Reduction>(in.immediate), result, a[lane]);
  });
  ForLanes(warp.exec, [&](std::uint32_t lane) { warp.At<T>(in.r[0])[lane] = result; });
}

void DecodeReduction(Emitter& emitter, Modifiers& modifiers) {
  static constexpr std::string_view kWords[] = {"add", "min", "max", "and", "or", "xor"};
  modifiers.Take("sync");
  std::uint64_t reduction = 0;
  while (reduction < std::size(kWords) && !modifiers.Take(kWords[reduction])) ++reduction;
  if (reduction == std::size(kWords)) emitter.Fail("unknown reduction");
  const Type type = modifiers.TakeType();
  const Place a = emitter.Source(1, type);
  const Place members = emitter.Source(2, Type::kU32);
  const Place d = emitter.Destination(0, type);
  if (TypeBytes(type) != 4 || IsFloat(type)) emitter.Fail("not supported for this type");
  Instruction& in = emitter.Emit(IsSigned(type) ? ReductionHandler<std::int32_t> : ReductionHandler<std::uint32_t>);
  in.r[0] = d;
  in.r[1] = a;
  in.r[5] = members;
  in.gathers = true;
  in.immediate = reduction;
}

void ActiveMask(Warp& warp, const Instruction& in) {
  const std::uint32_t mask = warp.exec;
  ForLanes(mask, [&](std::uint32_t lane) { warp.At<std::uint32_t>(in.r[0])[lane] = mask; });
}

void Elect(Warp& warp, const Instruction& in) {
  if (!GatherMembers(warp, in)) return;
  const auto leader = static_cast<std::uint32_t>(std::countr_zero(warp.exec));
  ForLanes(warp.exec, [&](std::uint32_t lane) { warp.At<std::uint32_t>(in.r[0])[lane] = leader; });
  warp.SetPredicate(in.r[1], 1u << leader);
}

void DecodeElect(Emitter& emitter, Modifiers& modifiers) {
  modifiers.Take("sync");
  const Operand& both = emitter.operand(0);
  const Place members = emitter.Source(1, Type::kU32);
  const Place d = emitter.Destination(both, Type::kU32);
  Operand name;
  name.kind = Operand::Kind::kRegister;
  name.index = both.second;
  const Place predicate = emitter.Destination(name, Type::kPred);
  Instruction& in = emitter.Emit(Elect);
  in.r[0] = d;
  in.r[1] = predicate;
  in.r[5] = members;
  in.gathers = true;
}

void WarpBarrier(Warp& warp, const Instruction& in) { GatherMembers(warp, in); }

}  // namespace

bool DecodeWarpBarrier(Emitter& emitter) {
  const Place members = emitter.Source(0, Type::kU32);
  Instruction& in = emitter.Emit(WarpBarrier);
  in.r[5] = members;
  in.gathers = true;
  return true;
}

bool DecodeWarp(Emitter& emitter, Modifiers& modifiers) {
  const std::string_view base = modifiers.base();
  if (base == "shfl") {
    DecodeShuffle(emitter, modifiers);
  } else if (base == "vote") {
    DecodeVote(emitter, modifiers);
  } else if (base == "match") {
    DecodeMatch(emitter, modifiers);
  } else if (base == "redux") {
    DecodeReduction(emitter, modifiers);
  } else if (base == "elect") {
    DecodeElect(emitter, modifiers);
  } else if (base == "activemask") {
    modifiers.TakeType();
    const Place d = emitter.Destination(0, Type::kU32);
    emitter.Emit(ActiveMask).r[0] = d;
  } else {
    return false;
  }
  return true;
}

}  // namespace paella::simulated_gpu
