// What policies know a command by, before it is announced to them.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_WORK_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_WORK_H_

#include <cstddef>
#include <cstdint>

namespace paella::scheduler_daemon {

// What of the GPU a command keeps busy. What is in flight is bounded of kernels together, and of copies stream by stream.
enum class Engine : std::uint8_t { kCompute, kCopyToDevice, kCopyFromDevice };
inline constexpr std::size_t kEngines = 3;

struct Work {
  std::uint64_t shape = 0;  // a hash, the same after a restart: what durations are learned by
  std::uint32_t units = 1;  // for how many commands of unknown length it counts before it was measured: a graph's nodes
  Engine engine = Engine::kCompute;
  double share = 1;         // of the engine that it fills while it runs, at most 1
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_WORK_H_
