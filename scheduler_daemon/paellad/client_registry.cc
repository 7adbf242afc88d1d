#include "scheduler_daemon/paellad/client_registry.h"

#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ipc/channel.h"
#include "ipc/process_barrier.h"
#include "scheduler_daemon/paellad/printable.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::size_t kMaxNameBytes = 128;
constexpr int kPacketsPerTurn = 64;  // of one client, so that none keeps the others waiting
constexpr std::size_t kMaxReasonBytes = 512;
constexpr std::size_t kMaxFunctionBytes = 64;
constexpr std::size_t kMaxBackTraceBytes = 4096;
constexpr unsigned kMaxUnsupportedLines = 64;  // of one client

bool IsPrintable(const std::string& name) { return IsPrintableName(name, kMaxNameBytes); }

// As the driver's functions are named.
bool IsFunction(const std::string& name) {
  const auto is_of_a_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return name.size() > 2 && name.size() <= kMaxFunctionBytes && name.starts_with("cu") &&
         std::ranges::all_of(name, is_of_a_name);
}

// In a packet for the executor.
template <typename Packet>
void DescribeTenant(const TenantInfo& info, Packet& packet) {
  packet.class_name = ClassName(info.tenant_class);
  packet.weight = static_cast<float>(info.weight);
  packet.deadline_ns = info.deadline_ns;
  packet.sm_share_percent = static_cast<float>(info.sm_share_percent);
}

// For the log. What a client says of itself may be anything: only printable names are repeated.
std::string Describe(const ipc::Hello& hello, const std::optional<ipc::Credentials>& owner) {
  std::string text = IsPrintable(hello.program) ? "the program " + hello.program : "a program";
  if (owner) text += " (pid " + std::to_string(owner->pid) + ", uid " + std::to_string(owner->uid) + ")";
  if (IsPrintable(hello.tenant)) text += " of tenant " + hello.tenant;
  return text;
}

}  // namespace

void Refuse(ipc::ControlSocket& socket, const std::string& reason) {
  ipc::Refusal refusal;
  refusal.version = ipc::kProtocolVersion;
  refusal.reason = reason;
  socket.Send(refusal);
}

std::string ClientRegistry::Objection(const ipc::Hello& hello, const std::optional<ipc::Credentials>& owner) const {
  const ipc::ExecutorReady& device = *executor_.device();
  if (hello.version != ipc::kProtocolVersion) {
    return "paellad speaks version " + std::to_string(ipc::kProtocolVersion) + " of the protocol and libpaella.so " +
           std::to_string(hello.version) + ": they come from different releases";
  }
  if (!owner) return "the system does not tell whose process this is";
  if (!IsPrintable(hello.tenant)) return "a tenant's name has 1 to 128 printable characters and no blanks";
  if (!ClassOfName(hello.class_name)) return "there is no class '" + Printable(hello.class_name, kMaxNameBytes) + "'";
  if (hello.driver_version != 0 && hello.driver_version != device.driver_version) {
    return "the program's driver is of version " + std::to_string(hello.driver_version) + ", the daemon's of " +
           std::to_string(device.driver_version);
  }
  const auto namesake = std::ranges::find_if(clients_, [&](const auto& entry) {
    return entry.second.tenant == hello.tenant && entry.second.owner.uid != owner->uid;
  });
  if (namesake != clients_.end()) return "the tenant '" + hello.tenant + "' belongs to another user";
  return "";
}

