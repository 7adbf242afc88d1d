#include "tests/simulated_gpu/warp.h"

#include <algorithm>
#include <cstring>

#include "tests/simulated_gpu/block.h"

namespace paella::simulated_gpu {
namespace {

constexpr std::uint32_t kNever = 0xffffffff;
constexpr std::uint32_t kCallStackBytes = 16 * 1024;  // local memory beyond the kernel's own frame, per thread
constexpr std::uint32_t kMaxCallDepth = 512;

}  // namespace

void Warp::Start(Block& owner, std::uint32_t warp_index, std::uint32_t lanes) {
  block = &owner;
  index = warp_index;
  live = lanes;
  const Function& kernel = *owner.launch->function;
  local_stride = (kernel.local_bytes + (kernel.calls ? kCallStackBytes : 0) + 15) & ~15u;
  local.assign(std::size_t{local_stride} * kWarpSize, 0);
  auto first = std::make_unique<Frame>();
  first->function = &kernel;
  first->live = lanes;
  first->registers.assign((kernel.register_bytes + 7) / 8, 0);
  first->parameters.assign(std::size_t{kernel.parameter_bytes} * kWarpSize, 0);
  waiting.push_back({lanes, 0, first.get()});
  frames.push_back(std::move(first));
}

void Warp::UseFrame(Frame* next) {
  frame = next;
  bases[0] = reinterpret_cast<std::uint8_t*>(next->registers.data());
  bases[1] = const_cast<std::uint8_t*>(next->function->constants.data());
}

std::uint32_t Warp::Run(std::uint32_t budget) {
  std::uint32_t ran = 0;
  yield = false;
  std::uint32_t switch_pc = kNever;
  while (ran < budget && !yield && Choose(switch_pc)) {
    reschedule = parked = false;
    const Instruction* const code = frame->function->code.data();
    while (ran < budget) {
      const Instruction& instruction = code[pc];
      exec = active;
      if (instruction.guard != kNowhere) {
        const std::uint32_t predicate = Predicate(instruction.guard);
        exec &= instruction.guard_negated ? ~predicate : predicate;
      }
      ++pc;
      ++ran;
      if (exec != 0) {
        if (instruction.gathers && exec != active) Split(active & ~exec, pc);
        instruction.handler(*this, instruction);
        if (reschedule || yield) break;
      }
      if (pc >= switch_pc) break;
    }
    if (block->fault != Fault::kNone) return ran;
    if (!parked && active != 0) waiting.push_back({active, pc, frame, Fragment::State::kReady, 0, turn});
  }
  fair_turn = !fair_turn && waiting.size() > 1;
  return ran;
}

bool Warp::Choose(std::uint32_t& switch_pc) {
  if (waiting.size() > 1) MergeWaiting();
  std::size_t best = waiting.size();
  for (int attempt = 0; attempt < 2 && best == waiting.size(); ++attempt) {
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      const Fragment& f = waiting[i];
      if (f.state == Fragment::State::kAtBarrier) continue;
      if (attempt == 0 && f.state != Fragment::State::kReady) continue;
      if (best == waiting.size()) {
        best = i;
        continue;
      }
      const Fragment& b = waiting[best];
      const bool better = fair_turn ? f.last_run < b.last_run
                                    : (f.frame->depth != b.frame->depth ? f.frame->depth > b.frame->depth : f.pc < b.pc);
      if (better) best = i;
    }
    forced_sync_ = attempt == 1 && best != waiting.size();
  }
  if (best == waiting.size()) return false;
  const Fragment chosen = waiting[best];
  waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(best));
  active = chosen.mask;
  pc = chosen.pc;
  UseFrame(chosen.frame);
  ++turn;
  switch_pc = kNever;
  if (!fair_turn) {
    for (const Fragment& f : waiting) {
      if (f.frame == frame && f.pc > pc && f.state != Fragment::State::kAtBarrier) switch_pc = std::min(switch_pc, f.pc);
    }
  }
  fair_turn = false;
  return true;
}

void Warp::MergeWaiting() {
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    Fragment& into = waiting[i];
    if (into.state == Fragment::State::kAtBarrier) continue;
    for (std::size_t j = i + 1; j < waiting.size();) {
      const Fragment& other = waiting[j];
      if (other.state == Fragment::State::kAtBarrier || other.pc != into.pc || other.frame != into.frame) {
        ++j;
        continue;
      }
      into.mask |= other.mask;
      into.state = Fragment::State::kReady;  // more lanes are here now: what it waited for may be complete
      into.last_run = std::min(into.last_run, other.last_run);
      waiting.erase(waiting.begin() + static_cast<std::ptrdiff_t>(j));
    }
  }
}

