// Options of the driver's compiler and linker, as a client may give them: those that are plain numbers. Buffers for
// what the compiler says are the executor's own, and their text goes to the client.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_JIT_OPTIONS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_JIT_OPTIONS_H_

#include <cuda.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace paella::scheduler_daemon {

// Options that are plain numbers and change nothing but the code.
using JitNumbers = std::vector<std::pair<CUjit_option, std::uint64_t>>;

// Of what a client names, those of which that is true. Both lists are of one length.
JitNumbers NumbersAmong(std::span<const std::uint32_t> options, std::span<const std::uint64_t> values);

// The arrays that the driver takes, and what it has said when the call is over.
class JitOptions {
 public:
  enum class Logs { kTaken, kNone };

  explicit JitOptions(const JitNumbers& numbers, Logs logs = Logs::kTaken);
  JitOptions(const JitOptions&) = delete;
  JitOptions& operator=(const JitOptions&) = delete;

  unsigned count() const { return static_cast<unsigned>(options_.size()); }
  CUjit_option* options() { return options_.data(); }
  void** values() { return values_.data(); }
  std::string error_log() const { return error_log_.data(); }
  std::string info_log() const { return info_log_.data(); }

 private:
  static constexpr std::size_t kLogBytes = 4096;  // of each; with its reply it fits a reply slot
  using Log = std::array<char, kLogBytes>;

  void Add(CUjit_option option, std::uint64_t value);

  std::vector<CUjit_option> options_;
  std::vector<void*> values_;
  Log error_log_{};
  Log info_log_{};
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_JIT_OPTIONS_H_
