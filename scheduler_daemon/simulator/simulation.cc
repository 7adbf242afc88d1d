#include "scheduler_daemon/simulator/simulation.h"

#include <algorithm>

namespace paella::scheduler_daemon {

Simulation::Simulation(const Workload& workload, std::unique_ptr<PolicyOperations> policy,
                       const SimulationSettings& settings, Knowledge knowledge, SimulationObserver observer)
    : workload_(workload),
      settings_(settings),
      observer_(std::move(observer)),
      host_(std::move(policy)),
      knowledge_(std::move(knowledge)),
      gpu_(settings.gpu),
      clients_(workload.clients.size()) {
  result_.tenants.resize(workload.tenants.size());
  for (TenantId tenant = 0; tenant < workload.tenants.size(); ++tenant) {
    host_.SetTenant(tenant, workload.tenants[tenant].info, 0);
  }
  for (std::uint32_t client = 0; client < clients_.size(); ++client) AwaitNextJob(client);
}

SimulationResult Simulation::Run() {
  Dispatch();
  for (std::uint64_t next_ns = NextEventNs(); next_ns != kNever; next_ns = NextEventNs()) {
    now_ns_ = next_ns;
    completed_.clear();
    gpu_.Advance(now_ns_, completed_);
    for (const ReadyId command : completed_) Complete(command);
    while (!arrivals_.empty() && arrivals_.top().first <= now_ns_) {
      const std::uint32_t client = arrivals_.top().second;
      arrivals_.pop();
      BeginJob(client);
    }
    Dispatch();
  }
  result_.lasted_ns = now_ns_;
  result_.busy_ns = gpu_.busy_ns(now_ns_);
  for (TenantId tenant = 0; tenant < result_.tenants.size(); ++tenant) {
    result_.tenants[tenant].gpu_time_ns = host_.Tenant(tenant).gpu_time_ns;
  }
  return result_;
}

std::uint64_t Simulation::NextEventNs() const {
  std::uint64_t next_ns = std::min(gpu_.next_ns(), host_.ask_again_ns());
  if (!arrivals_.empty()) next_ns = std::min(next_ns, arrivals_.top().first);
  return next_ns;
}

void Simulation::AwaitNextJob(std::uint32_t index) {
  Client& client = clients_[index];
  const std::vector<PlannedJob>& jobs = workload_.clients[index].jobs;
  if (client.next_job == jobs.size() || jobs[client.next_job].arrival_ns > settings_.end_ns) return;
  client.running = &jobs[client.next_job++];
  arrivals_.push({std::max(client.running->arrival_ns, now_ns_), index});
}

void Simulation::BeginJob(std::uint32_t index) {
  Client& client = clients_[index];
  const TenantId tenant = workload_.clients[index].tenant;
  const Model& model = workload_.models[client.running->model];
  client.path = knowledge_.jobs.Begin(tenant);
  const Prediction remaining = knowledge_.jobs.Remaining(client.path);
  client.job = host_.BeginJob({.tenant = tenant,
                               .client = index,
                               .remaining_ns = remaining.duration_ns,
                               .observations = remaining.observations},
                              now_ns_);
  client.commands_left = model.size();
  client.next.fill(0);
  for (auto& stream : client.streams) stream.clear();
  for (std::uint32_t kernel = 0; kernel < model.size(); ++kernel) {
    client.streams[model[kernel].stream].push_back(kernel);
  }
  if (model.empty()) return EndJob(index);
  for (std::uint32_t stream = 0; stream < Workload::kStreams; ++stream) MakeReady(index, stream);
}

void Simulation::EndJob(std::uint32_t index) {
  Client& client = clients_[index];
  host_.EndJob(client.job, now_ns_);
  knowledge_.JobDone(client.path);
  result_.tenants[workload_.clients[index].tenant].latencies_ns.push_back(now_ns_ - client.running->arrival_ns);
  AwaitNextJob(index);
}

void Simulation::MakeReady(std::uint32_t index, std::uint32_t stream) {
  Client& client = clients_[index];
  if (client.next[stream] == client.streams[stream].size()) return;
  const KernelOfModel& kernel =
      workload_.models[client.running->model][client.streams[stream][client.next[stream]++]];
  const Prediction prediction = knowledge_.kernels.Predict(kernel.shape);
  const ReadyId id = host_.CommandReady({.client = index,
                                         .tenant = workload_.clients[index].tenant,
                                         .stream = stream,
                                         .job = client.job,
                                         .observations = prediction.observations,
                                         .arrival = commands_read_++,
                                         .predicted_ns = prediction.duration_ns,
                                         .spread_ns = prediction.spread_ns},
                                        now_ns_);
  if (id >= kernels_.size()) kernels_.resize(id + 1), in_flight_.resize(id + 1);
  kernels_[id] = &kernel;
}

void Simulation::Dispatch() {
  while (host_.in_flight() < settings_.in_flight) {
    const std::optional<ReadyId> picked = host_.Pick(now_ns_);
    if (!picked) break;
    if (observer_.on_picked) observer_.on_picked(host_, *picked, now_ns_);
    Issue(*picked);
  }
  if (observer_.on_rest) observer_.on_rest(host_, now_ns_);
}

void Simulation::Issue(ReadyId id) {
  const CommandInfo& info = host_.Command(id);
  const auto index = static_cast<std::uint32_t>(info.client);
  const std::uint32_t stream = info.stream;
  const std::uint64_t predicted_ns = info.predicted_ns;
  const KernelOfModel& kernel = *kernels_[id];
  Client& client = clients_[index];
  in_flight_[id] = {index, stream, kernel.shape, now_ns_};
  host_.Dispatched(id, now_ns_);
  knowledge_.jobs.Advance(client.path, kernel.shape, predicted_ns);
  const Prediction remaining = knowledge_.jobs.Remaining(client.path);
  host_.SetRemaining(client.job, remaining.duration_ns, remaining.observations, now_ns_);
  gpu_.Submit({.token = id,
               .stream = index * Workload::kStreams + stream,
               .blocks = kernel.blocks,
               .threads = kernel.threads,
               .block_ns = kernel.block_ns},
              now_ns_);
  MakeReady(index, stream);
}

void Simulation::Complete(ReadyId id) {
  const InFlight& command = in_flight_[id];
  Client& client = clients_[command.client];
  const std::uint64_t began_ns = std::max(command.dispatched_ns, client.last_end_ns[command.stream]);
  const std::uint64_t measured_ns = now_ns_ - began_ns;
  client.last_end_ns[command.stream] = now_ns_;
  client.path.measured_ns += measured_ns;
  knowledge_.KernelDone(command.shape, measured_ns);
  if (observer_.on_completed) observer_.on_completed(host_.Command(id), now_ns_);
  host_.Completed(id, measured_ns, now_ns_);
  ++result_.commands;
  ++result_.tenants[workload_.clients[command.client].tenant].commands;
  if (--client.commands_left == 0) EndJob(command.client);
}

}  // namespace paella::scheduler_daemon
