#include "scheduler_daemon/simulator/simulation.h"

#include <algorithm>
#include <utility>

namespace paella::scheduler_daemon {

Simulation::Simulation(const Workload& workload, std::unique_ptr<PolicyOperations> policy,
                       const SimulationSettings& settings, Knowledge knowledge, SimulationObserver observer)
    : workload_(workload),
      settings_(settings),
      observer_(std::move(observer)),
      feed_(std::move(policy), {.limits = settings.limits}, std::move(knowledge)),
      gpu_(settings.gpu),
      clients_(workload.clients.size()) {
  result_.tenants.resize(workload.tenants.size());
  for (std::uint32_t client = 0; client < clients_.size(); ++client) {
    const TenantId tenant = workload.clients[client].tenant;
    feed_.AddClient(client, tenant, tenant, workload.tenants[tenant].info, 0);  // numbered from 0, as here
    AwaitNextJob(client);
  }
}

SimulationResult Simulation::Run() {
  Dispatch();
  for (std::uint64_t next_ns = NextEventNs(); next_ns != kNever; next_ns = NextEventNs()) {
    now_ns_ = next_ns;
    completed_.clear();
    gpu_.Advance(now_ns_, completed_);
    for (const std::uint32_t token : completed_) Complete(token);
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
    result_.tenants[tenant].gpu_time_ns = feed_.host().Tenant(tenant).gpu_time_ns;
  }
  for (std::uint32_t client = 0; client < clients_.size(); ++client) feed_.RemoveClient(client, now_ns_);
  return result_;
}

std::uint64_t Simulation::NextEventNs() const {
  std::uint64_t next_ns = std::min(gpu_.next_ns(), feed_.ask_again_ns());
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
  const Model& model = workload_.models[client.running->model];
  feed_.AtRest(index, client.jobs_ended);
  client.commands_left = model.size();
  client.next.fill(0);
  for (auto& stream : client.streams) stream.clear();
  for (std::uint32_t kernel = 0; kernel < model.size(); ++kernel) {
    client.streams[model[kernel].stream].push_back(kernel);
  }
  if (model.empty()) return EndJob(index);
  AnnounceAll(index);
}

void Simulation::EndJob(std::uint32_t index) {
  Client& client = clients_[index];
  ++client.jobs_ended;
  result_.tenants[workload_.clients[index].tenant].latencies_ns.push_back(now_ns_ - client.running->arrival_ns);
  AwaitNextJob(index);
}

void Simulation::Announce(std::uint32_t index, std::uint32_t stream) {
  Client& client = clients_[index];
  if (client.is_announced[stream] || client.next[stream] == client.streams[stream].size()) return;
  if (!feed_.WantsHead(index, stream, now_ns_)) {
    full_.emplace_back(index, stream);
    return;
  }
  client.is_announced[stream] = true;
  const Model& model = workload_.models[client.running->model];
  const KernelOfModel& kernel = model[client.streams[stream][client.next[stream]++]];
  feed_.Ready(index, stream, ++client.posted[stream], commands_read_++,
              {.shape = kernel.shape, .share = gpu_.ShareOf(kernel.blocks, kernel.threads)}, now_ns_);
}

void Simulation::AnnounceAll(std::uint32_t client) {
  for (std::uint32_t stream = 0; stream < Workload::kStreams; ++stream) Announce(client, stream);
}

void Simulation::Dispatch() {
  feed_.BeginRound(now_ns_);
  for (const auto& [client, stream] : std::exchange(full_, {})) Announce(client, stream);
  while (const auto choice = feed_.Pick(now_ns_)) {
    if (observer_.on_picked) observer_.on_picked(feed_.host(), choice->command, now_ns_);
    Issue(*choice);
  }
  if (observer_.on_rest) observer_.on_rest(feed_.host(), now_ns_);
}

std::uint32_t Simulation::GpuStreamFor(Client& client, std::uint32_t stream) {
  if (client.in_flight[stream]++ != 0) return client.gpu_stream[stream];
  if (free_gpu_streams_.empty()) free_gpu_streams_.push(gpu_streams_++);
  client.gpu_stream[stream] = free_gpu_streams_.top();
  free_gpu_streams_.pop();
  return client.gpu_stream[stream];
}

std::uint32_t Simulation::FreeToken() {
  if (free_tokens_.empty()) {
    in_flight_.emplace_back();
    return static_cast<std::uint32_t>(in_flight_.size() - 1);
  }
  const std::uint32_t token = free_tokens_.back();
  free_tokens_.pop_back();
  return token;
}

void Simulation::Issue(const CommandFeed::Choice& choice) {
  const auto [index, stream, command] = choice;
  Client& client = clients_[index];
  client.is_announced[stream] = false;
  const KernelOfModel& kernel =
      workload_.models[client.running->model][client.streams[stream][client.next[stream] - 1]];
  const std::uint32_t token = FreeToken();
  in_flight_[token] = {index, stream, client.posted[stream], command};
  feed_.Dispatched(index, stream, now_ns_);
  gpu_.Submit({.token = token,
               .stream = GpuStreamFor(client, stream),
               .blocks = kernel.blocks,
               .threads = kernel.threads,
               .block_ns = kernel.block_ns},
              now_ns_);
  Announce(index, stream);
}

void Simulation::Complete(std::uint32_t token) {
  const InFlight done = in_flight_[token];
  free_tokens_.push_back(token);
  if (observer_.on_completed) observer_.on_completed(feed_.host().Command(done.command), now_ns_);
  feed_.Completed(done.client, done.stream, done.sequence, now_ns_);
  ++result_.commands;
  ++result_.tenants[workload_.clients[done.client].tenant].commands;
  Client& client = clients_[done.client];
  if (--client.in_flight[done.stream] == 0) free_gpu_streams_.push(client.gpu_stream[done.stream]);
  if (--client.commands_left == 0) EndJob(done.client);
}

}  // namespace paella::scheduler_daemon
