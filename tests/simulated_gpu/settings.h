// The settings of the simulated GPU, read once from the environment when cuInit is called first.
//
// Plain values: copied freely between threads, owns nothing. README.md lists every variable with its meaning.
#ifndef PAELLA_TESTS_SIMULATED_GPU_SETTINGS_H_
#define PAELLA_TESTS_SIMULATED_GPU_SETTINGS_H_

#include <cstddef>
#include <cstdint>

namespace paella::simulated_gpu {

inline constexpr std::uint32_t kWarpSize = 32;
inline constexpr std::uint32_t kMaxThreadsPerBlock = 1024;
inline constexpr std::uint32_t kMaxSharedPerBlockDefault = 48 * 1024;
inline constexpr std::uint32_t kMaxSharedPerBlockOptIn = 227 * 1024;
inline constexpr std::uint32_t kMaxDevices = 8;
inline constexpr int kGreatestPriority = -5;  // of streams; 0 is the least

struct Settings {
  std::uint32_t devices = 1;
  std::uint32_t sms = 8;  // of each device, like all that follows
  std::uint32_t threads_per_sm = 2048;
  std::uint32_t blocks_per_sm = 32;
  std::uint32_t registers_per_sm = 65536;
  std::uint32_t shared_memory_per_sm = 228 * 1024;
  std::uint32_t hardware_queues = 32;
  std::uint32_t memory_mib = 1024;
  std::uint32_t workers = 2;
  std::uint32_t clock_khz = 1'755'000;
  std::uint32_t new_memory_byte = 0;  // what the memory of cuMemCreate and of arrays is full of

  // Each device has half of what the one before it has, so that a program that asks about the wrong one shows it.
  std::size_t memory_bytes(int device) const { return (std::size_t{memory_mib} << 20) >> device; }

  // Reads PAELLA_SIMULATED_GPU_*; a variable that is unset, not a number or out of its bounds keeps its default, the
  // latter two with one line on stderr.
  static Settings FromEnvironment();
  // The process's own, read at the first call.
  static const Settings& Get();
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_SETTINGS_H_
