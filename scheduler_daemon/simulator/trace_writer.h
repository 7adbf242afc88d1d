// Jobs that the daemon saw, as a trace that the simulator replays (trace.h). Jobs of the same commands are one model,
// whose kernels take the mean of what theirs took.
//
// A kernel comes back as blocks of 1,024 threads that fill the same part of the default GPU, all at once.
#ifndef PAELLA_SCHEDULER_DAEMON_SIMULATOR_TRACE_WRITER_H_
#define PAELLA_SCHEDULER_DAEMON_SIMULATOR_TRACE_WRITER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "scheduler_daemon/policies/command_feed.h"

namespace paella::scheduler_daemon {

class TraceWriter {
 public:
  // Commands that are recorded at most; then no further job is.
  static constexpr std::size_t kMostCommands = 500'000;

  explicit TraceWriter(std::uint64_t start_ns) : start_ns_(start_ns) {}

  void Add(const RecordedJob& job, const std::string& tenant, const TenantInfo& info);
  // Lines of JSON, jobs in the order of their beginning.
  std::string Text() const;

 private:
  struct ModelKernel {
    RecordedCommand command;  // of the first job
    double total_ns = 0;
  };
  struct RecordedModel {
    std::size_t number = 0;
    std::uint64_t jobs = 0;
    std::vector<ModelKernel> kernels;
  };
  struct Job {
    std::uint64_t at_ns;
    std::uint64_t client;
    std::size_t model;
  };

  const std::uint64_t start_ns_;
  std::map<std::string, TenantInfo> tenants_;
  std::map<std::uint64_t, std::string> clients_;  // the tenant of each
  std::map<std::uint64_t, RecordedModel> models_;  // by the hash of their commands
  std::vector<Job> jobs_;
  std::size_t commands_ = 0;
  bool is_full_ = false;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_SIMULATOR_TRACE_WRITER_H_
