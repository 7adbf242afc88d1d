// The mechanism: takes each client's commands to the GPU in the order that the policy names, and sees them done.
//
//   client's ring ─▶ StreamTable ─▶ ready heads ─▶ CommandFeed.Pick ─▶ physical stream ─▶ mark ─▶ completion word
//
// One Step reads, completes and dispatches what it can, and never waits. Alone, a tenant's commands go to the GPU as
// they come; while another one is connected, only a little is in flight (InFlightLimits), so that the policy's order is
// the GPU's order. Of what has no work for the GPU the policy hears nothing.
//
// A CUDA error that ends a context (IsFatal) ends the scheduler: failure() tells, and nothing is dispatched any more.
//
// Dispatching thread only.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_SCHEDULER_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "scheduler_daemon/executor/client_session.h"
#include "scheduler_daemon/executor/gpu_streams.h"
#include "scheduler_daemon/executor/printing_turn.h"
#include "scheduler_daemon/executor/word_probes.h"
#include "scheduler_daemon/policies/command_feed.h"

namespace paella::scheduler_daemon {

// Whether a result says that the context, and with it every client's work on the GPU, is lost.
bool IsFatal(CUresult result);

class Scheduler {
 public:
  // Of one stream, always: the driver blocks a thread that queues about a thousand, marks among them.
  static constexpr std::uint64_t kInFlightPerStream = 256;
  // The same for graphs, whose nodes fill the same queues: none is dispatched behind as many.
  static constexpr std::uint64_t kNodesPerStream = 1024;

  // `pass_printing`: brings what was printed to its owner, takes what will be for the client's (null: nobody's), and
  // then has PrintingPassed called (PrintingTurn).
  Scheduler(const Driver& driver, GpuStreams& gpu_streams, std::unique_ptr<PolicyOperations> policy,
            Knowledge knowledge, std::function<void(std::shared_ptr<ClientText>)> pass_printing)
      : driver_(driver),
        gpu_streams_(gpu_streams),
        feed_(std::move(policy), {}, std::move(knowledge)),
        word_probes_(driver, gpu_streams),
        printing_([this, pass = std::move(pass_printing)](std::uint64_t client) { pass(TextOf(client)); }) {}

  // `info` is of its tenant, whose other clients it is for as well.
  void Add(std::unique_ptr<ClientSession> session, const TenantInfo& info, std::uint64_t now_ns);
  // Drops what the client has not on the GPU yet. Collect gives it back when the rest is done.
  void Detach(std::uint64_t client, std::uint64_t now_ns);
  // If it has clients.
  void SetTenant(std::string_view name, const TenantInfo& info, std::uint64_t now_ns);
  // Whether a share of the SMs has to be made for the tenant, for SetShare: it has clients, and had another one before,
  // which is over.
  bool WantsShare(std::string_view name, double percent);
  // Whether the tenant still wants that, and has none.
  bool LacksShare(std::string_view name, double percent) const;
  // For nobody, if the tenant left meanwhile or wants another one.
  void SetShare(std::string_view name, double percent, std::shared_ptr<SmShare> share);
  void SetPolicy(std::unique_ptr<PolicyOperations> policy, std::uint64_t now_ns) {
    feed_.SetPolicy(std::move(policy), now_ns);
  }
  void PrintingPassed() { printing_.Passed(); }

  // Whether anything was read, completed or dispatched.
  bool Step(std::uint64_t now_ns);
  // Since the last step nobody looked at the rings, and clients knew it.
  void WokeUp(std::uint64_t now_ns) { looked_ns_ = now_ns; }
  // Asks the driver whether what is in flight still can end: slow, for when nothing happened for a while.
  void CheckHealth();

  // Sessions that were detached and are done, to be destroyed where waiting is allowed.
  std::vector<std::unique_ptr<ClientSession>> Collect(std::uint64_t now_ns);
  // Clients whose channel broke since the last call, with the reason. They are detached by paellad.
  struct Broken {
    std::uint64_t client;
    std::string reason;
  };
  std::vector<Broken> TakeBroken();

