// What paellad is told: the command line over a TOML file over the defaults.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_SETTINGS_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_SETTINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "scheduler_daemon/paellad/tenant_rules.h"

namespace paella::scheduler_daemon {

struct Settings {
  int device = 0;
  std::string socket;          // empty: by the rule of ipc/socket_path.h
  std::string control_socket;  // empty: beside `socket`
  unsigned socket_mode = 0666;   // who may run programs on the GPU
  unsigned control_mode = 0600;  // who may ask and change
  std::string driver = "libcuda.so.1";
  std::string policy = "fifo";  // "NAME key=value ..."
  std::string log_level = "info";
  // PyTorch's expandable segments reserve more than the GPU's memory each, and a program has several.
  std::uint64_t window_base = 0x2000'0000'0000;
  std::uint64_t window_bytes = 1024ull << 30;  // of each tenant
  std::uint64_t arena_base = 0x1100'0000'0000;
  std::uint64_t arena_bytes = 64ull << 30;  // of each client
  unsigned max_clients = 64;
  std::uint64_t ready_memory_bytes = 32ull << 20;  // of the GPU's, made before anybody asks for it
  bool stream_priorities = true;  // by class
  unsigned drain_seconds = 10;  // after SIGTERM, for the clients' work
  std::string state_directory;  // empty: nothing is kept from one run to the next
  TenantRules tenants{};

  bool operator==(const Settings&) const = default;
};

enum class SettingsResult { kRun, kExit, kError };

// Reads the command line and the file that it names. kExit: --help or --version was answered. kError: what was wrong
// was said on standard error.
SettingsResult ReadSettings(int argc, char** argv, Settings& settings);

// Reads `text` (TOML, from `path`) into `settings`. False, with a line for the user in `error`, if anything in it is
// unknown, of the wrong type or out of range; then `settings` is as it was.
bool ReadToml(const std::string& text, const std::string& path, Settings& settings, std::string& error);

// Fills in the sockets' paths. False: no folder for them can be used; `error` says why.
bool ChooseSockets(Settings& settings, std::string& error);

// Makes the folder for what is kept, unless it is there or none is wanted. False: it cannot be used; `error` says why.
bool PrepareStateDirectory(const Settings& settings, std::string& error);

// "a, b, c": what there is to choose from, in a message.
std::string Words(const std::vector<std::string>& words);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_SETTINGS_H_
