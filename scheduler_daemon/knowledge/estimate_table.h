// Estimates by a 64-bit hash, at most kCapacity: which hash stands for what is the owner's business.
//
// When it is full, half of it goes: what was seen least. Two things with one hash share an estimate: at 2^16 entries, a
// chance of 10^-10 for all. Clients choose what is hashed, so where an entry lies also depends on a number that they do
// not know; nothing else does.
#ifndef PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ESTIMATE_TABLE_H_
#define PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ESTIMATE_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

#include "scheduler_daemon/knowledge/estimate.h"

namespace paella::scheduler_daemon {

// A sequence's hash from that of the sequence without its last element.
inline std::uint64_t ExtendHash(std::uint64_t hash, std::uint64_t value) {
  std::uint64_t mixed = (hash ^ value) + 0x9e3779b97f4a7c15 + (hash << 6);  // the finaliser of splitmix64
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

class EstimateTable {
 public:
  static constexpr std::size_t kCapacity = 1 << 16;

  const Estimate* Find(std::uint64_t key) const {
    const auto found = estimates_.find(key);
    return found == estimates_.end() ? nullptr : &found->second;
  }
  void Add(std::uint64_t key, double observed_ns) {
    if (estimates_.size() >= kCapacity && !estimates_.contains(key)) MakeRoom();
    estimates_[key].Add(observed_ns);
  }
  // Of a file.
  void Set(std::uint64_t key, const Estimate& estimate) {
    if (estimates_.size() < kCapacity) estimates_[key] = estimate;
  }

  // In no order.
  const auto& all() const { return estimates_; }

 private:
  struct SeededHash {
    std::size_t operator()(std::uint64_t key) const {
      static const std::uint64_t seed = std::random_device()();
      return ExtendHash(seed, key);
    }
  };

  void MakeRoom() {
    std::vector<std::pair<std::uint32_t, std::uint64_t>> by_use;  // observations, key
    by_use.reserve(estimates_.size());
    for (const auto& [key, estimate] : estimates_) by_use.emplace_back(estimate.observations, key);
    const auto middle = by_use.begin() + static_cast<std::ptrdiff_t>(by_use.size() / 2);
    std::ranges::nth_element(by_use, middle);
    for (auto entry = by_use.begin(); entry != middle; ++entry) estimates_.erase(entry->second);
  }

  std::unordered_map<std::uint64_t, Estimate, SeededHash> estimates_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ESTIMATE_TABLE_H_
