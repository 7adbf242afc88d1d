// Tells the policy what happens to commands, and learns from it: stands between those who know streams and sequences
// (the executor's Scheduler, the simulator) and those who know jobs and durations (PolicyHost, Knowledge).
//
//   a stream's head can go ─ Ready ─▶ announced ─ Pick, Dispatched ─▶ in flight ─ Completed ─▶ learned from
//                                         └─ Withdraw ─▶ unknown again
//
// Of a stream one command is announced at a time; what waits behind it is not known here.
//
// *Jobs* begin where JobBoundaries says so, and end when their last command is complete and the next one began, or the
// client paused. *Durations* are what passed between two sights of a stream's progress, less the time that a command
// takes to get to the GPU and its completion to be seen. Commands that completed between the same two sights share it
// as predicted; those that nobody knows yet share what the known ones leave. *In flight* holds what InFlightLimits say.
//
// Pure, as policies are: time is an argument. One thread.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_COMMAND_FEED_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_COMMAND_FEED_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "scheduler_daemon/knowledge/job_boundaries.h"
#include "scheduler_daemon/knowledge/knowledge.h"
#include "scheduler_daemon/policies/engine_use.h"
#include "scheduler_daemon/policies/flight_recorder.h"
#include "scheduler_daemon/policies/in_flight_limits.h"
#include "scheduler_daemon/policies/policy_host.h"
#include "scheduler_daemon/policies/work.h"

namespace paella::scheduler_daemon {

// What a job was made of, for those who record it (simulator/trace_writer.h).
struct RecordedCommand {
  std::uint64_t shape = 0;
  std::uint32_t stream = 0;
  double share = 1;
  std::uint64_t duration_ns = 0;
};
struct RecordedJob {
  TenantId tenant = 0;
  std::uint64_t client = 0;
  std::uint64_t began_ns = 0;
  std::vector<RecordedCommand> commands{};  // in the order in which they were dispatched
};

class CommandFeed {
 public:
  using ClientId = std::uint32_t;  // small number, used again

  struct Settings {
    InFlightLimits limits{};
    // From the dispatch of an empty command until its completion is seen, on an idle GPU.
    std::uint64_t sight_latency_ns = 0;
  };

  // `policy` may be null: fifo. The limits are the policy's, where its settings name any.
  CommandFeed(std::unique_ptr<PolicyOperations> policy, const Settings& settings, Knowledge knowledge = {});
  void SetPolicy(std::unique_ptr<PolicyOperations> policy, std::uint64_t now_ns);
  // How many classes' work the GPU lets pass that of a class, whatever was sent first: all 0 where it lets none.
  using Bands = std::array<std::size_t, 3>;  // by class; 0: passes the others
  void SetBands(const Bands& bands) { bands_ = bands; }
  void SetSightLatency(std::uint64_t latency_ns) { settings_.sight_latency_ns = latency_ns; }

  // `client`: its number for people. `tenant_hash`: the same after a restart. `info`: the tenant's, from now on.
  ClientId AddClient(std::uint64_t client, TenantId tenant, std::uint64_t tenant_hash, const TenantInfo& info,
                     std::uint64_t now_ns);
  // Nothing of it is announced or in flight.
  void RemoveClient(ClientId client, std::uint64_t now_ns);

  // The client has nothing to do. `waits_ended` counts how often the client has been told that its work is done: what
  // comes after another one is another job.
  void AtRest(ClientId client, std::uint32_t waits_ended);

  // Once before heads are announced: ends jobs whose clients paused.
  void BeginRound(std::uint64_t now_ns);
  // Whether a graph of the client should go in slices, so that others can overtake it: not if it is alone, and not if
  // none comes before it.
  bool WantsSlices(ClientId client) const;
  // Whether the stream may be given more, and has nothing announced.
  bool WantsHead(ClientId client, std::uint32_t stream, std::uint64_t now_ns);
  void Ready(ClientId client, std::uint32_t stream, std::uint64_t sequence, std::uint64_t arrival, const Work& work,
             std::uint64_t now_ns, const ReadTimes& read = {});
  void Withdraw(ClientId client, std::uint32_t stream, std::uint64_t now_ns);  // if it is announced
  // All that is announced, and the rest of the job will not come.
  void WithdrawAll(ClientId client, std::uint64_t now_ns);

