#include "scheduler_daemon/paellad/settings.h"

#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <limits>
#include <string_view>
#include <toml++/toml.h>

#include "ipc/socket_path.h"
#include "scheduler_daemon/files.h"
#include "scheduler_daemon/policies/catalogue.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kAddressGranularity = 2ull << 20;
constexpr std::uint64_t kAddressEnd = 1ull << 47;

constexpr std::size_t kMostFileBytes = std::size_t{1} << 20;
constexpr int kMostDrainSeconds = 3600;
constexpr std::int64_t kMostReadyBytes = std::int64_t{1} << 34;  // what idle memory of a tenant may be

std::vector<std::string> LogLevels() { return {"trace", "debug", "info", "warning", "error", "off"}; }

// "" if the settings make sense together.
std::string WhatIsWrong(const Settings& settings) {
  const auto end = [&](std::uint64_t base, std::uint64_t bytes) {
    std::uint64_t total = 0;
    std::uint64_t last = 0;
    const bool overflow = __builtin_mul_overflow(bytes, std::uint64_t{settings.max_clients}, &total) ||
                          __builtin_add_overflow(base, total, &last);
    return overflow ? std::numeric_limits<std::uint64_t>::max() : last;
  };
  const std::uint64_t window_end = end(settings.window_base, settings.window_bytes);
  const std::uint64_t arena_end = end(settings.arena_base, settings.arena_bytes);
  if (std::max(window_end, arena_end) > kAddressEnd) return "max_clients windows or arenas leave the address space";
  if (settings.window_base < arena_end && settings.arena_base < window_end) return "windows and arenas overlap";
  return "";
}

class TomlReader {
 public:
  // Of the value of `key`.
  TomlReader(const std::string& path, std::string_view key, std::string& error)
      : path_(path), key_(key), error_(error) {}

  void Text(const toml::node& node, std::string& out) {
    if (const auto value = node.value_exact<std::string>()) {
      out = *value;
    } else {
      Complain(node, "expected a string");
    }
  }

  void OneOf(const toml::node& node, const std::vector<std::string>& choices, std::string& out) {
    const auto value = node.value_exact<std::string>();
    if (value && std::find(choices.begin(), choices.end(), *value) != choices.end()) {
      out = *value;
    } else {
      Complain(node, "expected one of " + Words(choices));
    }
  }

  void Policy(const toml::node& node, std::string& out) {
    const auto value = node.value_exact<std::string>();
    if (!value) return Complain(node, "expected a string");
    std::string error;
    if (MakePolicyOfText(*value, error) == nullptr) return Complain(node, error);
    out = *value;
  }

  void Class(const toml::node& node, TenantClass& out) {
    const auto value = node.value_exact<std::string>();
    const auto named = value ? ClassOfName(*value) : std::nullopt;
    if (!named) return Complain(node, "expected latency, normal or best-effort");
    out = *named;
  }

  // [tenants."NAME"] tables of what AssignTenantSettings knows.
  void Tenants(const toml::node& node, TenantRules& rules) {
    const toml::table* const tenants = node.as_table();
    if (tenants == nullptr) return Complain(node, "expected tables, such as [tenants.\"NAME\"]");
    for (const auto& [name, entry] : *tenants) Tenant(std::string(name.str()), entry, rules);
  }

  template <typename Number>
  void Integer(const toml::node& node, Number& out, std::int64_t least, std::int64_t greatest) {
    const auto value = node.value_exact<std::int64_t>();
    if (value && *value >= least && *value <= greatest) {
      out = static_cast<Number>(*value);
    } else {
      Complain(node, "expected a whole number from " + std::to_string(least) + " to " + std::to_string(greatest));
    }
  }

  void Flag(const toml::node& node, bool& out) {
    if (const auto value = node.value_exact<bool>()) {
      out = *value;
    } else {
      Complain(node, "expected true or false");
    }
  }

  void Address(const toml::node& node, std::uint64_t& out) {
    const auto value = node.value_exact<std::int64_t>();
    if (value && *value > 0 && static_cast<std::uint64_t>(*value) % kAddressGranularity == 0) {
      out = static_cast<std::uint64_t>(*value);
    } else {
      Complain(node, "expected a whole number, a multiple of 2 MiB (0x20_0000) and not 0");
    }
  }

  // 666 without 0o is the mistake that everybody makes.
  void Mode(const toml::node& node, unsigned& out) {
    const auto value = node.value_exact<std::int64_t>();
    if (value && *value >= 0 && *value <= 0777) {
      out = static_cast<unsigned>(*value);
    } else {
      Complain(node, "expected a mode such as 0o660, from 0 to 0o777");
    }
  }