void ClientRegistry::Admit(const ipc::Hello& hello, ipc::ControlSocket socket) {
  const auto owner = socket.PeerCredentials();
  if (const std::string objection = Objection(hello, owner); !objection.empty()) {
    spdlog::warn("turned {} away: {}", Describe(hello, owner), objection);
    return Refuse(socket, objection);
  }
  const std::uint64_t number = next_number_++;
  const auto place = plan_.Enter(number, hello.tenant);
  if (!place) {
    spdlog::warn("turned {} away: {} clients are connected", Describe(hello, owner), settings_.max_clients);
    return Refuse(socket, "max_clients (" + std::to_string(settings_.max_clients) + ") programs are connected");
  }
  ConnectedClient client;
  client.number = number;
  client.tenant = hello.tenant;
  client.claim = *ClassOfName(hello.class_name);
  client.program = IsPrintable(hello.program) ? hello.program : "?";
  client.owner = *owner;
  client.socket = std::move(socket);
  if (const std::string error = Attach(client, *place); !error.empty()) {
    spdlog::error("cannot serve client {}: {}", number, error);
    Refuse(client.socket, error);
    // The executor may know of it already: its place is free when the executor says so.
    client.leaving = true;
    ipc::ClientDetach detach;
    detach.client = number;
    if (!executor_.Send(detach)) return plan_.Leave(number);
  } else {
    spdlog::info("client {}: tenant {}, class {}, {} (process {})", number, client.tenant,
                 ClassName(TenantOf(client.tenant, client.claim).tenant_class), client.program, client.owner.pid);
  }
  clients_.emplace(number, std::move(client));
}

TenantInfo ClientRegistry::TenantOf(const std::string& tenant, TenantClass claim) const {
  const auto first = std::ranges::find(clients_, tenant, [](const auto& entry) { return entry.second.tenant; });
  return rules_.Resolve(tenant, first == clients_.end() ? claim : first->second.claim);
}

bool ClientRegistry::SetTenant(const std::string& pattern, std::span<const std::string> assignments,
                               std::string& error) {
  if (!rules_.Assign(pattern, assignments, error)) return false;
  std::set<std::string> tenants;
  for (const auto& [number, client] : clients_) tenants.insert(client.tenant);
  for (const std::string& tenant : tenants) TellOf(tenant);
  return true;
}

