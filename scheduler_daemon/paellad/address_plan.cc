#include "scheduler_daemon/paellad/address_plan.h"

namespace paella::scheduler_daemon {

unsigned AddressPlan::TakeLowest(std::set<unsigned>& used) {
  unsigned lowest = 0;
  for (const unsigned index : used) {
    if (index != lowest) break;
    ++lowest;
  }
  used.insert(lowest);
  return lowest;
}

std::optional<AddressPlan::Place> AddressPlan::Enter(std::uint64_t client, const std::string& tenant) {
  if (clients_.size() >= settings_.max_clients) return std::nullopt;
  auto window = windows_.find(tenant);
  if (window == windows_.end()) window = windows_.emplace(tenant, Window{TakeLowest(used_windows_), 0}).first;
  ++window->second.clients;
  const unsigned arena = TakeLowest(used_arenas_);
  clients_.emplace(client, Entry{tenant, arena});
  return Place{settings_.window_base + window->second.index * settings_.window_bytes,
               settings_.arena_base + arena * settings_.arena_bytes};
}

void AddressPlan::Leave(std::uint64_t client) {
  const auto entry = clients_.find(client);
  if (entry == clients_.end()) return;
  const auto window = windows_.find(entry->second.tenant);
  if (--window->second.clients == 0) {
    used_windows_.erase(window->second.index);
    windows_.erase(window);
  }
  used_arenas_.erase(entry->second.arena);
  clients_.erase(entry);
}

}  // namespace paella::scheduler_daemon
