// How busy one engine of the GPU is thought to be with the commands in flight, in time of the whole engine: what a command
// is predicted to take, times the share of the engine that it fills.
//
//   stream 1 │ first, runs │ behind │ behind │        filled:   the shares of the first ones, which can run at once
//   stream 2 │ first, runs │                          to run:   what should be left of the first ones, and all behind them
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_ENGINE_USE_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_ENGINE_USE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace paella::scheduler_daemon {

class EngineUse {
 public:
  std::size_t commands() const { return commands_; }
  double filled() const { return filled_; }
  double behind_ns() const { return behind_ns_; }
  double to_run_ns() const { return running_ns_ + behind_ns_; }

  // The first commands of streams run for so long, whatever the GPU does. Returns what of that they did not need.
  double Run(double time_ns) {
    const double used_ns = std::min(running_ns_, time_ns);
    running_ns_ -= used_ns;
    return time_ns - used_ns;
  }
  void Enter() { ++commands_; }
  // Negative: it no longer waits behind another one, or nobody knows for what.
  void AddBehind(double work_ns) { behind_ns_ += work_ns; }
  void BecomesFirst(double share, double work_ns) {
    filled_ += share;
    firsts_ns_ += work_ns;
    running_ns_ += work_ns;
  }
  // A first command is done, perhaps quicker than predicted.
  void Leave(double share, double work_ns) {
    filled_ -= share;
    firsts_ns_ = std::max(0.0, firsts_ns_ - work_ns);
    running_ns_ = std::min(running_ns_, firsts_ns_);
    if (--commands_ == 0) filled_ = firsts_ns_ = running_ns_ = behind_ns_ = 0;  // what rounding left
  }

 private:
  std::size_t commands_ = 0;
  double filled_ = 0;
  double firsts_ns_ = 0;   // of all first ones, from their beginning
  double running_ns_ = 0;  // what should be left of that
  double behind_ns_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_ENGINE_USE_H_
