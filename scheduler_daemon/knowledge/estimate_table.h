// Estimates by a 64-bit hash, at most kCapacity: which hash stands for what is the owner's business.
//
// When it is full, what was seen once only goes, and if that is not enough everything seen less than 16 times; the rest
// is kept. Two things with one hash share an estimate: at 2^16 entries, a chance of 10^-10 for all.
#ifndef PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ESTIMATE_TABLE_H_
#define PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ESTIMATE_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <unordered_map>

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

  const std::unordered_map<std::uint64_t, Estimate>& all() const { return estimates_; }

 private:
  void MakeRoom() {
    for (const std::uint32_t most : {1u, 15u, ~0u}) {
      std::erase_if(estimates_, [most](const auto& entry) { return entry.second.observations <= most; });
      if (estimates_.size() <= kCapacity / 2) return;
    }
  }

  std::unordered_map<std::uint64_t, Estimate> estimates_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_ESTIMATE_TABLE_H_
