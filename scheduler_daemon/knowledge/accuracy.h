// How good predictions are: the distribution of predicted / true, in steps of a quarter of an octave.
#ifndef PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ACCURACY_H_
#define PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ACCURACY_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace paella::scheduler_daemon {

class Accuracy {
 public:
  void Add(std::uint64_t predicted_ns, std::uint64_t true_ns) {
    const double octaves = std::log2((static_cast<double>(predicted_ns) + 1) / (static_cast<double>(true_ns) + 1));
    const double step = std::clamp(std::round(octaves * kStepsOfOctave), -kMostSteps, kMostSteps);
    ++counts_[static_cast<std::size_t>(step + kMostSteps)];
    ++total_;
  }

  std::uint64_t total() const { return total_; }
  // The part of all predictions that were wrong by no more than this factor (of at least 1), 0 ... 1.
  double WithinFactor(double factor) const {
    if (total_ == 0) return 0;
    const auto steps = static_cast<std::int64_t>(std::log2(factor) * kStepsOfOctave + 1e-9);
    std::uint64_t within = 0;
    for (std::int64_t step = -steps; step <= steps; ++step) {
      const auto index = static_cast<std::size_t>(step + static_cast<std::int64_t>(kMostSteps));
      if (index < counts_.size()) within += counts_[index];  // one below 0 has become huge
    }
    return static_cast<double>(within) / static_cast<double>(total_);
  }

 private:
  static constexpr double kStepsOfOctave = 4;
  static constexpr double kMostSteps = 40;  // a factor of 1,024 and more

  std::array<std::uint64_t, 2 * static_cast<std::size_t>(kMostSteps) + 1> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ACCURACY_H_