  CUresult failure() const { return failure_; }
  // Gives the error to the clients whose work was on the GPU when it failed; of a failed assertion to those alone who
  // may have made it.
  void BlameInFlight();
  // The only client whose work on the GPU may have made an assertion fail; null if there are several, or none.
  ClientSession* OnlyOneThatAsserts() const;
  bool in_flight() const { return in_flight_ != 0 || word_probes_.in_flight(); }
  // Whether some client's stream waits for what may happen without a word to us.
  bool holding() const { return holding_; }
  const CommandFeed& feed() const { return feed_; }
  // Where the time of recent jobs went, those that are over by now included.
  FlightReport ReportJobs(std::uint64_t now_ns) {
    feed_.BeginRound(now_ns);
    return feed_.flight().Report(now_ns);
  }
  // Gets each job that begins from now on, when it has ended; null: nobody does.
  using Recorder = std::function<void(const RecordedJob&, const std::string& tenant, const TenantInfo&)>;
  void SetRecorder(Recorder recorder);
  // After the GPU's streams have started, and before there are clients.
  void SetSightLatency(std::uint64_t latency_ns) { feed_.SetSightLatency(latency_ns); }
  void LetClassesPass() { feed_.SetBands(gpu_streams_.Bands()); }

  template <typename Visitor>
  void ForEachSession(Visitor visit) const {
    for (const auto& client : clients_) visit(*client->session);
  }

 private:
  // Where a client's stream runs: it is at the position word - base, which may have gone around.
  struct Binding {
    GpuStream* gpu = nullptr;
    std::uint64_t base = 0;
    StreamPosition marked = 0;  // of the last mark
  };
  struct Client {
    std::unique_ptr<ClientSession> session;
    CommandFeed::ClientId in_feed = 0;
    std::vector<Binding> bindings;
    std::uint64_t asserting = 0;  // commands on the GPU that may make an assertion fail
    bool detached = false;
    bool reported = false;
  };

  void DropWaiting(Client& client, std::uint64_t now_ns);
  bool Read(std::uint64_t now_ns);
  bool CompleteFinished(std::uint64_t now_ns);
  bool Dispatch(std::uint64_t now_ns);
  bool DispatchAllSoftware(std::uint64_t now_ns);
  bool DispatchSoftware(Client& client, std::uint64_t now_ns);
  bool DispatchSoftwareHead(Client& client, std::uint32_t stream, std::uint64_t now_ns);
  bool MayPass(Client& client, std::uint32_t stream, std::uint64_t now_ns);
  bool IsReady(const Client& client, std::uint32_t stream, std::uint64_t now_ns);
  void Announce(Client& client, std::uint64_t now_ns);
  bool DispatchAnnounced(std::size_t& left, std::uint64_t now_ns);
  void MarkAll();
  void DispatchPicked(Client& client, std::uint32_t stream, std::uint64_t now_ns);
  const std::shared_ptr<SmShare>& ShareOf(const Client& client, std::uint32_t stream) const;
  void EndShare(Tenant& tenant);
  Tenant* FindTenant(std::string_view name) const;
  bool Bind(Client& client, std::uint32_t stream);
  void ReleaseIfDrained(Client& client, std::uint32_t stream);
  void ChooseSlices(Client& client, std::uint32_t stream);
  void IssueHead(Client& client, std::uint32_t stream, std::uint64_t now_ns);
  CUresult IssueNext(Client& client, std::uint32_t stream);
  void EndSlicedHeads(Client& client, std::uint64_t now_ns);
  void CountText(Client& client, std::uint32_t stream, const Command& command);
  std::shared_ptr<ClientText> TextOf(std::uint64_t client) const;
  static bool IsOnGpu(const Client& client);
  void IssueWaits(Client& client, std::uint32_t stream, const std::vector<Dependency>& unfinished);
  void MarkUpTo(Client& client, std::uint32_t stream, StreamPosition position);
  void Check(Client& client, CUresult result);
  void CountInFlight(Client& client, std::uint64_t count, std::uint64_t now_ns);
  void CountDone(Client& client, std::uint64_t count, std::uint64_t now_ns);
  static bool IsFull(const StreamQueue& queue) {
    return queue.dispatched - queue.completed >= kInFlightPerStream || queue.nodes_in_flight >= kNodesPerStream;
  }
  // Once streams share hardware queues, a wait in one of them could stand before what it waits for.
  StreamTable::Waiter WhoWaits() const {
    return gpu_streams_.OneQueueEach() ? StreamTable::Waiter::kGpu : StreamTable::Waiter::kSoftware;
  }

  const Driver& driver_;
  GpuStreams& gpu_streams_;
  CommandFeed feed_;
  WordProbes word_probes_;
  PrintingTurn printing_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<Client*> clients_of_feed_;  // by CommandFeed's number
  std::vector<std::uint32_t> visited_;  // by DispatchSoftware; kept, so that a dispatch allocates nothing for it
  std::uint64_t arrivals_ = 0;
  std::uint64_t looked_ns_ = 0;  // at the rings
  std::uint64_t in_flight_ = 0;
  bool holding_ = false;
  CUresult failure_ = CUDA_SUCCESS;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_SCHEDULER_H_
