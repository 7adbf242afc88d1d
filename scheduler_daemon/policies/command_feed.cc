#include "scheduler_daemon/policies/command_feed.h"

#include <algorithm>
#include <utility>

namespace paella::scheduler_daemon {

namespace {

constexpr double kFull = 0.999;  // of an engine; sums of shares are not exact
// What fills so much, and for so long, is in the way of others.
constexpr double kFillsAlone = 0.9;
constexpr std::uint64_t kLongInTheWayNs = 20'000;
// As many commands side by side as the GPU has hardware queues fill it, however small they are.
constexpr double kSmallestShare = 1.0 / 32;
constexpr std::uint64_t kShortestNs = 1'000;
constexpr std::uint64_t kBetweenLooksNs = 500'000;

InFlightLimits LimitsUnder(const PolicyOperations* policy, InFlightLimits limits) {
  if (policy == nullptr) return limits;
  const InFlightWishes& wishes = policy->in_flight_wishes;
  if (wishes.ahead_ns != 0) {
    limits.stream_ahead_ns = limits.total_ahead_ns = wishes.ahead_ns;
    limits.mark_every_ns = wishes.ahead_ns / 4;
  }
  if (wishes.slice_ns != 0) limits.slice_ns = wishes.slice_ns;
  if (wishes.hold_ns) limits.longest_hold_ns = *wishes.hold_ns;
  if (wishes.linger_ns) limits.linger_ns = *wishes.linger_ns;
  return limits;
}

}  // namespace

CommandFeed::CommandFeed(std::unique_ptr<PolicyOperations> policy, const Settings& settings, Knowledge knowledge)
    : settings_(settings),
      limits_(LimitsUnder(policy.get(), settings.limits)),
      host_(std::move(policy)),
      knowledge_(std::move(knowledge)) {}

void CommandFeed::SetPolicy(std::unique_ptr<PolicyOperations> policy, std::uint64_t now_ns) {
  limits_ = LimitsUnder(policy.get(), settings_.limits);
  host_.SetPolicy(std::move(policy), now_ns);
}

CommandFeed::ClientId CommandFeed::AddClient(std::uint64_t number, TenantId tenant, std::uint64_t tenant_hash,
                                             const TenantInfo& info, std::uint64_t now_ns) {
  auto client = static_cast<ClientId>(clients_.size());
  if (free_clients_.empty()) {
    clients_.emplace_back();
  } else {
    client = free_clients_.back();
    free_clients_.pop_back();
  }
  clients_[client] = {.number = number, .tenant = tenant, .tenant_hash = tenant_hash};
  if (tenant >= tenants_.size()) tenants_.resize(std::size_t{tenant} + 1);
  connected_tenants_ += tenants_[tenant].clients++ == 0 ? 1 : 0;
  host_.SetTenant(tenant, info, now_ns);
  return client;
}

void CommandFeed::RemoveClient(ClientId id, std::uint64_t now_ns) {
  Client& client = clients_[id];
  EndJob(client, false, now_ns);
  const TenantId tenant = client.tenant;
  std::erase(resting_, id);
  client = Client();
  free_clients_.push_back(id);
  if (--tenants_[tenant].clients != 0) return;
  --connected_tenants_;
  tenants_[tenant] = TenantUse();
  flight_.TenantLeft(tenant);
  host_.TenantLeft(tenant, now_ns);
}

CommandFeed::Stream& CommandFeed::StreamOf(ClientId client, std::uint32_t stream) {
  auto& streams = clients_[client].streams;
  if (stream >= streams.size()) streams.resize(std::size_t{stream} + 1);
  return streams[stream];
}

void CommandFeed::AtRest(ClientId id, std::uint32_t waits_ended) {
  Client& client = clients_[id];
  if (std::exchange(client.waits_ended, waits_ended) != waits_ended) client.boundaries.Seen();
}

void CommandFeed::BeginRound(std::uint64_t now_ns) {
  ask_again_ns_ = kNever;
  if (std::exchange(policies_seen_, host_.installed()) != host_.installed()) flight_.UsePolicy(host_.policy_name());
  std::erase_if(resting_, [&](ClientId id) {
    Client& client = clients_[id];
    const bool is_idle = client.job && client.outstanding == 0;
    if (is_idle && !client.boundaries.HasPaused(now_ns)) return false;
    if (is_idle) EndJob(client, false, now_ns);
    client.is_resting = false;
    return true;
  });
}

bool CommandFeed::WantsSlices(ClientId client) const {
  if (!is_shared() || limits_.slice_ns == 0) return false;
  return !host_.policy_goes_by_classes() ||
         host_.Tenant(clients_[client].tenant).tenant_class != TenantClass::kLatency;
}

bool CommandFeed::WantsHead(ClientId id, std::uint32_t number, std::uint64_t now_ns) {
  const auto& streams = clients_[id].streams;
  if (number >= streams.size()) return true;
  const Stream& stream = streams[number];
  if (stream.announced != kNone) return false;
  if (!is_shared() || stream.first == kNone) return true;
  const std::uint64_t ran_ns = std::min(now_ns - BeganNs(stream), host_.Command(stream.first).predicted_ns);
  const std::uint64_t to_run_ns = stream.ahead_ns - ran_ns;
  if (to_run_ns <= limits_.stream_ahead_ns) return true;
  if (ran_ns < host_.Command(stream.first).predicted_ns) {
    ask_again_ns_ = std::min(ask_again_ns_, now_ns + to_run_ns - limits_.stream_ahead_ns);
  }
  return false;
}

Prediction CommandFeed::Predict(const Work& work) const {
  Prediction prediction = knowledge_.kernels.Predict(work.shape);
  if (prediction.observations == 0) prediction.duration_ns *= std::max(1u, work.units);
  // Less cannot be seen; and shares of a batch go by predictions, so that 0 would stay 0.
  prediction.duration_ns = std::max(prediction.duration_ns, kShortestNs);
  return prediction;
}

void CommandFeed::Ready(ClientId id, std::uint32_t number, std::uint64_t sequence, std::uint64_t arrival,
                        const Work& work, std::uint64_t now_ns, const ReadTimes& read) {
  Client& client = clients_[id];
  const JobId job = JobForNext(client, read, now_ns);
  const Prediction prediction = Predict(work);
  const ReadyId command = host_.CommandReady({.client = client.number,
                                              .tenant = client.tenant,
                                              .stream = number,
                                              .job = job,
                                              .observations = prediction.observations,
                                              .arrival = arrival,
                                              .predicted_ns = prediction.duration_ns,
                                              .spread_ns = prediction.spread_ns},
                                             now_ns);
  if (command >= entries_.size()) entries_.resize(std::size_t{command} + 1);
  entries_[command] = {.client = id, .stream = number, .sequence = sequence, .work = work};
  entries_[command].work.share = std::clamp(work.share, kSmallestShare, 1.0);
  entries_[command].band = bands_[static_cast<std::size_t>(host_.Tenant(client.tenant).tenant_class)];
  StreamOf(id, number).announced = command;
  ++client.outstanding;
  ++jobs_[job].outstanding;
  ++tenants_[client.tenant].outstanding;
  flight_.Ready(job, read, now_ns);
}

// The job that a client's next command belongs to.
JobId CommandFeed::JobForNext(Client& client, const ReadTimes& read, std::uint64_t now_ns) {
  const JobBoundaries::Begin begin = client.boundaries.Submitted(now_ns);
  if (begin != JobBoundaries::Begin::kNo || !client.job) {
    const bool cuts = begin == JobBoundaries::Begin::kCut;
    EndJob(client, cuts, now_ns);
    BeginJob(client, now_ns);
    const std::uint64_t not_before_ns = cuts ? now_ns : client.boundaries.last_completion_ns();
    flight_.JobBegan(*client.job, host_.Job(*client.job), read, not_before_ns, now_ns);
  }
  return *client.job;
}

void CommandFeed::BeginJob(Client& client, std::uint64_t now_ns) {
  JobPath path = knowledge_.jobs.Begin(client.tenant_hash);
  const Prediction remaining = knowledge_.jobs.Remaining(path);
  const JobId job = host_.BeginJob({.tenant = client.tenant,
                                    .client = client.number,
                                    .remaining_ns = remaining.duration_ns,
                                    .observations = remaining.observations},
                                   now_ns);
  if (job >= jobs_.size()) jobs_.resize(std::size_t{job} + 1);
  jobs_[job] = {.path = std::move(path)};
  if (recorder_) jobs_[job].record = {.tenant = client.tenant, .client = client.number, .began_ns = now_ns};
  client.job = job;
}

void CommandFeed::EndJob(Client& client, bool was_cut, std::uint64_t now_ns) {
  if (!client.job) return;
  const JobId job = *std::exchange(client.job, std::nullopt);
  jobs_[job].is_over = true;
  jobs_[job].was_cut = was_cut;
  EndIfDone(job, now_ns);
}

void CommandFeed::EndIfDone(JobId id, std::uint64_t now_ns) {
  Job& job = jobs_[id];
  if (!job.is_over || job.outstanding != 0) return;
  // One that was cut ended where its program did not, and one without a command is none.
  if (!job.was_cut && job.path.commands != 0) knowledge_.JobDone(job.path);
  flight_.JobEnded(id, job.was_cut);
  if (job.record && recorder_ && !job.record->commands.empty()) recorder_(std::move(*job.record));
  job = Job();
  host_.EndJob(id, now_ns);
}

void CommandFeed::CountOut(Client& client, const CommandInfo& info, std::uint64_t now_ns) {
  client.boundaries.Completed(now_ns);
  if (--client.outstanding == 0 && !std::exchange(client.is_resting, true)) {
    resting_.push_back(static_cast<ClientId>(&client - clients_.data()));
  }
  --tenants_[info.tenant].outstanding;
  --jobs_[info.job].outstanding;
}

void CommandFeed::Withdraw(ClientId id, std::uint32_t number, std::uint64_t now_ns) {
  Stream& stream = StreamOf(id, number);
  if (stream.announced == kNone) return;
  const ReadyId command = std::exchange(stream.announced, kNone);
  const CommandInfo info = host_.Command(command);
  host_.Withdraw(command, now_ns);
  flight_.Withdrawn(info.job, now_ns);
  CountOut(clients_[id], info, now_ns);
  EndIfDone(info.job, now_ns);
}

void CommandFeed::WithdrawAll(ClientId id, std::uint64_t now_ns) {
  Client& client = clients_[id];
  for (std::uint32_t stream = 0; stream < client.streams.size(); ++stream) Withdraw(id, stream, now_ns);
  EndJob(client, client.outstanding != 0, now_ns);
}

std::optional<CommandFeed::Choice> CommandFeed::Pick(std::uint64_t now_ns) {
  const std::optional<ReadyId> command = host_.Pick(now_ns);
  if (!command && host_.ready() != 0) flight_.PolicyWaits(now_ns);
  if (!command || !MayGo(*command, now_ns)) return std::nullopt;
  return Choice{entries_[*command].client, entries_[*command].stream, *command};
}

bool CommandFeed::MayGo(ReadyId command, std::uint64_t now_ns) {
  if (!is_shared()) return true;
  if (!host_.picked_overdue() && IsHeld(command, now_ns)) return false;
  // Copies are bounded by their streams alone: one that had to wait here would keep kernels waiting that have room, as a
  // held command does.
  if (entries_[command].work.engine != Engine::kCompute && !limits_.one_at_a_time) return true;
  Ahead ahead = AheadOf(command, now_ns);
  if (HasRoom(ahead)) return true;
  if (ForgetOverdue(now_ns)) ahead = AheadOf(command, now_ns);
  if (HasRoom(ahead)) return true;
  flight_.NoRoom(now_ns);
  if (limits_.one_at_a_time) return false;
  const auto total_ahead_ns = static_cast<double>(limits_.total_ahead_ns);
  const bool time_makes_room = ahead.behind_ns <= total_ahead_ns;
  const double wait_ns = time_makes_room ? ahead.to_run_ns - total_ahead_ns : kBetweenLooksNs;
  ask_again_ns_ = std::min(ask_again_ns_, now_ns + static_cast<std::uint64_t>(wait_ns) + 1);
  return false;
}

CommandFeed::Ahead CommandFeed::AheadOf(ReadyId command, std::uint64_t now_ns) {
  Ahead ahead;
  EngineBands& engine = EngineOf(command);
  engine.Advance(now_ns);
  for (std::size_t band = 0; band < engine.bands.size(); ++band) {
    const EngineUse& use = engine.bands[band];
    ahead.commands += use.commands();
    if (band > entries_[command].band) continue;
    ahead.filled += use.filled();
    ahead.behind_ns += use.behind_ns();
    ahead.to_run_ns += use.to_run_ns();
  }
  return ahead;
}

bool CommandFeed::HasRoom(const Ahead& ahead) const {
  if (limits_.one_at_a_time) return ahead.commands == 0;
  return ahead.filled < kFull || ahead.to_run_ns <= static_cast<double>(limits_.total_ahead_ns);
}

// It takes far too long, and perhaps for ever.
bool CommandFeed::HasFirstFailedToEnd(const Stream& stream, std::uint64_t now_ns) const {
  const std::uint64_t predicted_ns = std::min(host_.Command(stream.first).predicted_ns, limits_.longest_patience_ns);
  const std::uint64_t patience_ns =
      std::min(limits_.overdue_factor * predicted_ns, limits_.longest_patience_ns) + limits_.patience_ns;
  return now_ns - BeganNs(stream) > patience_ns;
}

// The first commands of streams that take far too long: what waits behind them waits for nobody knows what.
bool CommandFeed::ForgetOverdue(std::uint64_t now_ns) {
  if (now_ns - last_overdue_look_ns_ < kBetweenLooksNs) return false;
  last_overdue_look_ns_ = now_ns;
  bool any = false;
  for (const auto& [client, number] : busy_) {
    Stream& stream = StreamOf(client, number);
    if (stream.is_overdue || !HasFirstFailedToEnd(stream, now_ns)) continue;
    CountBehind(stream, -1);
    stream.is_overdue = any = true;
  }
  return any;
}

void CommandFeed::LeaveBusy(Stream& stream) {
  const auto [client, number] = busy_[stream.at_in_busy] = busy_.back();
  StreamOf(client, number).at_in_busy = stream.at_in_busy;
  busy_.pop_back();
}

std::optional<CommandFeed::Awaited> CommandFeed::AwaitedByBestEffort(std::uint64_t now_ns) const {
  std::optional<Awaited> awaited;
  for (TenantId tenant = 0; tenant < tenants_.size(); ++tenant) {
    const TenantUse& use = tenants_[tenant];
    if (host_.Tenant(tenant).tenant_class != TenantClass::kLatency) continue;
    const std::uint64_t lingers_until_ns = use.done_ns ? *use.done_ns + limits_.linger_ns : 0;
    const std::uint64_t until_ns = use.outstanding != 0 ? kNever : lingers_until_ns;
    if (until_ns <= now_ns) continue;
    if (!awaited || until_ns > awaited->until_ns) awaited = {tenant, until_ns};
  }
  return awaited;
}

// Not for a job that was cut, of which more comes as another job; and not for ever for a kernel that does not end.
std::optional<CommandFeed::Awaited> CommandFeed::AwaitedByJob(JobId job, std::uint64_t now_ns) {
  for (const auto& [client, number] : busy_) {
    const Stream& stream = StreamOf(client, number);
    const Entry& first = entries_[stream.first];
    const CommandInfo& info = host_.Command(stream.first);
    if (info.job == job || jobs_[info.job].is_over || first.work.engine != Engine::kCompute) continue;
    const bool has_more = host_.Job(info.job).remaining_ns != 0 || first.work.units > 1;
    if (!has_more || HasFirstFailedToEnd(stream, now_ns)) continue;
    if (host_.GoesBefore(info.job, job, now_ns)) return Awaited{info.tenant, kNever};
  }
  return std::nullopt;
}

std::optional<CommandFeed::Awaited> CommandFeed::AwaitedBy(ReadyId command, std::uint64_t now_ns) {
  return host_.policy_goes_by_classes() ? AwaitedByBestEffort(now_ns) : AwaitedByJob(host_.Command(command).job, now_ns);
}

bool CommandFeed::CanBeHeld(ReadyId command) const {
  if (limits_.longest_hold_ns == 0) return false;
  if (host_.policy_goes_by_classes()) {
    return host_.Tenant(host_.Command(command).tenant).tenant_class == TenantClass::kBestEffort;
  }
  const Work& work = entries_[command].work;
  return work.engine == Engine::kCompute && work.share >= kFillsAlone &&
         host_.Command(command).predicted_ns >= kLongInTheWayNs;
}

// What would be in the way waits for what comes before it, but not for ever.
bool CommandFeed::IsHeld(ReadyId command, std::uint64_t now_ns) {
  if (!CanBeHeld(command)) return false;
  const std::optional<Awaited> awaited = AwaitedBy(command, now_ns);
  auto& held_since_ns = entries_[command].held_since_ns;
  if (!awaited) {
    held_since_ns.reset();
    return false;
  }
  if (!held_since_ns) held_since_ns = now_ns;
  const std::uint64_t until_ns = *held_since_ns + limits_.longest_hold_ns;
  if (now_ns > until_ns) return false;  // one goes, and the next is held anew
  ask_again_ns_ = std::min({ask_again_ns_, until_ns + 1, awaited->until_ns});
  flight_.Held(awaited->tenant, now_ns);
  return true;
}

void CommandFeed::BecomesFirst(ReadyId command, std::uint64_t now_ns) {
  EngineOf(command).Advance(now_ns);
  UseOf(command).BecomesFirst(entries_[command].work.share, WorkOf(command));
}

void CommandFeed::CountBehind(const Stream& stream, double sign) {
  for (ReadyId command = entries_[stream.first].next; command != kNone; command = entries_[command].next) {
    UseOf(command).AddBehind(sign * WorkOf(command));
  }
}

bool CommandFeed::Dispatched(ClientId id, std::uint32_t number, std::uint64_t now_ns) {
  Client& client = clients_[id];
  Stream& stream = StreamOf(id, number);
  const ReadyId command = std::exchange(stream.announced, kNone);
  Entry& entry = entries_[command];
  entry.dispatched_ns = now_ns;
  UseOf(command).Enter();
  if (stream.first == kNone) {
    BecomesFirst(command, now_ns);
    stream.at_in_busy = busy_.size();
    busy_.emplace_back(id, number);
  } else if (!stream.is_overdue) {
    UseOf(command).AddBehind(WorkOf(command));
  }
  (stream.last == kNone ? stream.first : entries_[stream.last].next) = command;
  stream.last = command;
  host_.Dispatched(command, now_ns);

  const CommandInfo& info = host_.Command(command);
  flight_.Dispatched(info.job, host_.picked_overdue(), now_ns);
  Job& job = jobs_[info.job];
  if (job.record) {
    entry.number = job.record->commands.size();
    job.record->commands.push_back({entry.work.shape, number, entry.work.share, info.predicted_ns});
  }
  knowledge_.jobs.Advance(job.path, entry.work.shape, info.predicted_ns);
  if (client.job == info.job) {
    const Prediction remaining = knowledge_.jobs.Remaining(job.path);
    host_.SetRemaining(info.job, remaining.duration_ns, remaining.observations, now_ns);
  }
  stream.ahead_ns += info.predicted_ns;
  stream.unseen_ns += info.predicted_ns;
  const bool look = info.observations < kWellKnown || (is_shared() && stream.unseen_ns >= limits_.mark_every_ns);
  if (look) stream.unseen_ns = 0;
  return look;
}

CommandFeed::Batch CommandFeed::Sight(const Stream& stream, std::uint64_t sequence, std::uint64_t now_ns) const {
  Batch batch;
  // The first command of a stream that was idle has a way to go.
  const bool was_idle = entries_[stream.first].dispatched_ns >= stream.last_sight_ns;
  batch.took_ns = now_ns - BeganNs(stream);
  if (was_idle) batch.took_ns -= std::min(batch.took_ns, settings_.sight_latency_ns);
  for (ReadyId command = stream.first; command != kNone && entries_[command].sequence <= sequence;
       command = entries_[command].next) {
    const CommandInfo& info = host_.Command(command);
    (info.observations == 0 ? batch.guessed_ns : batch.known_ns) += info.predicted_ns;
  }
  return batch;
}

bool CommandFeed::IsAssumed(ReadyId command, const Batch& batch) const {
  return batch.Splits() && host_.Command(command).observations != 0;
}

// Of the time that the batch took, what the command is thought to have taken.
std::uint64_t CommandFeed::ShareOf(ReadyId command, const Batch& batch) const {
  const CommandInfo& info = host_.Command(command);
  const auto part = [&](std::uint64_t time_ns, std::uint64_t of_ns) {
    return static_cast<std::uint64_t>(static_cast<double>(time_ns) * static_cast<double>(info.predicted_ns) /
                                      static_cast<double>(std::max<std::uint64_t>(1, of_ns)));
  };
  if (IsAssumed(command, batch)) return info.predicted_ns;
  if (batch.Splits()) return part(batch.took_ns - batch.known_ns, batch.guessed_ns);
  return part(batch.took_ns, batch.known_ns + batch.guessed_ns);
}

void CommandFeed::Completed(ClientId id, std::uint32_t number, std::uint64_t sequence, std::uint64_t now_ns) {
  Stream& stream = StreamOf(id, number);
  if (stream.first == kNone || entries_[stream.first].sequence > sequence) return;
  const Batch batch = Sight(stream, sequence, now_ns);
  if (batch.guessed_ns == 0) flight_.Ran(host_.Command(stream.first).job, batch.took_ns, batch.known_ns);
  const bool was_overdue = std::exchange(stream.is_overdue, false);
  while (stream.first != kNone && entries_[stream.first].sequence <= sequence) {
    const ReadyId command = stream.first;
    EngineOf(command).Advance(now_ns);
    UseOf(command).Leave(entries_[command].work.share, WorkOf(command));
    stream.ahead_ns -= host_.Command(command).predicted_ns;
    stream.first = entries_[command].next;
    if (stream.first != kNone) {
      if (!was_overdue) UseOf(stream.first).AddBehind(-WorkOf(stream.first));
      BecomesFirst(stream.first, now_ns);
    }
    CompleteOne(command, batch, now_ns);
  }
  stream.last_sight_ns = now_ns;
  if (stream.first == kNone) {
    stream.last = kNone;
    stream.unseen_ns = 0;
    LeaveBusy(stream);
  } else if (was_overdue) {
    CountBehind(stream, 1);  // it went on after all
  }
}

void CommandFeed::CompleteOne(ReadyId command, const Batch& batch, std::uint64_t now_ns) {
  const std::uint64_t measured_ns = ShareOf(command, batch);
  if (!IsAssumed(command, batch)) knowledge_.KernelDone(entries_[command].work.shape, measured_ns);
  const CommandInfo info = host_.Command(command);
  Job& job = jobs_[info.job];
  job.path.measured_ns += measured_ns;
  if (job.record) job.record->commands[entries_[command].number].duration_ns = measured_ns;
  host_.Completed(command, measured_ns, now_ns);
  flight_.Completed(info.job, now_ns);
  CountOut(clients_[entries_[command].client], info, now_ns);
  if (tenants_[info.tenant].outstanding == 0) tenants_[info.tenant].done_ns = now_ns;
  EndIfDone(info.job, now_ns);
}

}  // namespace paella::scheduler_daemon