  void Complain(const toml::node& node, const std::string& what) {
    Complain(node.source().begin.line, std::string(key_) + ": " + what);
  }
  void Complain(toml::source_index line, const std::string& what) {
    if (error_.empty()) error_ = path_ + ":" + std::to_string(line) + ": " + what;
  }

 private:
  void Tenant(const std::string& name, const toml::node& node, TenantRules& rules) {
    const toml::table* const table = node.as_table();
    if (table == nullptr) return Complain(node, "expected a table for '" + name + "'");
    std::vector<std::string> assignments;
    for (const auto& [key, value] : *table) {
      if (const auto text = value.value_exact<std::string>()) {
        assignments.push_back(std::string(key.str()) + '=' + *text);
      } else if (const auto number = value.value<double>(); number && !value.is_boolean()) {
        char shortest[32];
        const auto end = std::to_chars(shortest, std::end(shortest), *number).ptr;
        assignments.push_back(std::string(key.str()) + '=' + std::string(shortest, end));
      } else {
        return Complain(value, name + "." + std::string(key.str()) + ": expected a number or a string");
      }
    }
    std::string error;
    if (!rules.Assign(name, assignments, error)) Complain(node, name + ": " + error);
  }

  const std::string& path_;
  const std::string_view key_;
  std::string& error_;
};

void ReadEntry(TomlReader& reader, const toml::key& name, const toml::node& node, Settings& settings) {
  const std::string_view key = name.str();
  if (key == "device") return reader.Integer(node, settings.device, 0, 1023);
  if (key == "socket") return reader.Text(node, settings.socket);
  if (key == "control_socket") return reader.Text(node, settings.control_socket);
  if (key == "socket_mode") return reader.Mode(node, settings.socket_mode);
  if (key == "control_mode") return reader.Mode(node, settings.control_mode);
  if (key == "driver") return reader.Text(node, settings.driver);
  if (key == "policy") return reader.Policy(node, settings.policy);
  if (key == "state_directory") return reader.Text(node, settings.state_directory);
  if (key == "most_urgent_claim") return reader.Class(node, settings.tenants.most_urgent_claim);
  if (key == "tenants") return reader.Tenants(node, settings.tenants);
  if (key == "log_level") return reader.OneOf(node, LogLevels(), settings.log_level);
  if (key == "window_base") return reader.Address(node, settings.window_base);
  if (key == "window_bytes") return reader.Address(node, settings.window_bytes);
  if (key == "arena_base") return reader.Address(node, settings.arena_base);
  if (key == "arena_bytes") return reader.Address(node, settings.arena_bytes);
  if (key == "max_clients") return reader.Integer(node, settings.max_clients, 1, 100'000);
  if (key == "ready_memory_bytes") return reader.Integer(node, settings.ready_memory_bytes, 0, kMostReadyBytes);
  if (key == "stream_priorities") return reader.Flag(node, settings.stream_priorities);
  if (key == "drain_seconds") return reader.Integer(node, settings.drain_seconds, 0, kMostDrainSeconds);
  reader.Complain(name.source().begin.line, "unknown key '" + std::string(key) + "'");
}

// What the command line says of configuration files: at most one of them.
struct ConfigOptions {
  std::string path;           // must be there
  std::string optional_path;  // may be missing
};

// Reads the file that was named, if any, over the defaults.
bool ReadConfig(const ConfigOptions& config, Settings& settings, std::string& error) {
  settings = Settings{};
  const std::string& path = config.path.empty() ? config.optional_path : config.path;
  // Only a missing file may be passed over: one that cannot be read says something that would be missed.
  const bool is_missing = access(path.c_str(), F_OK) != 0 && errno == ENOENT;
  if (path.empty() || (config.path.empty() && is_missing)) return true;
  std::string text;
  if (!ReadFile(path, kMostFileBytes, text, error)) return false;
  if (text.size() <= kMostFileBytes) return ReadToml(text, path, settings, error);
  error = path + ": settings are not longer than 1 MiB";
  return false;
}

void AddOptions(CLI::App& app, Settings& settings, ConfigOptions& config) {
  const auto why_not = [](std::string& text) { return std::string(text.empty() ? "it is empty" : ""); };
  const CLI::Validator is_not_empty(why_not, "");
  app.set_version_flag("--version", "paellad " PAELLA_VERSION);
  CLI::Option* must =
      app.add_option("--config", config.path, "TOML file; what the command line says comes first")->type_name("FILE")->check(is_not_empty);
  app.add_option("--optional-config", config.optional_path, "The same, for a file that may be missing")
      ->type_name("FILE")
      ->check(is_not_empty)
      ->excludes(must);
  app.add_option("--device", settings.device, "Ordinal of the GPU")->check(CLI::Range(0, 1023));
  app.add_option("--socket", settings.socket, "Where programs connect (default: gpu<device>.sock in /run/paella, or in "
                                              "$XDG_RUNTIME_DIR/paella)")
      ->check(is_not_empty);
  app.add_option("--control-socket", settings.control_socket, "Where paellactl connects (default: beside the socket)")
      ->check(is_not_empty);
  app.add_option("--driver", settings.driver, "The CUDA driver: a library's name or path")->capture_default_str();
  const auto why_no_policy = [](std::string& text) {
    std::string error;
    MakePolicyOfText(text, error);
    return error;
  };
  app.add_option("--policy", settings.policy, "Which command runs next, \"NAME key=value ...\": " + Words(PolicyNames()))
      ->type_name("POLICY")
      ->check(CLI::Validator(why_no_policy, ""))
      ->capture_default_str();
  app.add_option("--log-level", settings.log_level, "How much is logged")
      ->check(CLI::IsMember(LogLevels()))
      ->capture_default_str();
  app.add_option("--state-directory", settings.state_directory,
                 "Where what is learned of kernels and jobs is kept (default: $STATE_DIRECTORY, else nowhere)")
      ->check(is_not_empty);
  app.add_option("--stream-priorities", settings.stream_priorities,
                 "Whether streams have priorities on the GPU by their tenants' classes")
      ->type_name("true|false")
      ->capture_default_str();
  app.add_option("--drain-seconds", settings.drain_seconds, "How long SIGTERM waits for clients' work")
      ->check(CLI::Range(0, kMostDrainSeconds))
      ->capture_default_str();
}

}  // namespace

