// Branches, calls, exits, barriers and fences.
#include <bit>
#include <thread>

#include "tests/simulated_gpu/block.h"
#include "tests/simulated_gpu/device_print.h"
#include "tests/simulated_gpu/handlers.h"

namespace paella::simulated_gpu {
namespace {

void Branch(Warp& warp, const Instruction& in) {
  if (warp.exec == warp.active) {
    warp.pc = in.target;
  } else {
    warp.Split(warp.exec, in.target);
  }
}

// r[1] is the index into the table `target`. Each distinct destination becomes a fragment.
void IndexedBranch(Warp& warp, const Instruction& in) {
  const auto& table = warp.frame->function->branch_tables[in.target];
  const auto* const index = warp.At<std::uint32_t>(in.r[1]);
  for (std::uint32_t left = warp.exec; left != 0;) {
    const std::uint32_t choice = index[std::countr_zero(left)];
    std::uint32_t same = 0;
    ForLanes(left, [&](std::uint32_t lane) { same |= std::uint32_t{index[lane] == choice} << lane; });
    left &= ~same;
    if (choice >= table.size()) return warp.RaiseFault(Fault::kIllegalInstruction, in, choice);
    warp.Split(same, table[choice]);
  }
}

void DecodeIndexedBranch(Emitter& emitter) {
  const std::vector<std::string> labels = emitter.BranchTable(emitter.operand(1));
  const Place index = emitter.Source(0, Type::kU32);
  const auto table = static_cast<std::uint32_t>(emitter.out().branch_tables.size());
  emitter.AddBranchTable(labels);
  Instruction& in = emitter.Emit(IndexedBranch);
  in.r[1] = index;
  in.target = table;
}

void Return(Warp& warp, const Instruction&) { warp.ReturnFrom(); }
void Exit(Warp& warp, const Instruction&) { warp.Exit(warp.exec); }
void Trap(Warp& warp, const Instruction& in) { warp.RaiseFault(Fault::kTrap, in); }
void Nothing(Warp&, const Instruction&) {}

// The model keeps no time for a sleeper: it gives its turn away, which the instruction allows.
void Sleep(Warp& warp, const Instruction&) { warp.yield = true; }

void Call(Warp& warp, const Instruction& in) {
  const CallSite& site = warp.frame->function->call_sites[in.target];
  warp.EnterFrame(warp.block->launch->program->functions[static_cast<std::size_t>(site.callee)], site);
}

// r[1] holds the callee's address. Lanes that call another function than the first lane do so on a later turn.
void IndirectCall(Warp& warp, const Instruction& in) {
  const auto* const addresses = warp.At<std::uint64_t>(in.r[1]);
  const std::uint64_t address = addresses[std::countr_zero(warp.exec)];
  const auto& functions = warp.block->launch->program->functions;
  const std::uint64_t index = address & ~kWindowMask;
  if ((address & kWindowMask) != kFunctionWindow || index >= functions.size() || functions[index].code.empty()) {
    return warp.RaiseFault(Fault::kIllegalInstruction, in, address);
  }
  std::uint32_t same = 0;
  ForLanes(warp.exec, [&](std::uint32_t lane) { same |= std::uint32_t{addresses[lane] == address} << lane; });
  if (const std::uint32_t others = warp.exec & ~same; others != 0) {
    warp.Split(others, warp.pc - 1);
    warp.exec = same;
  }
  warp.EnterFrame(functions[index], warp.frame->function->call_sites[in.target]);
}

void AddTransfers(Emitter& emitter, const Operand& list, std::vector<CallSite::Transfer>& transfers) {
  for (const Operand& name : list.elements) {
    if (name.kind != Operand::Kind::kVariable) emitter.Fail("an argument must be a .param variable");
    transfers.push_back({emitter.ParameterOffset(name), static_cast<std::uint32_t>(emitter.VariableOf(name).bytes)});
  }
}

void DecodeCall(Emitter& emitter) {
  CallSite site;
  std::size_t at = 0;
  if (emitter.operand(0).kind == Operand::Kind::kList) AddTransfers(emitter, emitter.operand(at++), site.results);
  const Operand callee = emitter.operand(at++);
  if (at < emitter.operand_count() && emitter.operand(at).kind == Operand::Kind::kList) {
    AddTransfers(emitter, emitter.operand(at), site.arguments);
  }
  const bool indirect = callee.kind == Operand::Kind::kRegister;
  if (!indirect && EmitPrintingCall(emitter, callee.name, site)) return;
  if (!indirect) {
    site.callee = emitter.FunctionIndex(callee.name);
    if (site.callee < 0) emitter.Fail("no function '" + callee.name + "' here");
  }
  const Place address = indirect ? emitter.Source(callee, Type::kU64) : kNowhere;
  Instruction& in = emitter.Emit(indirect ? IndirectCall : Call);
  in.r[1] = address;
  in.target = static_cast<std::uint32_t>(emitter.out().call_sites.size());
  emitter.out().call_sites.push_back(std::move(site));
  emitter.out().calls = true;
}

// r[1] is the barrier, r[2] the number of threads, or nowhere for all. r[3] is the vote of bar.red.
template <bool kWaits>
void Barrier(Warp& warp, const Instruction& in) {
  const auto lane = static_cast<std::size_t>(std::countr_zero(warp.exec));
  const std::uint32_t id = warp.At<std::uint32_t>(in.r[1])[lane];
  if (id >= kBarriers) return warp.RaiseFault(Fault::kIllegalInstruction, in, id);
  if (in.r[3] != kNowhere) {
    warp.block->barriers[id].votes += static_cast<std::uint32_t>(std::popcount(warp.Predicate(in.r[3]) & warp.exec));
  }
  warp.block->Arrive(warp, id, in.r[2] == kNowhere ? 0 : warp.At<std::uint32_t>(in.r[2])[lane], kWaits);
}

enum class Vote : std::uint8_t { kCount, kAnd, kOr };

// Follows the barrier: nobody can have completed it again before this warp came back.
void ReadVotes(Warp& warp, const Instruction& in) {
  const Block::Barrier& barrier = warp.block->barriers[warp.At<std::uint32_t>(in.r[1])[std::countr_zero(warp.exec)]];
  if (static_cast<Vote>(in.immediate) == Vote::kCount) {
    ForLanes(warp.exec, [&](std::uint32_t lane) { warp.At<std::uint32_t>(in.r[0])[lane] = barrier.result; });
  } else {
    const bool holds = static_cast<Vote>(in.immediate) == Vote::kAnd ? barrier.result_all : barrier.result > 0;
    warp.SetPredicate(in.r[0], holds ? 0xffffffff : 0);
  }
}

Instruction& EmitBarrier(Emitter& emitter, Handler handler, std::size_t id_operand, bool has_count) {
  const Place id = emitter.Source(id_operand, Type::kU32);
  const Place count = has_count ? emitter.Source(id_operand + 1, Type::kU32) : kNowhere;
  Instruction& in = emitter.Emit(handler);
  in.r[1] = id;
  in.r[2] = count;
  in.gathers = true;
  return in;
}

void DecodeReduction(Emitter& emitter, Modifiers& modifiers) {
  const std::string_view word = modifiers.TakeAny({"popc", "and", "or"});
  const Type type = modifiers.TakeType();
  const bool has_count = emitter.operand_count() == 4;
  const Place vote = emitter.SourcePredicate(emitter.operand_count() - 1);
  EmitBarrier(emitter, Barrier<true>, 1, has_count).r[3] = vote;
  const Place id = emitter.Source(1, Type::kU32);
  const Place d = emitter.Destination(0, type);
  Instruction& in = emitter.Emit(ReadVotes);
  in.r[0] = d;
  in.r[1] = id;
  in.immediate = static_cast<std::uint64_t>(word == "and" ? Vote::kAnd : word == "or" ? Vote::kOr : Vote::kCount);
}

void DecodeBarrier(Emitter& emitter, Modifiers& modifiers) {
  modifiers.Take("cta");
  modifiers.Take("aligned");
  const std::string_view kind = modifiers.TakeAny({"sync", "arrive", "red"});
  if (kind == "red") return DecodeReduction(emitter, modifiers);
  EmitBarrier(emitter, kind == "arrive" ? Barrier<false> : Barrier<true>, 0, emitter.operand_count() > 1);
}

void DecodeFence(Modifiers& modifiers) {
  modifiers.TakeAny({"gl", "cta", "sys"});
  modifiers.TakeAny({"proxy"});
  modifiers.TakeAny({"async", "alias"});
  modifiers.TakeHints();
}

void DecodeBranch(Emitter& emitter, Modifiers& modifiers) {
  modifiers.Take("uni");
  emitter.EmitLabelTarget(emitter.Emit(Branch), emitter.operand(0));
}

}  // namespace

bool DecodeControl(Emitter& emitter, Modifiers& modifiers) {
  const std::string_view base = modifiers.base();
  if (base == "bra") {
    DecodeBranch(emitter, modifiers);
  } else if (base == "brx") {
    modifiers.Take("idx");
    modifiers.Take("uni");
    DecodeIndexedBranch(emitter);
  } else if (base == "call") {
    modifiers.Take("uni");
    DecodeCall(emitter);
  } else if (base == "ret") {
    modifiers.Take("uni");
    emitter.Emit(Return);
  } else if (base == "exit") {
    emitter.Emit(Exit);
  } else if (base == "trap" || base == "brkpt") {
    emitter.Emit(Trap);
  } else if (base == "bar" && modifiers.Take("warp")) {
    modifiers.Take("sync");
    return DecodeWarpBarrier(emitter);
  } else if (base == "bar" || base == "barrier") {
    DecodeBarrier(emitter, modifiers);
  } else if (base == "membar" || base == "fence") {
    DecodeFence(modifiers);
  } else if (base == "nanosleep") {
    modifiers.TakeType();
    emitter.Emit(Sleep);
  } else if (base == "griddepcontrol") {
    modifiers.TakeAny({"launch_dependents", "wait"});
    emitter.Emit(Nothing);
  } else {
    return false;
  }
  return true;
}

}  // namespace paella::simulated_gpu
