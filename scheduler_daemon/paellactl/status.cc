#include "scheduler_daemon/paellactl/status.h"

#include <cstdint>
#include <cstdio>
#include <optional>

#include "scheduler_daemon/paellactl/fields.h"
#include "scheduler_daemon/paellactl/table.h"

namespace paella::paellactl {
namespace {

using nlohmann::json;

constexpr Table::Align kLeft = Table::Align::kLeft;
constexpr Table::Align kRight = Table::Align::kRight;

std::string Bytes(std::optional<double> bytes) {
  if (!bytes) return kUnknown;
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  constexpr std::size_t kLast = std::size(kUnits) - 1;
  std::size_t unit = 0;
  double amount = *bytes;
  for (; amount >= 1024 && unit < kLast; ++unit) amount /= 1024;
  return Format(unit == 0 ? "%.0f " : "%.1f ", amount) + kUnits[unit];
}

std::string Seconds(std::optional<double> seconds) { return seconds ? Format("%.3f s", *seconds) : kUnknown; }

std::string Uptime(std::optional<double> seconds) {
  if (!seconds) return kUnknown;
  const auto total = static_cast<std::uint64_t>(std::max(0.0, *seconds));
  const std::uint64_t days = total / 86400, hours = total / 3600 % 24, minutes = total / 60 % 60;
  if (days > 0) return std::to_string(days) + " d " + std::to_string(hours) + " h";
  if (hours > 0) return std::to_string(hours) + " h " + std::to_string(minutes) + " min";
  if (minutes > 0) return std::to_string(minutes) + " min " + std::to_string(total % 60) + " s";
  return std::to_string(total) + " s";
}

// 13000 is CUDA 13.0.
std::string DriverVersion(const json& device) {
  const auto version = Number(device, "driver_version");
  if (!version) return kUnknown;
  const int number = static_cast<int>(*version);
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

std::string DescribeDaemon(const json& daemon) {
  const bool has_executor = Part(daemon, "executor_pid").is_number();
  return "paellad " + Text(daemon, "version") + ", pid " + Text(daemon, "pid") + ", up " +
         Uptime(Number(daemon, "uptime_s")) + ", at " + Text(daemon, "socket") + "\nexecutor: " +
         (has_executor ? "pid " + Text(daemon, "executor_pid") : "none") + ", restarts " +
         Text(daemon, "executor_restarts") + "\n";
}

// Only if there is some.
std::string ReadyMemory(const json& device) {
  const auto bytes = Number(device, "ready_memory_bytes");
  return bytes && *bytes > 0 ? " (" + Bytes(bytes) + " ready for programs)" : "";
}

std::string DescribeDevice(const json& device) {
  if (device.is_null()) return "GPU: known when an executor has started\n";
  return "GPU " + Text(device, "ordinal") + ": " + Text(device, "name") + ", " + Text(device, "pci_bus_id") + ", " +
         Bytes(Number(device, "total_memory_bytes")) + ReadyMemory(device) + ", CUDA " + DriverVersion(device) + "\n";
}

// The policy that was asked for, which another one may have taken over from, and how good predictions are.
std::string DescribeScheduling(const std::string& policy, const json& scheduling) {
  std::string text = "policy: " + policy;
  const json& evictions = Part(scheduling, "evictions");
  const std::string running = Text(scheduling, "running_policy");
  if (evictions.is_array() && !evictions.empty() && !(policy + " ").starts_with(running + " ")) {
    text += ", which " + Text(evictions.back(), "reason") + "; " + running + " decides";
  }
  text += "\n";
  const auto part = [&](const char* key) {
    const json& accuracy = Part(scheduling, key);
    const auto within = Number(accuracy, "within_1.2");
    return Text(accuracy, "predictions") == "0" || !within ? std::string(kUnknown) : Format("%.0f %%", *within * 100);
  };
  if (Part(scheduling, "kernels").is_number()) {
    text += "known: " + Text(scheduling, "kernels") + " kernels, predicted within a factor of 1.2: " +
            part("kernel_accuracy") + ", jobs: " + part("job_accuracy") + "\n";
  }
  return text;
}

std::string DescribeTenants(const json& tenants) {
  Table table({{"TENANT", kLeft}, {"CLASS", kLeft}, {"CLIENTS", kRight}, {"LAUNCHES", kRight}, {"WAITING", kRight},
               {"IN FLIGHT", kRight}, {"MEMORY", kRight}, {"GPU TIME", kRight}});
  for (const json& tenant : tenants) {
    table.Add({Text(tenant, "tenant"), Text(tenant, "class"), Text(tenant, "clients"), Text(tenant, "launches"),
               Text(tenant, "waiting"), Text(tenant, "in_flight"), Bytes(Number(tenant, "memory_bytes")),
               Seconds(Number(tenant, "gpu_seconds"))});
  }
  return table.Text();
}

std::string DescribeClients(const json& clients) {
  Table table({{"CLIENT", kRight}, {"TENANT", kLeft}, {"CLASS", kLeft}, {"PROGRAM", kLeft}, {"PID", kRight},
               {"LAUNCHES", kRight}, {"WAITING", kRight}, {"UNSUPPORTED", kRight}});
  for (const json& client : clients) {
    table.Add({Text(client, "client"), Text(client, "tenant"), Text(client, "class"), Text(client, "program"),
               Text(client, "pid"), Text(client, "launches"), Text(client, "waiting"),
               Text(client, "unsupported_calls")});
  }
  return table.Text();
}

std::string DescribeUnsupported(const json& functions) {
  Table table({{"UNSUPPORTED FUNCTION", kLeft}, {"CALLS", kRight}});
  for (const json& function : functions) table.Add({Text(function, "function"), Text(function, "calls")});
  return table.Text();
}

// A section, unless there is nothing to tell in it.
template <typename Describe>
std::string Section(const json& document, const char* key, Describe describe) {
  const json& rows = Part(document, key);
  return rows.is_array() && !rows.empty() ? "\n" + describe(rows) : "";
}

}  // namespace

std::string DescribeStatus(const json& document) {
  return DescribeDaemon(Part(document, "daemon")) + DescribeDevice(Part(document, "device")) +
         DescribeScheduling(Text(document, "policy"), Part(document, "scheduling")) +
         Section(document, "tenants", DescribeTenants) + Section(document, "clients", DescribeClients) + Section(document, "unsupported", DescribeUnsupported);
}

Answer Status(const std::vector<std::string>& paths, bool as_json, std::chrono::milliseconds timeout) {
  const Answer answer = Ask(paths, "status", "", timeout);
  if (answer.failed) return answer;
  const json document = json::parse(answer.text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return {true, "paellad's status is not a JSON document"};
  return {false, as_json ? document.dump(2) + "\n" : DescribeStatus(document)};
}

}  // namespace paella::paellactl
