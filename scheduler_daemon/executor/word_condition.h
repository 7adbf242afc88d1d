// What cuStreamWaitValue32 and 64 wait for: a word of memory, and what must hold of it.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_WORD_CONDITION_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_WORD_CONDITION_H_

#include <cuda.h>

#include <atomic>
#include <cstdint>

namespace paella::scheduler_daemon {

struct WordCondition {
  std::uint64_t address = 0;    // a whole multiple of the size
  std::uint64_t value = 0;
  std::uint32_t size_bytes = 4;  // or 8
  std::uint32_t condition = CU_STREAM_WAIT_VALUE_GEQ;  // or EQ, AND, NOR

  bool HasForm() const {
    return (size_bytes == 4 || size_bytes == 8) && address % size_bytes == 0 && condition <= CU_STREAM_WAIT_VALUE_NOR;
  }

  bool Holds(std::uint64_t found) const {
    const int unused_bits = size_bytes == 4 ? 32 : 0;  // shifted out, so that 32 bits wrap as 64 do
    const std::uint64_t is = found << unused_bits;
    const std::uint64_t wanted = value << unused_bits;
    switch (condition) {
      case CU_STREAM_WAIT_VALUE_EQ: return is == wanted;
      case CU_STREAM_WAIT_VALUE_AND: return (is & wanted) != 0;
      case CU_STREAM_WAIT_VALUE_NOR: return ~(found | value) << unused_bits != 0;
      default: return static_cast<std::int64_t>(is - wanted) >= 0;
    }
  }

  // Of memory that this process has at the same address.
  bool HoldsHere() const {
    if (size_bytes == 4) return Holds(Load<std::uint32_t>());
    return Holds(Load<std::uint64_t>());
  }

 private:
  template <typename Word>
  Word Load() const {
    // Acquire: pairs with whatever the program makes of its store.
    return std::atomic_ref(*reinterpret_cast<Word*>(address)).load(std::memory_order_acquire);
  }
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_WORD_CONDITION_H_