void Warp::Split(std::uint32_t lanes, std::uint32_t lanes_pc) {
  active &= ~lanes;
  waiting.push_back({lanes, lanes_pc, frame, Fragment::State::kReady, 0, turn});
  reschedule = true;
}

void Warp::Park(Fragment::State state, std::uint32_t at_pc, std::uint8_t barrier) {
  waiting.push_back({active, at_pc, frame, state, barrier, turn});
  active = 0;
  parked = reschedule = true;
}

bool Warp::Gather(std::uint32_t needed) {
  needed &= live;
  if ((needed & ~exec) == 0) return true;
  if (forced_sync_) {
    forced_sync_ = false;
    return true;
  }
  Park(Fragment::State::kAtWarpSync, pc - 1);
  return false;
}

void Warp::EnterFrame(const Function& callee, const CallSite& site) {
  if (exec != active) Split(active & ~exec, pc);
  std::unique_ptr<Frame> next;
  if (spare_frames.empty()) {
    next = std::make_unique<Frame>();
  } else {
    next = std::move(spare_frames.back());
    spare_frames.pop_back();
  }
  next->function = &callee;
  next->registers.assign((callee.register_bytes + 7) / 8, 0);
  next->parameters.assign(std::size_t{callee.parameter_bytes} * kWarpSize, 0);
  next->parent = frame;
  next->live = exec;
  next->return_pc = pc;
  next->site = &site;
  next->local_base = frame->local_base + frame->function->local_bytes;
  next->depth = frame->depth + 1;
  if (next->depth > kMaxCallDepth || next->local_base + callee.local_bytes > local_stride) {
    return RaiseFault(Fault::kStackOverflow, frame->function->code[pc - 1]);
  }
  for (std::size_t i = 0; i < site.arguments.size() && i < callee.parameters.size(); ++i) {
    const std::size_t bytes = std::min(site.arguments[i].bytes, callee.parameters[i].bytes);
    ForLanes(exec, [&](std::uint32_t lane) {
      std::memcpy(next->ParameterOf(lane) + callee.parameters[i].offset,
                  frame->ParameterOf(lane) + site.arguments[i].caller_offset, bytes);
    });
  }
  UseFrame(next.get());
  frames.push_back(std::move(next));
  pc = 0;
  reschedule = true;
}

void Warp::ReturnFrom() {
  Frame* const callee = frame;
  if (callee->parent == nullptr) return Exit(exec);
  if (exec != active) Split(active & ~exec, pc);
  Frame* const caller = callee->parent;
  const auto& results = callee->function->results;
  for (std::size_t i = 0; i < results.size() && i < callee->site->results.size(); ++i) {
    const std::size_t bytes = std::min(results[i].bytes, callee->site->results[i].bytes);
    ForLanes(exec, [&](std::uint32_t lane) {
      std::memcpy(caller->ParameterOf(lane) + callee->site->results[i].caller_offset,
                  callee->ParameterOf(lane) + results[i].offset, bytes);
    });
  }
  pc = callee->return_pc;
  UseFrame(caller);
  reschedule = true;
  callee->live &= ~exec;
  if (callee->live != 0) return;
  const auto it = std::find_if(frames.begin(), frames.end(), [&](const auto& f) { return f.get() == callee; });
  spare_frames.push_back(std::move(*it));
  frames.erase(it);
}

void Warp::Exit(std::uint32_t lanes) {
  live &= ~lanes;
  active &= ~lanes;
  for (Frame* f = frame; f != nullptr; f = f->parent) f->live &= ~lanes;
  reschedule = true;
  // Those who wait for the lanes that just left must look again.
  for (Fragment& f : waiting) {
    if (f.state == Fragment::State::kAtWarpSync) f.state = Fragment::State::kReady;
  }
  block->ThreadsExited(static_cast<std::uint32_t>(std::popcount(lanes)));
}

void Warp::RaiseFault(Fault fault, const Instruction& instruction, std::uint64_t address) {
  block->RaiseFault(fault, *frame->function, instruction, address);
  reschedule = true;
}

}  // namespace paella::simulated_gpu
