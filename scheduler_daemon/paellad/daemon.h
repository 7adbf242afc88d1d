// paellad: greets clients, hands them to the executor, holds the GPU's physical memory, and replaces an executor that
// ended. Never touches a context, so no kernel can end it.
//
//   program ──Hello──▶ paellad ──ClientAttach + descriptors──▶ executor
//           ◀─Welcome─         ◀──SlabRequest───────────────── executor
//
// One thread, one poll: no descriptor is waited for alone, and every wait has an end.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_DAEMON_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_DAEMON_H_

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/control_socket.h"
#include "messages.h"
#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/paellad/client_registry.h"
#include "scheduler_daemon/paellad/executor_supervisor.h"
#include "scheduler_daemon/paellad/settings.h"
#include "scheduler_daemon/paellad/slab_pool.h"

namespace paella::scheduler_daemon {

class Daemon : private ExecutorListener {
 public:
  Daemon(const Settings& settings, std::unique_ptr<const Driver> driver);

  // Serves until SIGTERM, SIGINT or SIGHUP (`signals` is a signalfd of them), then drains. Gives the exit status.
  int Run(int signals);

 private:
  using Clock = std::chrono::steady_clock;

  // Connected, and has not said what it wants, or waits for an executor that starts.
  struct Guest {
    ipc::ControlSocket socket;
    Clock::time_point deadline;
    bool is_control;
    std::optional<ipc::Hello> hello;
    bool gone = false;
  };
  struct Question {  // of a control connection that waits for the executor's report
    ipc::ControlSocket socket;
    Clock::time_point deadline;
    bool is_status = true;  // which paellad adds to; other reports are handed on as they are
  };

  // Each with a bound of its own for guests: silent ones of the one do not lock those of the other out.
  struct Door {
    ipc::Listener listener;
    std::size_t most_guests = 0;
  };

  // ExecutorListener.
  void OnExecutorReady() override;
  void OnExecutorGone() override;
  void OnClientFailed(const ipc::ClientFailed& message) override { clients_.Fail(message.client, message.reason); }
  void OnClientDetached(std::uint64_t client) override { clients_.Forget(client); }
  void OnStatusReport(const ipc::StatusReport& report) override;

  bool Listen();
  void Turn();
  std::chrono::milliseconds LongestWait() const;
  std::vector<pollfd> Descriptors() const;
  void Serve(const std::vector<pollfd>& polled);
  void OnSignal();
  bool IsOpen(const Door& door) const;
  void Accept(Door& door);
  void OnAcceptError(int error);
  void ReadGuest(Guest& guest);
  void OnHello(Guest& guest);
  void OnControl(Guest& guest, const ipc::ControlRequest& request);
  void AskForStatus(ipc::ControlSocket socket);
  void AskForTrace(ipc::ControlSocket socket, const std::string& what);
  void AskForJobs(ipc::ControlSocket socket, const std::string& argument);
  template <typename Request>
  void AskToHandOn(ipc::ControlSocket socket, Request request);
  void AnswerPolicy(ipc::ControlSocket& socket, const std::string& text);
  void AnswerTenant(ipc::ControlSocket& socket, const std::string& text);
  void DropLateGuests();
  void AnswerLateQuestions();
  void TellSystemd(const char* state);
  void FeedWatchdog();
  void Drain();
  std::uint64_t UptimeSeconds() const;

  const Settings& settings_;
  const std::unique_ptr<const Driver> driver_;
  SlabPool slabs_;
  ExecutorSupervisor executor_;
  ClientRegistry clients_;
  const Clock::time_point started_ = Clock::now();
  const std::chrono::microseconds watchdog_period_;
  Clock::time_point next_feed_;  // of the watchdog

  int signals_ = -1;
  Door programs_;
  Door control_;
  Clock::time_point next_accept_{};  // later than now: there was no descriptor or memory for a guest
  bool accept_failed_ = false;       // and the log says so
  std::vector<std::unique_ptr<Guest>> guests_;
  std::map<std::uint64_t, Question> questions_;  // by the tag of the executor's report
  std::uint64_t next_tag_ = 1;
  bool was_ready_ = false;
  int stop_signals_ = 0;
  // While draining: the tag of the report that was asked for, and whether one told that nothing is left to do.
  std::optional<std::uint64_t> drain_tag_;
  bool drained_ = false;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_DAEMON_H_
