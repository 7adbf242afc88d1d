// All that is learned of kernels and jobs, and how good it is. Written to a file at the end and read at the next start.
#ifndef PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_KNOWLEDGE_H_
#define PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_KNOWLEDGE_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "scheduler_daemon/knowledge/accuracy.h"
#include "scheduler_daemon/knowledge/job_classes.h"
#include "scheduler_daemon/knowledge/kernel_durations.h"

namespace paella::scheduler_daemon {

struct Knowledge {
  KernelDurations kernels;
  JobClasses jobs;
  Accuracy kernel_accuracy;  // of kernels that had been seen
  Accuracy job_accuracy;     // of jobs that were not cold, after eight commands
  std::uint64_t learned = 0;  // kernels and jobs, by this process

  void KernelDone(std::uint64_t shape_hash, std::uint64_t measured_ns) {
    const Prediction predicted = kernels.Predict(shape_hash);
    if (predicted.observations != 0) kernel_accuracy.Add(predicted.duration_ns, measured_ns);
    kernels.Observe(shape_hash, measured_ns);
    ++learned;
  }
  void JobDone(const JobPath& job) {
    if (!job.cold) job_accuracy.Add(job.predicted_ns, job.measured_ns);
    jobs.Learn(job);
    ++learned;
  }

  // Lines of text, the same for the same knowledge.
  std::string Save() const;
  // Takes over what Save made. False, and nothing changed, for anything else: then it is learned anew.
  [[nodiscard]] bool Load(std::string_view text);
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_KNOWLEDGE_KNOWLEDGE_H_
