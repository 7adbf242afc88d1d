// The scheduler's loop in virtual time: the real PolicyHost, policies and knowledge over GpuModel.
//
//   workload ─▶ client: a job's commands, a queue for each stream ─▶ PolicyHost ─▶ GpuModel ─▶ completed, learned
//
// A stream's next command is ready as soon as the one before it is dispatched, since the GPU keeps their order, and so
// that one tenant alone can fill it. At most `in_flight` commands are on the GPU. A command's measured duration is the
// time from when it could start (dispatched, and its stream's earlier ones complete) to its end. The same input makes
// the same output.
#ifndef PAELLA_SCHEDULER_DAEMON_SIMULATOR_SIMULATION_H_
#define PAELLA_SCHEDULER_DAEMON_SIMULATOR_SIMULATION_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "scheduler_daemon/knowledge/knowledge.h"
#include "scheduler_daemon/policies/policy_host.h"
#include "scheduler_daemon/simulator/gpu_model.h"
#include "scheduler_daemon/simulator/workload.h"

namespace paella::scheduler_daemon {

struct SimulationSettings {
  GpuDescription gpu{};
  std::uint32_t in_flight = 16;
  std::uint64_t end_ns = kNever;  // jobs that arrive later are left out
};

// What tests look at. Empty functions are not called.
struct SimulationObserver {
  std::function<void(const PolicyHost&, ReadyId, std::uint64_t now_ns)> on_picked;      // before it is dispatched
  std::function<void(const CommandInfo&, std::uint64_t now_ns)> on_completed;
  std::function<void(const PolicyHost&, std::uint64_t now_ns)> on_rest;  // nothing more can be dispatched now
};

struct TenantResult {
  std::vector<std::uint64_t> latencies_ns;  // of its jobs, from arrival to end
  std::uint64_t commands = 0;
  std::uint64_t gpu_time_ns = 0;
};

struct SimulationResult {
  std::vector<TenantResult> tenants;
  std::uint64_t commands = 0;
  std::uint64_t lasted_ns = 0;
  std::uint64_t busy_ns = 0;
};

class Simulation {
 public:
  // `workload` outlives it. Knowledge may be of earlier runs.
  Simulation(const Workload& workload, std::unique_ptr<PolicyOperations> policy, const SimulationSettings& settings,
             Knowledge knowledge = {}, SimulationObserver observer = {});

  // To the end of the last job.
  SimulationResult Run();

  PolicyHost& host() { return host_; }
  const Knowledge& knowledge() const { return knowledge_; }

 private:
  struct Client {
    std::size_t next_job = 0;
    const PlannedJob* running = nullptr;
    JobId job = 0;
    JobPath path;
    std::uint64_t commands_left = 0;  // of the running job: not complete
    std::array<std::vector<std::uint32_t>, Workload::kStreams> streams;  // kernels of the model
    std::array<std::size_t, Workload::kStreams> next{};  // ready or further
    std::array<std::uint64_t, Workload::kStreams> last_end_ns{};
  };
  struct InFlight {
    std::uint32_t client;
    std::uint32_t stream;
    std::uint64_t shape;
    std::uint64_t dispatched_ns;
  };

  void AwaitNextJob(std::uint32_t client);
  void BeginJob(std::uint32_t client);
  void EndJob(std::uint32_t client);
  void MakeReady(std::uint32_t client, std::uint32_t stream);
  void Dispatch();
  void Issue(ReadyId command);
  void Complete(ReadyId command);
  std::uint64_t NextEventNs() const;

  const Workload& workload_;
  const SimulationSettings settings_;
  const SimulationObserver observer_;
  PolicyHost host_;
  Knowledge knowledge_;
  GpuModel gpu_;
  std::vector<Client> clients_;
  using Arrival = std::pair<std::uint64_t, std::uint32_t>;  // when, client
  std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> arrivals_;
  std::vector<InFlight> in_flight_;  // by ReadyId
  std::vector<const KernelOfModel*> kernels_;  // by ReadyId
  std::vector<std::uint32_t> completed_;
  std::uint64_t now_ns_ = 0;
  std::uint64_t commands_read_ = 0;
  SimulationResult result_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_SIMULATOR_SIMULATION_H_