std::string ClientRegistry::Attach(ConnectedClient& client, const AddressPlan::Place& place) {
  const ipc::Fd channel = ipc::MakeSealedMemory("paella-channel", ipc::kChannelBytes);
  const ipc::Fd arena = ipc::MakeSealedMemory("paella-arena", settings_.arena_bytes);
  const ipc::Fd doorbell(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (channel.valid()) client.channel = ipc::Mapping::Shared(channel.get(), ipc::kChannelBytes);
  if (!client.channel.valid() || !arena.valid() || !doorbell.valid()) {
    const int reason = errno;
    return std::string("the daemon has no memory for a channel: ") + std::strerror(reason) +
           (reason == EFBIG ? " (its limit of file sizes, ulimit -f, counts for shared memory too)" : "");
  }
  ipc::ClientAttach attach;
  attach.client = client.number;
  attach.tenant = client.tenant;
  DescribeTenant(TenantOf(client.tenant, client.claim), attach);
  attach.channel_bytes = ipc::kChannelBytes;
  attach.window_base = place.window_base;
  attach.window_bytes = settings_.window_bytes;
  attach.arena_base = place.arena_base;
  attach.arena_bytes = settings_.arena_bytes;
  const ipc::ExecutorReady& device = *executor_.device();
  ipc::Welcome welcome;
  welcome.version = ipc::kProtocolVersion;
  welcome.features = ipc::kFeatureUnsupportedCalls;
  if (ipc::CanMakeProcessBarriers()) welcome.features |= ipc::kFeatureProcessBarriers;
  welcome.client = client.number;
  welcome.channel_bytes = attach.channel_bytes;
  welcome.window_base = attach.window_base;
  welcome.window_bytes = attach.window_bytes;
  welcome.arena_base = attach.arena_base;
  welcome.arena_bytes = attach.arena_bytes;
  welcome.driver_version = device.driver_version;
  welcome.device_ordinal = settings_.device;
  welcome.device_name = device.device_name;
  welcome.pci_bus_id = device.pci_bus_id;
  welcome.uuid = device.uuid;
  welcome.total_memory_bytes = device.total_memory_bytes;
  welcome.attributes = device.attributes;
  welcome.least_priority = device.least_priority;
  welcome.greatest_priority = device.greatest_priority;
  if (!executor_.Send(attach, {channel.get(), arena.get(), doorbell.get()})) return "the executor does not answer";
  // Records may be written before the executor has mapped the ring: it reads from the start.
  client.socket.Send(welcome, {channel.get(), arena.get(), doorbell.get()});
  return "";
}

void ClientRegistry::Read(std::uint64_t number) {
  const auto found = clients_.find(number);
  if (found == clients_.end() || found->second.leaving) return;
  ConnectedClient& client = found->second;
  ipc::Packet packet;
  for (int i = 0; i < kPacketsPerTurn; ++i) {
    switch (client.socket.Receive(packet, std::chrono::milliseconds(0))) {
      case ipc::ReceiveStatus::kTimeout: return;
      case ipc::ReceiveStatus::kPacket:
        if (const auto call = packet.As<ipc::UnsupportedCall>()) {
          OnUnsupportedCall(client, *call);
          continue;
        }
        [[fallthrough]];
      case ipc::ReceiveStatus::kMalformed:
        return Fail(number, "it sent a packet that a client does not send");
      case ipc::ReceiveStatus::kClosed: return Drop(client);
    }
  }
}

void ClientRegistry::OnUnsupportedCall(ConnectedClient& client, const ipc::UnsupportedCall& message) {
  if (!IsFunction(message.function)) return;
  auto& names = client.unsupported_names;
  if (names.size() >= kMaxUnsupportedNamesOfOne && !names.contains(message.function)) return;
  names.insert(message.function);
  client.unsupported_calls = std::max(client.unsupported_calls, message.calls);
  CountUnsupported(message);
  if (!message.back_trace.empty()) LogUnsupported(client, message);
}

void ClientRegistry::CountUnsupported(const ipc::UnsupportedCall& message) {
  if (unsupported_.size() >= kMaxUnsupportedNames && !unsupported_.contains(message.function)) {
    const auto latest = [](const auto& entry) { return entry.second.latest; };
    unsupported_.erase(std::ranges::min_element(unsupported_, {}, latest));
  }
  Unsupported& told = unsupported_[message.function];
  told.calls = std::max(told.calls, message.calls);
  told.latest = ++unsupported_messages_;
}

void ClientRegistry::LogUnsupported(ConnectedClient& client, const ipc::UnsupportedCall& message) {
  if (client.unsupported_lines > kMaxUnsupportedLines) return;
  if (++client.unsupported_lines > kMaxUnsupportedLines) {
    spdlog::warn("client {} ({}) called more that is not supported: no more of it is logged", client.number,
                 client.program);
    return;
  }
  spdlog::warn("client {} ({}) called {}, which is not supported:\n{}", client.number, client.program,
               message.function, PrintableLines(message.back_trace, kMaxBackTraceBytes));
}

void ClientRegistry::Drop(ConnectedClient& client) {
  if (client.leaving) return;
  client.leaving = true;
  client.socket.Close();
  spdlog::info("client {} has left", client.number);
  ipc::ClientDetach detach;
  detach.client = client.number;
  executor_.Send(detach);  // if it does not go through, the executor is ending, and FailAll forgets the client
}

void ClientRegistry::Fail(std::uint64_t number, const std::string& reason) {
  const auto found = clients_.find(number);
  if (found == clients_.end() || found->second.leaving) return;
  spdlog::error("client {} ({}, process {}) is ended: {}", number, found->second.program, found->second.owner.pid,
                Printable(reason, kMaxReasonBytes));
  ipc::Channel(found->second.channel.data()).SetStickyError(CUDA_ERROR_DEVICE_UNAVAILABLE);
  Drop(found->second);
}

void ClientRegistry::Forget(std::uint64_t number) {
  const auto client = clients_.find(number);
  if (client == clients_.end()) return;
  const std::string tenant = client->second.tenant;
  clients_.erase(client);
  plan_.Leave(number);
  TellOf(tenant);  // its class may have been this client's claim
}

void ClientRegistry::TellOf(const std::string& tenant) {
  ipc::SetTenant message;
  message.tenant = tenant;
  DescribeTenant(TenantOf(tenant), message);
  executor_.Send(message);
}

void ClientRegistry::FailAll(CUresult result) {
  for (const auto& [number, client] : clients_) {
    if (client.channel.valid()) ipc::Channel(client.channel.data()).SetStickyError(result);
    plan_.Leave(number);
  }
  clients_.clear();
}

}  // namespace paella::scheduler_daemon
