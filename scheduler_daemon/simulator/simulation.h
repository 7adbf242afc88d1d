// The scheduler's loop in virtual time: the real CommandFeed with its host, policies, knowledge and limits over GpuModel.
//
//   workload ─▶ client: a job's commands, a queue for each stream ─▶ CommandFeed ─▶ GpuModel ─▶ completed, learned
//
// A stream's next command can go as soon as the one before it is dispatched, since the GPU keeps their order. Every
// completion is seen at once. The same input makes the same output.
#ifndef PAELLA_SCHEDULER_DAEMON_SIMULATOR_SIMULATION_H_
#define PAELLA_SCHEDULER_DAEMON_SIMULATOR_SIMULATION_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "scheduler_daemon/policies/command_feed.h"
#include "scheduler_daemon/simulator/gpu_model.h"
#include "scheduler_daemon/simulator/workload.h"

namespace paella::scheduler_daemon {

struct SimulationSettings {
  GpuDescription gpu{};
  InFlightLimits limits{};
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

  PolicyHost& host() { return feed_.host(); }
  const CommandFeed& feed() const { return feed_; }
  FlightRecorder& flight() { return feed_.flight(); }
  const Knowledge& knowledge() const { return feed_.knowledge(); }

 private:
  struct Client {
    std::size_t next_job = 0;
    const PlannedJob* running = nullptr;
    std::uint32_t jobs_ended = 0;
    std::uint64_t commands_left = 0;  // of the running job: not complete
    std::array<std::vector<std::uint32_t>, Workload::kStreams> streams;  // kernels of the model
    std::array<std::size_t, Workload::kStreams> next{};       // of them: announced or further
    std::array<std::uint64_t, Workload::kStreams> posted{};  // sequence of the last command
    std::array<bool, Workload::kStreams> is_announced{};
    std::array<std::uint32_t, Workload::kStreams> in_flight{};
    std::array<std::uint32_t, Workload::kStreams> gpu_stream{};  // while something is in flight
  };
  struct InFlight {
    std::uint32_t client;
    std::uint32_t stream;
    std::uint64_t sequence;
    ReadyId command;
  };

  void AwaitNextJob(std::uint32_t client);
  void BeginJob(std::uint32_t client);
  void EndJob(std::uint32_t client);
  void Announce(std::uint32_t client, std::uint32_t stream);
  void AnnounceAll(std::uint32_t client);
  void Dispatch();
  void Issue(const CommandFeed::Choice& choice);
  void Complete(std::uint32_t token);
  std::uint32_t GpuStreamFor(Client& client, std::uint32_t stream);
  std::uint32_t FreeToken();
  std::uint64_t NextEventNs() const;

  const Workload& workload_;
  const SimulationSettings settings_;
  const SimulationObserver observer_;
  CommandFeed feed_;
  GpuModel gpu_;
  std::vector<Client> clients_;  // by their numbers in the feed, too
  using Arrival = std::pair<std::uint64_t, std::uint32_t>;  // when, client
  std::priority_queue<Arrival, std::vector<Arrival>, std::greater<>> arrivals_;
  std::vector<InFlight> in_flight_;  // by the GPU model's token
  std::vector<std::uint32_t> free_tokens_;
  // A client's stream has one of the GPU's while it has work there, as in the executor: beyond the number of hardware
  // queues they share them.
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> free_gpu_streams_;
  std::uint32_t gpu_streams_ = 0;
  std::vector<std::uint32_t> completed_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> full_;  // client, stream: has more than may be announced now
  std::uint64_t now_ns_ = 0;
  std::uint64_t commands_read_ = 0;
  SimulationResult result_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_SIMULATOR_SIMULATION_H_
