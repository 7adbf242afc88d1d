// The work of one kernel of busy, shared by the kernel that does it and the host that checks it.
//
// Thread t of a launch starts from seed + t and takes `iterations` steps x -> x * kMultiplier + kIncrement (mod 2^32);
// each block writes the sum of its threads' last values. Many steps are again one such step with other constants, which
// a host finds in log(iterations) multiplications, so that checking every block of every kernel costs next to nothing.
#ifndef EXAMPLES_BUSY_WORK_H_
#define EXAMPLES_BUSY_WORK_H_

#include <cstdint>

namespace examples::busy {

// From Numerical Recipes; any odd multiplier does.
inline constexpr std::uint32_t kMultiplier = 1664525;
inline constexpr std::uint32_t kIncrement = 1013904223;
inline constexpr unsigned kMaxThreads = 1024;

// x -> x * multiplier + increment.
struct Step {
  std::uint32_t multiplier = 1;
  std::uint32_t increment = 0;

  constexpr Step Then(Step next) const {
    return {multiplier * next.multiplier, increment * next.multiplier + next.increment};
  }
};

// `count` steps in one, by repeated squaring.
constexpr Step Steps(std::uint64_t count) {
  Step result;
  for (Step power{kMultiplier, kIncrement}; count != 0; count /= 2, power = power.Then(power)) {
    if (count % 2 != 0) result = result.Then(power);
  }
  return result;
}

// What block `block` of a launch with `threads` threads a block must write, where `all` is Steps(iterations).
constexpr std::uint32_t BlockSum(Step all, std::uint32_t seed, std::uint32_t block, std::uint32_t threads) {
  const std::uint32_t sum_of_indices = static_cast<std::uint32_t>(std::uint64_t{threads} * (threads - 1) / 2);
  const std::uint32_t sum_of_starts = threads * (seed + block * threads) + sum_of_indices;
  return all.multiplier * sum_of_starts + threads * all.increment;
}

static_assert(Steps(0).multiplier == 1 && Steps(0).increment == 0);
static_assert(Steps(3).increment == ((kIncrement * kMultiplier) + kIncrement) * kMultiplier + kIncrement);
static_assert(BlockSum(Steps(1), 7, 0, 2) == (7 * kMultiplier + kIncrement) + (8 * kMultiplier + kIncrement));

}  // namespace examples::busy

#endif  // EXAMPLES_BUSY_WORK_H_
