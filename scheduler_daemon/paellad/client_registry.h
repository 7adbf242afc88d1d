// The programs that are connected: who may be one, what each is given, and what becomes of it.
//
//   Hello ─▶ Admit: checks, channel + arena + doorbell, address plan ─▶ ClientAttach to the executor, Welcome to the client
//   its socket closes, or it broke the protocol ─▶ Drop: ClientDetach ─▶ ... ─▶ ClientDetached: Forget
//
// paellad's one thread. Owns each client's socket and a view of its channel, through which errors reach it.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_CLIENT_REGISTRY_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_CLIENT_REGISTRY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>

#include <cuda.h>

#include "ipc/control_socket.h"
#include "ipc/shared_memory.h"
#include "messages.h"
#include "scheduler_daemon/paellad/address_plan.h"
#include "scheduler_daemon/paellad/executor_supervisor.h"
#include "scheduler_daemon/paellad/settings.h"

namespace paella::scheduler_daemon {

struct ConnectedClient {
  std::uint64_t number = 0;
  std::string tenant;
  TenantClass claim = TenantClass::kNormal;  // what the program says of itself
  std::string program;
  ipc::Credentials owner{};
  ipc::ControlSocket socket;
  ipc::Mapping channel;
  std::uint64_t unsupported_calls = 0;
  std::set<std::string> unsupported_names;
  unsigned unsupported_lines = 0;  // of the log, for it
  bool leaving = false;  // told to the executor, not yet given back
};

class ClientRegistry {
 public:
  // Names of functions that are remembered as unsupported: of all clients, where a new one takes the place of the one
  // that was called longest ago, and of one client.
  static constexpr std::size_t kMaxUnsupportedNames = 1024;
  static constexpr std::size_t kMaxUnsupportedNamesOfOne = 128;

  struct Unsupported {
    std::uint64_t calls = 0;   // the most that one client told
    std::uint64_t latest = 0;  // grows with each message of any client
  };

  ClientRegistry(const Settings& settings, ExecutorSupervisor& executor)
      : settings_(settings), executor_(executor), plan_(settings), rules_(settings.tenants) {}

  // Answers `socket`'s greeting with a Welcome, or with a Refusal that says why not. The executor is ready.
  void Admit(const ipc::Hello& hello, ipc::ControlSocket socket);

  // Takes in what the client sent; drops it if it is gone or sends what it must not.
  void Read(std::uint64_t client);
  // The executor says that the client broke its channel.
  void Fail(std::uint64_t client, const std::string& reason);
  // The executor has given everything of the client back.
  void Forget(std::uint64_t client);
  // The executor ended: every client gets an error that stays, and is forgotten.
  void FailAll(CUresult result);

  // What tenants of that name or pattern are to the policy from now on. False: nothing is changed, for that reason.
  [[nodiscard]] bool SetTenant(const std::string& pattern, std::span<const std::string> assignments,
                               std::string& error);
  // What the tenant is to the policy: its rule, and the claim of the client that has been there for longest; `claim` if
  // none is there.
  TenantInfo TenantOf(const std::string& tenant, TenantClass claim = TenantClass::kNormal) const;

  const std::map<std::uint64_t, ConnectedClient>& clients() const { return clients_; }
  const std::map<std::string, Unsupported>& unsupported_calls() const { return unsupported_; }

 private:
  // Why this greeting is turned away; "" if it is not.
  std::string Objection(const ipc::Hello& hello, const std::optional<ipc::Credentials>& owner) const;
  // Tells the executor what the tenant is to the policy, if it still has clients there.
  void TellOf(const std::string& tenant);
  // "" or why the client cannot be served.
  std::string Attach(ConnectedClient& client, const AddressPlan::Place& place);
  void Drop(ConnectedClient& client);
  void CountUnsupported(const ipc::UnsupportedCall& message);
  void LogUnsupported(ConnectedClient& client, const ipc::UnsupportedCall& message);
  void OnUnsupportedCall(ConnectedClient& client, const ipc::UnsupportedCall& message);

  const Settings& settings_;
  ExecutorSupervisor& executor_;
  AddressPlan plan_;
  TenantRules rules_;
  std::uint64_t next_number_ = 1;
  std::map<std::uint64_t, ConnectedClient> clients_;
  std::map<std::string, Unsupported> unsupported_;  // by the function's name
  std::uint64_t unsupported_messages_ = 0;
};

// Turns `socket` away with the reason.
void Refuse(ipc::ControlSocket& socket, const std::string& reason);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_CLIENT_REGISTRY_H_
