#include "scheduler_daemon/simulator/trace_writer.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "scheduler_daemon/knowledge/estimate_table.h"
#include "scheduler_daemon/policies/policy_settings.h"
#include "scheduler_daemon/simulator/gpu_model.h"
#include "scheduler_daemon/simulator/workload.h"

namespace paella::scheduler_daemon {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kThreads = 1'024;
constexpr std::uint32_t kLeastThreads = 32;

std::uint64_t HashOf(const std::vector<RecordedCommand>& commands) {
  std::uint64_t hash = commands.size();
  for (const RecordedCommand& command : commands) {
    hash = ExtendHash(ExtendHash(hash, command.shape), command.stream);
    hash = ExtendHash(hash, std::bit_cast<std::uint64_t>(command.share));
  }
  return hash;
}

Json DescribeKernel(const RecordedCommand& command, std::uint64_t block_ns) {
  const GpuDescription gpu;
  const double threads = command.share * gpu.sms * gpu.threads_of_sm;
  const bool is_small = threads < kThreads;
  return {{"shape", command.shape},
          {"stream", command.stream % Workload::kStreams},
          {"blocks", is_small ? 1 : std::lround(threads / kThreads)},
          {"threads", is_small ? std::max<long>(kLeastThreads, std::lround(threads)) : kThreads},
          {"block_ns", std::max<std::uint64_t>(1, block_ns)}};
}

}  // namespace

void TraceWriter::Add(const RecordedJob& job, const std::string& tenant, const TenantInfo& info) {
  if (job.began_ns < start_ns_) return;  // of a recording before this one
  is_full_ |= commands_ + job.commands.size() > kMostCommands;
  if (is_full_) return;
  commands_ += job.commands.size();
  tenants_[tenant] = info;
  clients_[job.client] = tenant;
  RecordedModel& model = models_.try_emplace(HashOf(job.commands), RecordedModel{.number = models_.size(), .kernels = {}})
                             .first->second;
  if (model.jobs != 0 && model.kernels.size() != job.commands.size()) return;  // another one with the same hash
  if (++model.jobs == 1) {
    for (const RecordedCommand& command : job.commands) model.kernels.push_back({command});
  }
  for (std::size_t i = 0; i < job.commands.size(); ++i) {
    model.kernels[i].total_ns += static_cast<double>(job.commands[i].duration_ns);
  }
  jobs_.push_back({job.began_ns - start_ns_, job.client, model.number});
}

std::string TraceWriter::Text() const {
  std::string text;
  const auto add = [&text](const Json& line) {
    text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  };
  for (const auto& [name, info] : tenants_) {
    Json line{{"tenant", name}, {"class", ClassName(info.tenant_class)}, {"weight", info.weight}};
    if (info.deadline_ns != kNever) line["deadline_ms"] = static_cast<double>(info.deadline_ns) / 1e6;
    add(line);
  }
  for (const auto& [hash, model] : models_) {
    Json kernels = Json::array();
    for (const ModelKernel& kernel : model.kernels) {
      kernels.push_back(DescribeKernel(
          kernel.command, static_cast<std::uint64_t>(kernel.total_ns / static_cast<double>(model.jobs))));
    }
    add({{"model", std::to_string(model.number)}, {"kernels", std::move(kernels)}});
  }
  for (const auto& [client, tenant] : clients_) add({{"client", client}, {"tenant", tenant}});
  auto jobs = jobs_;
  std::ranges::stable_sort(jobs, {}, &Job::at_ns);
  for (const Job& job : jobs) {
    add({{"at_ns", job.at_ns}, {"client", job.client}, {"model", std::to_string(job.model)}});
  }
  return text;
}

}  // namespace paella::scheduler_daemon
