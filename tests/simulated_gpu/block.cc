#include "tests/simulated_gpu/block.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace paella::simulated_gpu {
namespace {

constexpr std::uint32_t kSliceInstructions = 16384;  // about a millisecond: bounds how long the memory gate is held
constexpr std::uint32_t kWarpInstructions = 1024;    // then another warp of the block has its turn

const char* FaultName(Fault fault) {
  switch (fault) {
    case Fault::kNone: return "none";
    case Fault::kIllegalAddress: return "illegal address";
    case Fault::kMisaligned: return "misaligned address";
    case Fault::kTrap: return "trap";
    case Fault::kAssert: return "assertion failed";
    case Fault::kIllegalInstruction: return "illegal instruction";
    case Fault::kInvalidAddressSpace: return "address in the wrong space";
    case Fault::kHang: return "every thread waits at a barrier that cannot complete";
    case Fault::kStackOverflow: return "call stack too deep";
  }
  return "unknown";
}

}  // namespace

Block::Block(std::shared_ptr<const Launch> block_launch, std::uint64_t linear_index, std::uint32_t on_sm)
    : launch(std::move(block_launch)), sm(on_sm) {
  const Dim3& grid = launch->grid;
  position.x = static_cast<std::uint32_t>(linear_index % grid.x);
  position.y = static_cast<std::uint32_t>(linear_index / grid.x % grid.y);
  position.z = static_cast<std::uint32_t>(linear_index / grid.x / grid.y);
}

// Not in the constructor: a block that only waits for a worker needs no memory yet.
void Block::Begin() {
  begun_ = true;
  const Function& kernel = *launch->function;
  dynamic_shared_offset = (kernel.static_shared_bytes + 15) & ~15u;
  shared_bytes = launch->dynamic_shared_bytes == 0 ? kernel.static_shared_bytes
                                                   : dynamic_shared_offset + launch->dynamic_shared_bytes;
  shared.assign(shared_bytes + 16, 0);  // never empty: its address is taken
  live_threads = static_cast<std::uint32_t>(launch->block.count());
  const std::uint32_t warps = (live_threads + kWarpSize - 1) / kWarpSize;
  warps_.resize(warps);
  for (std::uint32_t i = 0; i < warps; ++i) {
    const std::uint32_t lanes = std::min(kWarpSize, live_threads - i * kWarpSize);
    warps_[i].Start(*this, i, lanes == kWarpSize ? 0xffffffffu : (1u << lanes) - 1);
  }
}

BlockState Block::RunSlice() {
  if (!begun_) Begin();
  for (Warp& warp : warps_) warp.recent[0] = warp.recent[1] = Range{};
  std::uint32_t budget = kSliceInstructions;
  std::size_t idle = 0;
  bool slept = false;
  while (live_threads > 0 && budget > 0 && idle < warps_.size()) {
    Warp& warp = warps_[next_warp_];
    next_warp_ = (next_warp_ + 1) % warps_.size();
    const std::uint32_t ran = warp.Run(std::min(budget, kWarpInstructions));
    if (fault != Fault::kNone) return BlockState::kFaulted;
    budget -= ran;
    // A warp in nanosleep counts as idle for this slice, so that a block of sleepers gives its worker away.
    idle = ran == 0 || warp.yield ? idle + 1 : 0;
    slept |= warp.yield;
  }
  if (live_threads == 0) return BlockState::kFinished;
  if (idle >= warps_.size() && !slept) {
    fault = Fault::kHang;
    fault_text = "kernel " + launch->function->name + ": " + FaultName(fault);
    return BlockState::kFaulted;
  }
  return BlockState::kRunning;
}

bool Block::Arrive(Warp& warp, std::uint32_t id, std::uint32_t expected, bool waits) {
  Barrier& barrier = barriers[id];
  barrier.expected = expected;
  barrier.arrived += static_cast<std::uint32_t>(std::popcount(warp.exec));
  const std::uint32_t wanted = expected == 0 ? live_threads : expected;
  if (barrier.arrived < wanted) {
    if (waits) warp.Park(Fragment::State::kAtBarrier, warp.pc, static_cast<std::uint8_t>(id));
    return false;
  }
  Release(id);
  return true;
}

void Block::ThreadsExited(std::uint32_t count) {
  live_threads -= count;
  if (live_threads == 0) return;
  for (std::uint32_t id = 0; id < kBarriers; ++id) {
    const Barrier& barrier = barriers[id];
    if (barrier.arrived > 0 && barrier.expected == 0 && barrier.arrived >= live_threads) Release(id);
  }
}

void Block::Release(std::uint32_t id) {
  Barrier& barrier = barriers[id];
  barrier.result = barrier.votes;
  barrier.result_all = barrier.votes == barrier.arrived;
  barrier.arrived = barrier.votes = 0;
  for (Warp& warp : warps_) {
    for (Fragment& fragment : warp.waiting) {
      if (fragment.state == Fragment::State::kAtBarrier && fragment.barrier == id) {
        fragment.state = Fragment::State::kReady;
      }
    }
  }
}

void Block::RaiseFault(Fault kind, const Function& function, const Instruction& instruction, std::uint64_t address) {
  if (fault != Fault::kNone) return;
  fault = kind;
  char text[256];
  std::snprintf(text, sizeof text, "kernel %s block (%u,%u,%u): %s at 0x%llx, PTX line %u in %s",
                launch->function->name.c_str(), position.x, position.y, position.z, FaultName(kind),
                static_cast<unsigned long long>(address), instruction.line, function.name.c_str());
  fault_text = text;
}

}  // namespace paella::simulated_gpu
