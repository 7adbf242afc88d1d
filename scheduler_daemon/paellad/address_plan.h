// Who has which addresses: a window of device addresses for each tenant, an arena of host addresses for each client.
//
// The same numbers hold in clients and executor, and in the next executor too. A tenant keeps its window until its last
// client has been given back.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_ADDRESS_PLAN_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_ADDRESS_PLAN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "scheduler_daemon/paellad/settings.h"

namespace paella::scheduler_daemon {

class AddressPlan {
 public:
  explicit AddressPlan(const Settings& settings) : settings_(settings) {}

  struct Place {
    std::uint64_t window_base;
    std::uint64_t arena_base;
  };

  // Nothing if max_clients have a place.
  std::optional<Place> Enter(std::uint64_t client, const std::string& tenant);
  void Leave(std::uint64_t client);

 private:
  struct Window {
    unsigned index;
    unsigned clients;
  };
  struct Entry {
    std::string tenant;
    unsigned arena;
  };

  static unsigned TakeLowest(std::set<unsigned>& used);

  const Settings& settings_;
  std::set<unsigned> used_windows_;
  std::set<unsigned> used_arenas_;
  std::map<std::string, Window> windows_;
  std::map<std::uint64_t, Entry> clients_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_ADDRESS_PLAN_H_
