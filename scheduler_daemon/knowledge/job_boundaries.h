// Where one client's jobs begin and end, without the program's help.
//
//   idle ─ submits ─▶ busy ─ all completed, and the client has seen it (or submits nothing for a while) ─▶ idle
//
// That everything is complete is not enough: a program that launches more slowly than the GPU works is idle between any
// two kernels of one request. A program that never goes idle is cut: after kMostCommands its next command begins
// another job.
//
// Pure: time is an argument. One thread; one object for each client.
#ifndef PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_JOB_BOUNDARIES_H_
#define PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_JOB_BOUNDARIES_H_

#include <cstdint>

namespace paella::scheduler_daemon {

class JobBoundaries {
 public:
  static constexpr std::uint64_t kMostCommands = 16'384;
  static constexpr std::uint64_t kPauseNs = 500'000;  // longer than a framework's thought between two launches

  enum class Begin : std::uint8_t { kNo, kAfterIdle, kCut };

  // The client submits a command: whether that is the first one of a new job, and what ended the one before.
  Begin Submitted(std::uint64_t now_ns) {
    Begin begin = Begin::kNo;
    if (HasPaused(now_ns)) {
      begin = Begin::kAfterIdle;
    } else if (commands_ >= kMostCommands) {
      begin = Begin::kCut;
    }
    if (begin != Begin::kNo) commands_ = 0;
    ++commands_;
    ++outstanding_;
    seen_ = false;
    return begin;
  }
  void Completed(std::uint64_t now_ns) {
    --outstanding_;
    last_completion_ns_ = now_ns;
  }
  // The client waited for, or asked for, the end of what it had submitted, and was told so.
  void Seen() { seen_ = seen_ || outstanding_ == 0; }

  // Whether the present job is over already: the next command begins another.
  bool HasPaused(std::uint64_t now_ns) const {
    if (outstanding_ != 0) return false;
    return commands_ == 0 || seen_ || now_ns - last_completion_ns_ > kPauseNs;
  }
  std::uint64_t last_completion_ns() const { return last_completion_ns_; }  // 0: none yet

 private:
  std::uint64_t commands_ = 0;  // of the present job
  std::uint64_t outstanding_ = 0;
  std::uint64_t last_completion_ns_ = 0;
  bool seen_ = false;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_JOB_BOUNDARIES_H_
