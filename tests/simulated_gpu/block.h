// One thread block in execution: its warps, its shared memory and its barriers.
//
// A preemptible state machine: a worker calls RunSlice(), then puts it back or ends it. One worker at a time (the
// device hands it on under its mutex). Owns its warps and shared memory; shares the launch.
#ifndef PAELLA_TESTS_SIMULATED_GPU_BLOCK_H_
#define PAELLA_TESTS_SIMULATED_GPU_BLOCK_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulated_gpu/warp.h"

namespace paella::simulated_gpu {

struct Dim3 {
  std::uint32_t x = 1, y = 1, z = 1;
  std::uint64_t count() const { return std::uint64_t{x} * y * z; }
};

// One kernel launch as its blocks see it. Immutable while they run.
struct Launch {
  std::shared_ptr<const Program> program;
  std::shared_ptr<const void> memory;  // of the module's variables
  const Function* function = nullptr;
  Dim3 grid;
  Dim3 block;
  std::uint32_t dynamic_shared_bytes = 0;
  std::vector<std::uint8_t> arguments;
  std::uint64_t grid_workspace = 0;  // device address of a cooperative launch's barrier; 0 otherwise
  std::uint64_t grid_id = 0;
  std::uint32_t sms = 1;
  std::uint32_t clock_khz = 1'000'000;
};

enum class BlockState : std::uint8_t { kRunning, kFinished, kFaulted };

inline constexpr std::uint32_t kBarriers = 16;

struct Block {
  Block(std::shared_ptr<const Launch> block_launch, std::uint64_t linear_index, std::uint32_t on_sm);

  // Runs some ten thousand warp instructions. The caller holds the memory gate shared.
  BlockState RunSlice();

  // Lanes of `warp` (its exec) arrive at barrier `id` for `expected` threads (0: all). Returns true if that completes
  // it, in which case everybody else was released.
  bool Arrive(Warp& warp, std::uint32_t id, std::uint32_t expected, bool waits);
  void ThreadsExited(std::uint32_t count);
  void RaiseFault(Fault kind, const Function& function, const Instruction& instruction, std::uint64_t address);

  std::shared_ptr<const Launch> launch;
  Dim3 position;
  std::uint32_t sm;
  std::vector<std::uint8_t> shared;
  std::uint32_t shared_bytes = 0;          // static and dynamic
  std::uint32_t dynamic_shared_offset = 0;
  Fault fault = Fault::kNone;
  std::string fault_text;

  struct Barrier {
    std::uint32_t arrived = 0;
    std::uint32_t expected = 0;  // 0: all live threads
    std::uint32_t votes = 0;     // bar.red: lanes whose predicate holds
    std::uint32_t result = 0;    // votes of the barrier completed last, and whether all voted
    bool result_all = false;
  };
  std::array<Barrier, kBarriers> barriers{};
  std::uint32_t live_threads = 0;

 private:
  void Begin();
  void Release(std::uint32_t id);

  std::vector<Warp> warps_;
  std::size_t next_warp_ = 0;
  bool begun_ = false;
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_BLOCK_H_
