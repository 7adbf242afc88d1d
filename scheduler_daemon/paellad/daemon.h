// paellad: greets clients, hands them to the executor, holds the GPU's physical memory, and replaces an executor that
// ended. Never touches a context, so no kernel can end it.
//
//   program ──Hello──▶ paellad ──ClientAttach + descriptors──▶ executor
//           ◀─Welcome─         ◀──SlabRequest───────────────── executor
//
// One thread, one poll: every descriptor is non-blocking and every wait has an end.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_DAEMON_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_DAEMON_H_

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/channel.h"
#include "ipc/control_socket.h"
#include "ipc/shared_memory.h"
#include "messages.h"
#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/paellad/address_plan.h"
#include "scheduler_daemon/paellad/executor_process.h"
#include "scheduler_daemon/paellad/settings.h"
#include "scheduler_daemon/paellad/slab_pool.h"

namespace paella::scheduler_daemon {

class Daemon {
 public:
  Daemon(const Settings& settings, std::unique_ptr<const Driver> driver);

  // Serves until SIGTERM or SIGINT (`signals` is a signalfd), then drains. Gives the exit status.
  int Run(int signals);

 private:
  using Clock = std::chrono::steady_clock;

  struct Client {
    std::uint64_t number;
    std::string tenant;
    std::string class_name;
    std::string program;
    pid_t pid;
    ipc::ControlSocket socket;
    ipc::Mapping channel;
    bool leaving = false;  // told to the executor, not yet given back
  };
  struct Guest {  // connected, and has not said what it wants
    ipc::ControlSocket socket;
    Clock::time_point deadline;
    bool is_control;
  };

  bool Listen();
  bool StartExecutorProcess();
  void PollOnce(int signals);
  void Accept(int listener, bool is_control);
  void ReadGuests();
  void OnHello(Guest& guest, ipc::Packet& packet);
  void OnControl(Guest& guest, ipc::Packet& packet);
  void Refuse(ipc::ControlSocket& socket, const std::string& reason);
  bool Welcome(Client& client, const AddressPlan::Place& place);
  void WatchClients();
  void DropClient(Client& client);
  void Fail(Client& client, CUresult result);

  void ReadExecutor();
  void OnExecutorPacket(ipc::Packet& packet);
  void OnExecutorEnd();
  void OnSlabRequest(const ipc::SlabRequest& request);
  void AnswerStatus(const ipc::StatusReport& report);
  void Drain();
  void StopExecutor();
  void NotifyWatchdog();

  const Settings& settings_;
  const std::unique_ptr<const Driver> driver_;
  SlabPool slabs_;
  AddressPlan plan_;
  std::string policy_;
  ipc::Fd listener_;
  ipc::Fd control_listener_;
  std::optional<ExecutorProcess> executor_;
  std::optional<ipc::ExecutorReady> device_;
  std::vector<Clock::time_point> starts_;  // of executors, lately
  bool executor_is_hopeless_ = false;
  bool stop_ = false;
  std::uint64_t next_client_ = 1;
  std::map<std::uint64_t, Client> clients_;
  std::vector<std::unique_ptr<Guest>> guests_;
  std::map<std::uint64_t, ipc::ControlSocket> asking_;  // who waits for a status, by tag
  std::uint64_t next_tag_ = 1;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_DAEMON_H_
