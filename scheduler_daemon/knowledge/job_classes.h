// How long jobs take: what remains of one is learned for each prefix of its sequence of commands, so that the models
// and batch sizes of one program are told apart as soon as their kernels differ.
//
//   root(tenant) ─ k1 ─ k1 k2 ─ ... ─ 64 commands ─ 128 ─ 256 ─ ...     each node: mean and spread of what remains
//
// A prefix is a hash; every prefix of up to 64 commands has a node, then those of 128, 256, ... so that a job of any
// length touches a bounded number. Between two nodes what was done since is subtracted.
//
// A job on a path that nobody went before is cold. It counts as long as the mean job of its tenant (1 ms before there
// was any), and once it has run for longer, as having as much before it as behind it; at most 1 s. So a new class is
// neither first nor for ever last: it is learned when the first job of it ends.
//
// Pure; one thread.
#ifndef PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_JOB_CLASSES_H_
#define PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_JOB_CLASSES_H_

#include <cstdint>
#include <vector>

#include "scheduler_daemon/knowledge/estimate_table.h"

namespace paella::scheduler_daemon {

// One job on its way. Made by JobClasses::Begin.
struct JobPath {
  struct Node {
    std::uint64_t prefix;
    std::uint64_t done_ns;  // before it
  };

  std::uint64_t prefix = 0;
  std::uint64_t commands = 0;
  std::uint64_t done_ns = 0;       // of its commands as predicted when they were submitted
  std::uint64_t measured_ns = 0;   // of those that completed
  std::uint64_t mean_job_ns = 0;   // of its tenant, when it began
  bool cold = true;
  Estimate known;                  // of the last node, unless cold
  std::uint64_t done_at_known_ns = 0;
  std::uint64_t predicted_ns = 0;  // the whole, as said at the last early node: what accuracy is measured by
  std::vector<Node> nodes;         // passed so far
};

class JobClasses {
 public:
  static constexpr std::uint64_t kEveryPrefix = 64;
  static constexpr std::uint64_t kFirstGuessNs = 1'000'000;
  static constexpr std::uint64_t kLongestGuessNs = 1'000'000'000;
  static constexpr std::uint64_t kJudgedAt = 8;  // after so many commands the prediction is held against the truth

  // `tenant`: a hash that is the same after a restart.
  JobPath Begin(std::uint64_t tenant) const;
  // The next command of the job was dispatched.
  void Advance(JobPath& job, std::uint64_t shape_hash, std::uint64_t predicted_ns) const;
  Prediction Remaining(const JobPath& job) const;
  // It is over: learns from it. A job that was cut teaches nothing, as its end is not its program's.
  void Learn(const JobPath& job);

  EstimateTable& table() { return table_; }
  const EstimateTable& table() const { return table_; }

 private:
  void Visit(JobPath& job) const;

  EstimateTable table_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_JOB_CLASSES_H_