std::string Words(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

bool ReadToml(const std::string& text, const std::string& path, Settings& settings, std::string& error) {
  error.clear();
  Settings changed = settings;
  try {
    const toml::table table = toml::parse(text, path);
    for (const auto& [key, node] : table) {
      TomlReader reader(path, key.str(), error);
      ReadEntry(reader, key, node, changed);
    }
  } catch (const toml::parse_error& failure) {
    error = path + ":" + std::to_string(failure.source().begin.line) + ": " + std::string(failure.description());
  }
  if (!error.empty()) return false;
  settings = changed;
  return true;
}

SettingsResult ReadSettings(int argc, char** argv, Settings& settings) {
  ConfigOptions config;
  CLI::App app{"Runs the work of many programs on one GPU, in the order that a policy decides."};
  AddOptions(app, settings, config);
  try {
    app.parse(argc, argv);
    std::string error;
    if (!ReadConfig(config, settings, error)) {
      std::cerr << "paellad: " << error << '\n';
      return SettingsResult::kError;
    }
    app.parse(argc, argv);  // again, over the file
  } catch (const CLI::ParseError& outcome) {
    return app.exit(outcome) == 0 ? SettingsResult::kExit : SettingsResult::kError;
  }
  const char* const from_systemd = std::getenv("STATE_DIRECTORY");
  if (settings.state_directory.empty() && from_systemd != nullptr) {
    const std::string_view folders = from_systemd;  // several are separated by colons
    settings.state_directory = folders.substr(0, folders.find(':'));
  }
  if (const std::string wrong = WhatIsWrong(settings); !wrong.empty()) {
    std::cerr << "paellad: " << wrong << '\n';
    return SettingsResult::kError;
  }
  return SettingsResult::kRun;
}

bool ChooseSockets(Settings& settings, std::string& error) {
  if (settings.socket.empty()) {
    const std::string ordinal = std::to_string(settings.device);
    ipc::SocketEnvironment environment = ipc::SocketEnvironment::OfThisProcess();
    environment.cuda_visible_devices = ordinal.c_str();
    for (const std::string& candidate : ipc::CandidateSocketPaths(environment)) {
      const auto folder = std::filesystem::path(candidate).parent_path();
      mkdir(folder.c_str(), ipc::IsInTemporaryFolder(candidate, environment.uid) ? 0700 : 0777);
      const bool may_write = access(folder.c_str(), W_OK | X_OK) == 0;
      error = may_write ? ipc::WhyNotTrusted(candidate, environment.uid) : folder.string() + ": " + std::strerror(errno);
      if (error.empty()) {
        settings.socket = candidate;
        break;
      }
    }
    if (settings.socket.empty()) return false;
  }
  if (settings.control_socket.empty()) settings.control_socket = settings.socket + ".control";
  return true;
}

bool PrepareStateDirectory(const Settings& settings, std::string& error) {
  const std::string& folder = settings.state_directory;
  if (folder.empty()) return true;
  const bool is_there = mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST;
  if (is_there && std::filesystem::is_directory(folder) && access(folder.c_str(), W_OK | X_OK) == 0) return true;
  error = folder + ": " + (errno == EEXIST ? "this is no folder" : std::strerror(errno));
  return false;
}

}  // namespace paella::scheduler_daemon
