#include "scheduler_daemon/simulator/trace.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "scheduler_daemon/policies/policy_settings.h"

namespace paella::scheduler_daemon {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kMostNs = 1'000'000'000'000'000;  // eleven days: sums stay far from overflow

class TraceReader {
 public:
  TraceReader(const GpuDescription& gpu, Workload& workload) : gpu_(gpu), workload_(workload) {}

  void Line(const Json& line) {
    if (!line.is_object()) throw std::runtime_error("not a JSON object");
    if (line.contains("at_ns")) return Job(line);
    if (line.contains("kernels")) return AddModel(line);
    if (line.contains("client")) return Client(line);
    if (line.contains("tenant")) return Tenant(line);
    throw std::runtime_error("neither a tenant, a model, a client nor a job");
  }

 private:
  static void OnlyKeys(const Json& object, std::initializer_list<std::string_view> keys) {
    for (const auto& [key, value] : object.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      throw std::runtime_error("'" + key + "' is not known here");
    }
  }

  static std::uint64_t Number(const Json& object, const char* key, std::uint64_t least, std::uint64_t most) {
    const Json& value = object.at(key);
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() < least || value.get<std::uint64_t>() > most) {
      throw std::runtime_error(std::string(key) + ": expected a whole number from " + std::to_string(least) + " to " +
                               std::to_string(most));
    }
    return value.get<std::uint64_t>();
  }
  static std::uint64_t NumberOr(const Json& object, const char* key, std::uint64_t least, std::uint64_t most,
                                std::uint64_t otherwise) {
    return object.contains(key) ? Number(object, key, least, most) : otherwise;
  }

  template <typename Key, typename Value>
  static Value Named(const std::map<Key, Value>& map, const Key& key, const char* what) {
    const auto found = map.find(key);
    if (found == map.end()) throw std::runtime_error(std::string("no such ") + what + " before this line");
    return found->second;
  }

  void Tenant(const Json& line) {
    std::vector<std::string> assignments;
    for (const auto& [key, value] : line.items()) {
      if (key == "tenant") continue;
      assignments.push_back(key + "=" + (value.is_string() ? value.get<std::string>() : value.dump()));
    }
    TenantSettings settings;
    std::string error;
    if (!AssignTenantSettings(assignments, settings, error)) throw std::runtime_error(error);
    const auto name = line.at("tenant").get<std::string>();
    if (!tenants_.emplace(name, static_cast<TenantId>(workload_.tenants.size())).second) {
      throw std::runtime_error("this tenant was named before");
    }
    workload_.tenants.push_back({name, {.tenant_class = settings.tenant_class.value_or(TenantClass::kNormal),
                                        .weight = settings.weight,
                                        .deadline_ns = settings.deadline_ns}});
  }

  void AddModel(const Json& line) {
    OnlyKeys(line, {"model", "kernels"});
    Model model;
    for (const Json& kernel : line.at("kernels")) {
      OnlyKeys(kernel, {"shape", "stream", "blocks", "threads", "block_ns"});
      model.push_back({.shape = NumberOr(kernel, "shape", 0, ~0ull, 0),
                       .stream = static_cast<std::uint32_t>(NumberOr(kernel, "stream", 0, Workload::kStreams - 1, 0)),
                       .blocks = static_cast<std::uint32_t>(NumberOr(kernel, "blocks", 1, 1u << 31, 1)),
                       .threads = static_cast<std::uint32_t>(Number(kernel, "threads", 1, gpu_.threads_of_sm)),
                       .block_ns = Number(kernel, "block_ns", 1, kMostNs)});
    }
    const auto number = static_cast<std::uint32_t>(workload_.models.size());
    if (!models_.emplace(line.at("model").get<std::string>(), number).second) {
      throw std::runtime_error("this model was named before");
    }
    workload_.models.push_back(std::move(model));
  }

  void Client(const Json& line) {
    OnlyKeys(line, {"client", "tenant"});
    const TenantId tenant = Named(tenants_, line.at("tenant").get<std::string>(), "tenant");
    if (!clients_.emplace(Number(line, "client", 0, ~0ull), workload_.clients.size()).second) {
      throw std::runtime_error("this client was named before");
    }
    workload_.clients.push_back({tenant, {}});
  }

  void Job(const Json& line) {
    OnlyKeys(line, {"at_ns", "client", "model"});
    SimulatedClient& client = workload_.clients[Named(clients_, Number(line, "client", 0, ~0ull), "client")];
    const PlannedJob job{Number(line, "at_ns", 0, kMostNs),
                         Named(models_, line.at("model").get<std::string>(), "model")};
    if (!client.jobs.empty() && client.jobs.back().arrival_ns > job.arrival_ns) {
      throw std::runtime_error("before its client's last job");
    }
    client.jobs.push_back(job);
  }

  const GpuDescription& gpu_;
  Workload& workload_;
  std::map<std::string, TenantId> tenants_;
  std::map<std::string, std::uint32_t> models_;
  std::map<std::uint64_t, std::size_t> clients_;
};

}  // namespace

bool ReadTrace(std::istream& lines, const GpuDescription& gpu, Workload& workload, std::string& error) {
  Workload read;
  TraceReader reader(gpu, read);
  std::uint64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty()) continue;
    try {
      reader.Line(Json::parse(line));
    } catch (const std::exception& problem) {
      error = "line " + std::to_string(number) + ": " + problem.what();
      return false;
    }
  }
  workload = std::move(read);
  return true;
}

}  // namespace paella::scheduler_daemon
