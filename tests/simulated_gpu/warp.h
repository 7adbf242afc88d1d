// One warp: 32 threads in SIMT execution, as a state machine that runs some instructions and can be set aside.
//
// The threads of a warp are in one or more fragments: sets of lanes with one program counter in one call frame.
// Divergence splits a fragment; fragments that meet at one place merge. The deepest call runs first and in it the
// smallest program counter, so that branches reconverge; when a slice ends with several fragments ready, the next slice
// runs the one that waited longest, so that a lane spinning on another lane's work does not hang its warp.
//
// A worker runs it, one at a time; the block owns it; its registers and local memory are its own.
#ifndef PAELLA_TESTS_SIMULATED_GPU_WARP_H_
#define PAELLA_TESTS_SIMULATED_GPU_WARP_H_

#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "tests/simulated_gpu/memory_map.h"
#include "tests/simulated_gpu/program.h"
#include "tests/simulated_gpu/settings.h"

namespace paella::simulated_gpu {

struct Block;

enum class Fault : std::uint8_t {
  kNone, kIllegalAddress, kMisaligned, kTrap, kAssert, kIllegalInstruction, kInvalidAddressSpace, kHang, kStackOverflow,
};

struct Frame {
  const Function* function = nullptr;
  std::vector<std::uint64_t> registers;  // 8-byte words so that every place is aligned
  std::vector<std::uint8_t> parameters;  // [lane][parameter_bytes]
  Frame* parent = nullptr;
  std::uint32_t live = 0;        // lanes that have not returned
  std::uint32_t return_pc = 0;
  const CallSite* site = nullptr;
  std::uint32_t local_base = 0;  // of this frame's variables in every lane's local memory
  std::uint32_t depth = 0;

  std::uint8_t* ParameterOf(std::uint32_t lane) { return parameters.data() + std::size_t{lane} * function->parameter_bytes; }
};

struct Fragment {
  enum class State : std::uint8_t { kReady, kAtWarpSync, kAtBarrier };
  std::uint32_t mask = 0;
  std::uint32_t pc = 0;
  Frame* frame = nullptr;
  State state = State::kReady;
  std::uint8_t barrier = 0;
  std::uint64_t last_run = 0;
};

struct Warp {
  Block* block = nullptr;
  std::uint32_t index = 0;  // in the block

  // The fragment under way, and what handlers work on.
  std::uint32_t active = 0;  // its lanes
  std::uint32_t exec = 0;    // lanes that the guard lets through
  std::uint32_t pc = 0;
  Frame* frame = nullptr;
  std::uint8_t* bases[2] = {nullptr, nullptr};  // registers, constants
  bool reschedule = false;  // a handler changed the fragments: choose anew
  bool parked = false;      // the running fragment was stored by the handler (waits or is gone)
  bool yield = false;       // end the slice (nanosleep)

  std::vector<Fragment> waiting;  // all fragments but the one under way
  std::vector<std::unique_ptr<Frame>> frames;
  std::vector<std::unique_ptr<Frame>> spare_frames;
  std::vector<std::uint8_t> local;  // [lane][local_stride]
  std::uint32_t local_stride = 0;
  std::uint32_t carry = 0;          // the carry flag of add.cc and friends, a bit per lane
  std::uint32_t live = 0;           // lanes that have not exited
  std::uint64_t turn = 0;
  bool fair_turn = false;
  Range recent[2];                  // ranges found last, valid while the slice holds the memory gate

  // Runs up to `budget` instructions; returns how many ran. 0 means that nothing could run.
  std::uint32_t Run(std::uint32_t budget);
  void Start(Block& owner, std::uint32_t warp_index, std::uint32_t lanes);

  template <typename T>
  T* At(Place place) const {
    return reinterpret_cast<T*>(bases[place >> 31] + (place & ~kConstantBit));
  }
  std::uint32_t Predicate(Place place) const { return *At<std::uint32_t>(place); }
  void SetPredicate(Place place, std::uint32_t bits) const {
    if (place == kNowhere) return;
    std::uint32_t* const p = At<std::uint32_t>(place);
    *p = (*p & ~exec) | (bits & exec);
  }
  std::uint8_t* LocalOf(std::uint32_t lane) { return local.data() + std::size_t{lane} * local_stride; }

  // For handlers of control flow.
  void Split(std::uint32_t lanes, std::uint32_t lanes_pc);  // takes them out of the running fragment
  void Park(Fragment::State state, std::uint32_t at_pc, std::uint8_t barrier = 0);
  void EnterFrame(const Function& callee, const CallSite& site);
  void ReturnFrom();            // lanes in exec return
  void Exit(std::uint32_t lanes);
  // For *_sync: true if every live lane in `needed` runs here now; otherwise the fragment was parked to wait for them.
  bool Gather(std::uint32_t needed);
  void RaiseFault(Fault fault, const Instruction& instruction, std::uint64_t address = 0);

  void UseFrame(Frame* next);

 private:
  bool Choose(std::uint32_t& switch_pc);
  void MergeWaiting();
  bool forced_sync_ = false;  // every fragment waits for lanes that will not come: let the first go on without them
};

// Calls f(lane) for each set bit; the full warp is the loop that compilers vectorise.
template <typename F>
inline void ForLanes(std::uint32_t mask, F f) {
  if (mask == 0xffffffffu) {
#pragma GCC ivdep
    for (std::uint32_t lane = 0; lane < kWarpSize; ++lane) f(lane);
  } else {
    for (; mask != 0; mask &= mask - 1) f(static_cast<std::uint32_t>(std::countr_zero(mask)));
  }
}

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_WARP_H_