  struct Choice {
    ClientId client;
    std::uint32_t stream;
    ReadyId command;
  };
  // Whose head goes next. Nothing: none is announced, the policy waits, or enough is in flight.
  std::optional<Choice> Pick(std::uint64_t now_ns);
  // When, if nothing else happens, something may go that cannot now. kNever: there is nothing.
  std::uint64_t ask_again_ns() const { return std::min(ask_again_ns_, host_.ask_again_ns()); }
  // Whether the command's end should be seen for itself soon.
  bool Dispatched(ClientId client, std::uint32_t stream, std::uint64_t now_ns);
  // All of the stream up to `sequence` is done, as seen now.
  void Completed(ClientId client, std::uint32_t stream, std::uint64_t sequence, std::uint64_t now_ns);

  // From now on gets each job that begins, when it has ended. Null: nobody does.
  void SetRecorder(std::function<void(RecordedJob)> recorder) { recorder_ = std::move(recorder); }

  PolicyHost& host() { return host_; }
  const PolicyHost& host() const { return host_; }
  const Knowledge& knowledge() const { return knowledge_; }
  const InFlightLimits& limits() const { return limits_; }
  // Where the time of jobs goes.
  FlightRecorder& flight() { return flight_; }
  const FlightRecorder& flight() const { return flight_; }
  bool is_shared() const { return connected_tenants_ > 1; }

 private:
  static constexpr ReadyId kNone = kPickNothing;
  // A kernel seen less often is looked at for itself.
  static constexpr std::uint32_t kWellKnown = 4;

  struct Stream {
    ReadyId announced = kNone;
    ReadyId first = kNone, last = kNone;  // in flight, in order
    std::uint64_t ahead_ns = 0;           // predicted, of those in flight
    std::uint64_t unseen_ns = 0;          // the same since somebody was told to look
    std::uint64_t last_sight_ns = 0;
    bool is_overdue = false;              // its first command is, and what is behind does not count
    std::size_t at_in_busy = 0;           // while it has something in flight
  };
  struct Client {
    std::uint64_t number = 0;
    TenantId tenant = 0;
    std::uint64_t tenant_hash = 0;
    std::uint32_t waits_ended = 0;
    std::uint32_t outstanding = 0;  // announced or in flight
    bool is_resting = false;        // it is in resting_
    JobBoundaries boundaries{};
    std::optional<JobId> job{};  // the present one
    std::vector<Stream> streams{};
  };
  struct Job {
    JobPath path{};
    std::uint32_t outstanding = 0;
    bool is_over = false;
    bool was_cut = false;
    std::optional<RecordedJob> record{};
  };
  struct Entry {  // of a command that is announced or in flight
    ClientId client = 0;
    std::uint32_t stream = 0;
    std::uint64_t sequence = 0;
    Work work{};
    std::size_t band = 0;
    std::uint64_t dispatched_ns = 0;
    std::optional<std::uint64_t> held_since_ns{};
    std::size_t number = 0;  // in its job, by the order of dispatch
    ReadyId next = kNone;    // in flight in its stream
  };
  struct TenantUse {
    std::uint32_t clients = 0;
    std::uint32_t outstanding = 0;  // commands
    std::optional<std::uint64_t> done_ns{};  // when its last command was done
  };
  struct Batch {  // what completed between two sights
    std::uint64_t took_ns = 0;
    std::uint64_t known_ns = 0;
    std::uint64_t guessed_ns = 0;

    // What is known of it says what the rest took.
    bool Splits() const { return guessed_ns != 0 && known_ns != 0 && took_ns > known_ns; }
  };

