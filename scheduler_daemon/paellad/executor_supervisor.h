// Keeps an executor running: starts it, answers its requests for memory, and replaces it when it ends.
//
//   start ──ExecutorReady──▶ ready ──end of file──▶ gone ──after a pause that doubles──▶ start
//
// paellad's one thread. What the executor says about clients goes to the listener that paellad gives.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_EXECUTOR_SUPERVISOR_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_EXECUTOR_SUPERVISOR_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "messages.h"
#include "scheduler_daemon/paellad/executor_process.h"
#include "scheduler_daemon/paellad/settings.h"
#include "scheduler_daemon/paellad/slab_pool.h"

namespace paella::scheduler_daemon {

class ExecutorListener {
 public:
  virtual ~ExecutorListener() = default;
  virtual void OnExecutorReady() = 0;
  // Every client's work is lost; the next executor knows nothing of them.
  virtual void OnExecutorGone() = 0;
  virtual void OnClientFailed(const ipc::ClientFailed& message) = 0;
  virtual void OnClientDetached(std::uint64_t client) = 0;
  virtual void OnStatusReport(const ipc::StatusReport& report) = 0;
};

class ExecutorSupervisor {
 public:
  using Clock = std::chrono::steady_clock;

  ExecutorSupervisor(const Settings& settings, SlabPool& slabs, ExecutorListener& listener)
      : settings_(settings), slabs_(slabs), listener_(listener), policy_(settings.policy) {}
  ~ExecutorSupervisor() { Stop(); }
  ExecutorSupervisor(const ExecutorSupervisor&) = delete;

  // Reaps executors that ended, and starts one if there is none, its pause is over, and the one before it has let go of the
  // GPU, which takes a while: two at once would need the memory of both. Call it in each turn.
  void Tend(Clock::time_point now);
  // Takes in what the executor has sent. Call it when fd() is readable.
  void Read(Clock::time_point now);
  // Whether the executor would like a slab for later. MakeAhead makes it: a millisecond or more of the driver's time, so
  // call it in a turn in which nobody wants anything else.
  bool has_ahead() const { return ahead_.has_value(); }
  void MakeAhead();
  // Ends the executor and waits for it, for a bounded time.
  void Stop();

  // Becomes readable when an executor is gone whose end Tend waits for; -1 if none is awaited.
  int ending_fd() const { return ending_.empty() ? -1 : ending_.front().end.get(); }
  // The executor's socket; -1 while there is none.
  int fd() const { return process_ ? process_->socket.fd() : -1; }
  // What the GPU is, from when the executor is ready until it fails or ends. Null: not now.
  const ipc::ExecutorReady* device() const { return device_ && !is_failing_ ? &*device_ : nullptr; }
  pid_t pid() const { return process_ ? process_->pid : -1; }
  std::uint64_t restarts() const { return restarts_; }
  // Whether an executor ended before it was ever ready: at paellad's start that is an error of its set-up.
  bool failed_to_start() const { return failed_to_start_; }

  const std::string& policy() const { return policy_; }  // "NAME key=value ..."
  void SetPolicy(const std::string& text);

  // False: there is no executor, or it does not take packets.
  template <typename Message>
  bool Send(const Message& message, std::initializer_list<int> fds = {}) {
    return process_ && process_->socket.Send(message, fds);
  }

 private:
  struct Ending {
    pid_t pid;
    ipc::Fd end;  // a pidfd
    bool was_killed;  // by us
  };

  void AwaitEnd(pid_t pid, Clock::time_point now);
  void Start(Clock::time_point now);
  bool OnPacket(ipc::Packet& packet);
  void OnSlabRequest(const ipc::SlabRequest& request);
  CUresult Grant(const ipc::SlabRequest& request);
  void Refuse(const ipc::SlabRequest& request, CUresult result);
  void OnEnd(Clock::time_point now);
  void Reap();

  const Settings& settings_;
  SlabPool& slabs_;
  ExecutorListener& listener_;
  std::string policy_;
  std::optional<ExecutorProcess> process_;
  std::optional<ipc::ExecutorReady> device_;
  bool is_failing_ = false;  // it said so, and will end
  std::optional<ipc::SlabRequest> ahead_;  // one: a later one means that nobody waits for the earlier any more
  std::vector<Ending> ending_;
  Clock::time_point latest_end_{};  // then the next one starts all the same
  Clock::time_point next_start_{};
  std::chrono::milliseconds pause_{0};
  std::uint64_t starts_ = 0;
  std::uint64_t restarts_ = 0;
  bool failed_to_start_ = false;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_EXECUTOR_SUPERVISOR_H_
