// How long kernels take, learned online by function and shape (grid, block, cluster, shared memory), without a profiling pass.
//
// A kernel never seen counts as long as the mean of all (50 µs before anything was measured): a place in the middle.
//
// Pure; one thread.
#ifndef PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_KERNEL_DURATIONS_H_
#define PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_KERNEL_DURATIONS_H_

#include <array>
#include <cstdint>

#include "scheduler_daemon/knowledge/estimate_table.h"

namespace paella::scheduler_daemon {

struct KernelShape {
  std::uint64_t function = 0;  // a hash that is the same after a restart: of image and name
  std::array<std::uint32_t, 3> grid{1, 1, 1};
  std::array<std::uint32_t, 3> block{1, 1, 1};
  std::uint32_t shared_bytes = 0;
  std::array<std::uint32_t, 3> cluster{1, 1, 1};  // in blocks

  std::uint64_t Hash() const {
    std::uint64_t hash = ExtendHash(function, shared_bytes);
    for (const std::uint32_t size : grid) hash = ExtendHash(hash, size);
    for (const std::uint32_t size : block) hash = ExtendHash(hash, size);
    if (cluster == std::array<std::uint32_t, 3>{1, 1, 1}) return hash;
    for (const std::uint32_t size : cluster) hash = ExtendHash(hash, size);
    return hash;
  }
};

class KernelDurations {
 public:
  static constexpr double kFirstGuessNs = 50'000;

  Prediction Predict(std::uint64_t shape_hash) const {
    if (const Estimate* known = table_.Find(shape_hash)) return known->ToPrediction();
    Prediction guess = all_.observations == 0 ? Prediction{static_cast<std::uint64_t>(kFirstGuessNs), 0, 0}
                                              : all_.ToPrediction();
    guess.observations = 0;
    return guess;
  }
  void Observe(std::uint64_t shape_hash, std::uint64_t measured_ns) {
    table_.Add(shape_hash, static_cast<double>(measured_ns));
    all_.Add(static_cast<double>(measured_ns));
  }

  EstimateTable& table() { return table_; }
  const EstimateTable& table() const { return table_; }

 private:
  EstimateTable table_;
  Estimate all_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_KERNEL_DURATIONS_H_