  Stream& StreamOf(ClientId client, std::uint32_t stream);
  JobId JobForNext(Client& client, const ReadTimes& read, std::uint64_t now_ns);
  void BeginJob(Client& client, std::uint64_t now_ns);
  void EndJob(Client& client, bool was_cut, std::uint64_t now_ns);
  void EndIfDone(JobId job, std::uint64_t now_ns);
  void CountOut(Client& client, const CommandInfo& info, std::uint64_t now_ns);
  Prediction Predict(const Work& work) const;
  Batch Sight(const Stream& stream, std::uint64_t sequence, std::uint64_t now_ns) const;
  bool IsAssumed(ReadyId command, const Batch& batch) const;
  std::uint64_t ShareOf(ReadyId command, const Batch& batch) const;
  struct EngineBands {
    std::array<EngineUse, 3> bands{};
    std::uint64_t at_ns = 0;

    // The more urgent run first.
    void Advance(std::uint64_t now_ns) {
      auto left_ns = static_cast<double>(now_ns - std::exchange(at_ns, now_ns));
      for (EngineUse& use : bands) left_ns = use.Run(left_ns);
    }
  };
  EngineBands& EngineOf(ReadyId command) { return engines_[static_cast<std::size_t>(entries_[command].work.engine)]; }
  EngineUse& UseOf(ReadyId command) { return EngineOf(command).bands[entries_[command].band]; }
  double WorkOf(ReadyId command) const {
    const std::uint64_t predicted_ns = host_.Command(command).predicted_ns;
    return static_cast<double>(std::min(predicted_ns, limits_.longest_count_ns)) * entries_[command].work.share;
  }
  void CompleteOne(ReadyId command, const Batch& batch, std::uint64_t now_ns);
  void BecomesFirst(ReadyId command, std::uint64_t now_ns);
  void LeaveBusy(Stream& stream);
  // Counts all that is behind a stream's first command (1), or takes it out (-1).
  void CountBehind(const Stream& stream, double sign);
  // When the stream's first command did: one behind another begins when that one ends.
  std::uint64_t BeganNs(const Stream& stream) const {
    return std::max(entries_[stream.first].dispatched_ns, stream.last_sight_ns);
  }
  bool HasFirstFailedToEnd(const Stream& stream, std::uint64_t now_ns) const;
  bool ForgetOverdue(std::uint64_t now_ns);
  // What is on a command's engine that it cannot pass.
  struct Ahead {
    std::size_t commands = 0;
    double filled = 0, behind_ns = 0, to_run_ns = 0;
  };
  Ahead AheadOf(ReadyId command, std::uint64_t now_ns);
  bool HasRoom(const Ahead& ahead) const;
  bool MayGo(ReadyId command, std::uint64_t now_ns);
  bool CanBeHeld(ReadyId command) const;
  bool IsHeld(ReadyId command, std::uint64_t now_ns);
  struct Awaited {
    TenantId tenant;
    std::uint64_t until_ns;
  };
  // For whose work the command is held, if it can be.
  std::optional<Awaited> AwaitedBy(ReadyId command, std::uint64_t now_ns);
  std::optional<Awaited> AwaitedByBestEffort(std::uint64_t now_ns) const;
  std::optional<Awaited> AwaitedByJob(JobId job, std::uint64_t now_ns);

  Settings settings_;
  InFlightLimits limits_;  // of settings_, as the policy wishes them
  PolicyHost host_;
  FlightRecorder flight_;
  Knowledge knowledge_;
  std::vector<Client> clients_;
  std::vector<ClientId> free_clients_;
  std::vector<ClientId> resting_;   // whose job may be over, and others
  std::vector<std::pair<ClientId, std::uint32_t>> busy_;  // streams with something in flight
  std::vector<Job> jobs_;           // by JobId
  std::vector<Entry> entries_;      // by ReadyId
  std::vector<TenantUse> tenants_;  // by TenantId
  std::array<EngineBands, kEngines> engines_{};
  Bands bands_{};
  std::size_t connected_tenants_ = 0;
  std::function<void(RecordedJob)> recorder_;
  std::uint64_t ask_again_ns_ = kNever;  // since the round began
  std::uint64_t last_overdue_look_ns_ = 0;
  std::uint64_t policies_seen_ = 0;  // PolicyHost::installed
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_COMMAND_FEED_H_
