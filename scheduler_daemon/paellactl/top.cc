#include "scheduler_daemon/paellactl/top.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>

#include "scheduler_daemon/paellactl/fields.h"
#include "scheduler_daemon/paellactl/table.h"

namespace paella::paellactl {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr char kClearScreen[] = "\033[H\033[2J";

// Jobs that ended. A smaller number than before is of an executor that began anew; a tenant that was not there before may
// have ended any number earlier, under its name.
std::optional<double> JobsEnded(const json& before, const json& after) {
  const auto now = Number(after, "jobs"), then = Number(before, "jobs");
  if (!now || !then) return std::nullopt;
  return *now < *then ? *now : *now - *then;
}

// GPU time. It can shrink by itself: what was charged as predicted is corrected.
double Charged(const json& before, const json& after) {
  constexpr char kKey[] = "charged_seconds";
  const double now = Number(after, kKey).value_or(0);
  if (!before.is_object()) return now;
  const auto then = Number(before, kKey);
  if (!then) return 0;
  const bool began_anew = Number(after, "jobs").value_or(0) < Number(before, "jobs").value_or(0);
  return began_anew ? now : std::max(0.0, now - *then);
}

const json& TenantNamed(const json& document, const json& name) {
  static const json kNothing;
  const json& tenants = Part(document, "tenants");
  if (!tenants.is_array()) return kNothing;
  const auto found = std::ranges::find_if(tenants, [&](const json& tenant) { return Part(tenant, "tenant") == name; });
  return found == tenants.end() ? kNothing : *found;
}

json Row(const json& before, const json& after, double interval_s) {
  json row;
  for (const char* key : {"tenant", "class", "waiting", "in_flight", "job_p50_ms", "job_p99_ms"}) {
    row[key] = Part(after, key);
  }
  const auto jobs = JobsEnded(before, after);
  row["jobs_per_s"] = jobs ? json(*jobs / interval_s) : json();
  row["gpu_share"] = Charged(before, after);  // to be divided
  return row;
}

struct Sample {
  json document;
  Clock::time_point at;
};

std::optional<Sample> TakeSample(const std::vector<std::string>& paths) {
  Answer answer = Ask(paths, "status", "");
  json document = json::parse(answer.failed ? "" : answer.text, nullptr, /*allow_exceptions=*/false);
  if (!answer.failed && !document.is_object()) answer = {true, "paellad's status is not a JSON document"};
  if (!answer.failed) return Sample{std::move(document), Clock::now()};
  std::cerr << "paellactl: " << answer.text << '\n';
  return std::nullopt;
}

// Those that end the program; blocked, so that they come where they are waited for.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// False: one of the signals came before.
bool WaitUntil(Clock::time_point end, const sigset_t& signals) {
  for (;;) {
    const auto left = std::max(std::chrono::nanoseconds(0), std::chrono::nanoseconds(end - Clock::now()));
    const timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    if (sigtimedwait(&signals, nullptr, &timeout) > 0) return false;
    if (errno == EAGAIN) return true;
  }
}

}  // namespace

json Difference(const json& before, const json& after, double interval_s) {
  std::vector<json> rows;
  double charged_s = 0;
  const json& tenants = Part(after, "tenants");
  if (tenants.is_array()) {
    for (const json& tenant : tenants) rows.push_back(Row(TenantNamed(before, Part(tenant, "tenant")), tenant, interval_s));
  }
  for (const json& row : rows) charged_s += row["gpu_share"].get<double>();
  for (json& row : rows) row["gpu_share"] = row["gpu_share"].get<double>() / std::max(interval_s, charged_s);
  std::ranges::stable_sort(rows, std::greater(), [](const json& row) { return row["gpu_share"].get<double>(); });
  return {{"interval_s", interval_s}, {"policy", Part(after, "policy")}, {"tenants", rows}};
}

std::string DescribeDifference(const json& difference) {
  constexpr Table::Align kLeft = Table::Align::kLeft, kRight = Table::Align::kRight;
  Table table({{"TENANT", kLeft}, {"CLASS", kLeft}, {"GPU", kRight}, {"WAITING", kRight}, {"IN FLIGHT", kRight},
               {"JOBS/S", kRight}, {"P50 MS", kRight}, {"P99 MS", kRight}});
  const auto number = [](const json& row, const char* key, const char* format, double factor = 1) {
    const auto value = Number(row, key);
    return value ? Format(format, *value * factor) : std::string(kUnknown);
  };
  for (const json& row : Part(difference, "tenants")) {
    table.Add({Text(row, "tenant"), Text(row, "class"), number(row, "gpu_share", "%.1f %%", 100), Text(row, "waiting"),
               Text(row, "in_flight"), number(row, "jobs_per_s", "%.1f"), number(row, "job_p50_ms", "%.3f"),
               number(row, "job_p99_ms", "%.3f")});
  }
  return "policy: " + Text(difference, "policy") + "\n" + table.Text();
}

int Top(const std::vector<std::string>& paths, const TopOptions& options) {
  constexpr int kFailure = 1;
  const sigset_t signals = BlockSignals();
  const bool in_place = !options.as_json && isatty(STDOUT_FILENO) != 0;
  const std::chrono::duration<double> interval(options.interval_s);
  auto before = TakeSample(paths);
  if (!before) return kFailure;
  for (std::uint64_t shown = 0; options.count == 0 || shown < options.count; ++shown) {
    if (!WaitUntil(before->at + std::chrono::duration_cast<Clock::duration>(interval), signals)) return 0;
    auto after = TakeSample(paths);
    if (!after) return kFailure;
    const double passed_s = std::chrono::duration<double>(after->at - before->at).count();
    const json difference = Difference(before->document, after->document, passed_s);
    if (in_place) std::cout << kClearScreen;
    if (!in_place && !options.as_json && shown > 0) std::cout << '\n';
    std::cout << (options.as_json ? difference.dump() + "\n" : DescribeDifference(difference)) << std::flush;
    if (!std::cout) {
      std::cerr << "paellactl: cannot write to standard output\n";
      return kFailure;
    }
    before = std::move(after);
  }
  return 0;
}

}  // namespace paella::paellactl
