#include "scheduler_daemon/knowledge/job_classes.h"

#include <algorithm>
#include <bit>

namespace paella::scheduler_daemon {

JobPath JobClasses::Begin(std::uint64_t tenant) const {
  JobPath job;
  job.prefix = ExtendHash(tenant, 0);
  const Estimate* const root = table_.Find(job.prefix);
  job.mean_job_ns = root == nullptr ? kFirstGuessNs : static_cast<std::uint64_t>(root->mean_ns);
  Visit(job);
  return job;
}

void JobClasses::Advance(JobPath& job, std::uint64_t shape_hash, std::uint64_t predicted_ns) const {
  job.prefix = ExtendHash(job.prefix, shape_hash);
  job.done_ns += predicted_ns;
  ++job.commands;
  if (job.commands <= kEveryPrefix || std::has_single_bit(job.commands)) Visit(job);
}

void JobClasses::Visit(JobPath& job) const {
  job.nodes.push_back({job.prefix, job.done_ns});
  const Estimate* const found = table_.Find(job.prefix);
  job.cold = found == nullptr;
  if (found != nullptr) {
    job.known = *found;
    job.done_at_known_ns = job.done_ns;
  }
  if (job.commands <= kJudgedAt) job.predicted_ns = job.done_ns + Remaining(job).duration_ns;
}

Prediction JobClasses::Remaining(const JobPath& job) const {
  if (job.cold) {
    const std::uint64_t rest_of_mean = job.mean_job_ns > job.done_ns ? job.mean_job_ns - job.done_ns : 0;
    return {std::min(std::max(rest_of_mean, job.done_ns), kLongestGuessNs), 0, 0};
  }
  Prediction remaining = job.known.ToPrediction();
  const std::uint64_t since = job.done_ns - job.done_at_known_ns;
  remaining.duration_ns -= std::min(since, remaining.duration_ns);
  return remaining;
}

void JobClasses::Learn(const JobPath& job) {
  // What was done before a node was counted as predicted; the end is known as measured. Stretch one to the other.
  const double stretch = job.done_ns == 0 ? 1 : static_cast<double>(job.measured_ns) / static_cast<double>(job.done_ns);
  for (const JobPath::Node& node : job.nodes) {
    table_.Add(node.prefix, static_cast<double>(job.done_ns - node.done_ns) * stretch);
  }
}

}  // namespace paella::scheduler_daemon
