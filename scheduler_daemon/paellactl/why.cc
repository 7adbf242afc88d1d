#include "scheduler_daemon/paellactl/why.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

#include "scheduler_daemon/paellactl/fields.h"
#include "scheduler_daemon/paellactl/table.h"

namespace paella::paellactl {
namespace {

using nlohmann::json;

constexpr const char* kParts[] = {"client_ns", "ring_ns", "waiting_ns", "gpu_queue_ns", "running_ns"};
constexpr const char* kPartNames[] = {"client", "ring", "waiting", "GPU queue", "running"};
constexpr std::size_t kWaiting = 2;

// 64-bit times beyond what doubles hold exactly are centuries.
double Time(const json& object, const char* key) { return std::max(0.0, Number(object, key).value_or(0)); }

// Milliseconds with the digits that suit a latency.
class Milliseconds {
 public:
  explicit Milliseconds(double latency_ns) : digits_(latency_ns < 1e6 ? 3 : latency_ns < 1e8 ? 2 : 1) {}

  double step_ns() const { return 1e6 / std::pow(10, digits_); }
  std::string Of(std::int64_t steps) const {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits_, static_cast<double>(steps) * step_ns() * 1e-6);
    return text;
  }
  // Whole steps that add up to `total`: what rounding leaves goes to those that lost most by it.
  std::vector<std::int64_t> Split(const std::vector<double>& parts_ns, std::int64_t total) const {
    std::vector<std::int64_t> steps;
    std::vector<std::size_t> by_loss(parts_ns.size());
    for (const double part_ns : parts_ns) steps.push_back(static_cast<std::int64_t>(part_ns / step_ns()));
    std::iota(by_loss.begin(), by_loss.end(), std::size_t{0});
    std::ranges::stable_sort(by_loss, std::greater(), [&](std::size_t i) {
      return parts_ns[i] / step_ns() - static_cast<double>(steps[i]);
    });
    std::int64_t left = total - std::accumulate(steps.begin(), steps.end(), std::int64_t{0});
    for (const std::size_t i : by_loss) {
      if (left-- <= 0) break;
      ++steps[i];
    }
    return steps;
  }

 private:
  int digits_;
};

std::string DescribeWait(const json& wait, const json& job) {
  const std::string rule = Text(wait, "rule");
  const bool is_named = Part(wait, "tenant").is_string();
  const bool is_own = is_named && Part(wait, "tenant") == Part(job, "tenant");
  const std::string who = is_own ? "other jobs of its own tenant" : is_named ? Text(wait, "tenant") : "others";
  const std::string ran = is_own || !is_named ? "they" : "it";
  const std::string policy = Part(wait, "policy").is_string() ? " under " + Text(wait, "policy") : "";
  if (rule == "policy") return "behind " + who + ": " + ran + " ran in this time" + policy;
  if (rule == "starvation bound") return "behind " + who + ": " + ran + " had waited beyond the starvation bound";
  if (rule == "in flight") return "held back by the in-flight limit" + (is_named ? ", behind " + who : "");
  if (rule == "held") return "held while latency work of " + who + " was there";
  if (rule == "policy waits") return "the policy named nothing";
  if (rule == "dispatcher") return "the executor had not come to it";
  if (rule == "own order") return "for its own dependencies, callbacks or turn to print";
  return rule;
}

std::string DescribeWaits(const json& job, const Milliseconds& format, std::int64_t total) {
  const json& waits = Part(job, "waiting");
  if (!waits.is_array()) return "";
  std::vector<double> times_ns;
  for (const json& wait : waits) times_ns.push_back(Time(wait, "time_ns"));
  const auto steps = format.Split(times_ns, total);
  std::string text;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i] > 0) text += (text.empty() ? " (" : "; ") + format.Of(steps[i]) + " " + DescribeWait(waits[i], job);
  }
  return text.empty() ? "" : text + ")";
}

std::string End(const json& job) {
  if (Part(job, "is_over") == false) return "not over";
  return Format("%.1f s ago", Time(job, "ended_ago_ns") * 1e-9);
}

std::string MostlyFor(const json& job) {
  const json& waits = Part(job, "waiting");
  return waits.is_array() && !waits.empty() ? Text(waits.front(), "tenant") : kUnknown;
}

std::string DescribeList(const std::vector<json>& jobs) {
  constexpr Table::Align kLeft = Table::Align::kLeft, kRight = Table::Align::kRight;
  Table table({{"JOB", kRight}, {"TENANT", kLeft}, {"COMMANDS", kRight}, {"ENDED", kRight}, {"MS", kRight},
               {"CLIENT", kRight}, {"RING", kRight}, {"WAITING", kRight}, {"GPU QUEUE", kRight}, {"RUNNING", kRight},
               {"MOST BEHIND", kLeft}});
  for (const json& job : jobs) {
    std::vector<std::string> row{Text(job, "job"), Text(job, "tenant"), Text(job, "commands"), End(job),
                                 Format("%.3f", Time(job, "latency_ns") * 1e-6)};
    for (const char* part : kParts) row.push_back(Format("%.3f", Time(job, part) * 1e-6));
    row.push_back(MostlyFor(job));
    table.Add(std::move(row));
  }
  return table.Text();
}

bool IsNumber(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, [](unsigned char c) { return c >= '0' && c <= '9'; });
}

// A number is a job's, unless there is only a tenant of that name.
std::vector<json> Select(const json& jobs, const std::string& what) {
  std::vector<json> found;
  const auto take = [&](const auto& is_meant) { std::ranges::copy_if(jobs, std::back_inserter(found), is_meant); };
  if (IsNumber(what)) take([&](const json& job) { return Text(job, "job") == what; });
  if (found.empty()) take([&](const json& job) { return what.empty() || Part(job, "tenant") == what; });
  return found;
}

}  // namespace

std::string DescribeJob(const json& job) {
  const double latency_ns = Time(job, "latency_ns");
  const Milliseconds format(latency_ns);
  const auto total = static_cast<std::int64_t>(std::round(latency_ns / format.step_ns()));
  std::vector<double> parts_ns;
  for (const char* part : kParts) parts_ns.push_back(Time(job, part));
  const auto steps = format.Split(parts_ns, total);
  std::string text = "job " + Text(job, "job") + " of " + Text(job, "tenant") + ", client " + Text(job, "client") + ": " +
                     Text(job, "commands") + " commands, " + (End(job) == "not over" ? "" : "ended ") + End(job) +
                     (Part(job, "was_cut") == true ? ", cut where its program went on" : "") + "\n" + format.Of(total) +
                     " ms: ";
  for (std::size_t i = 0; i < std::size(kParts); ++i) {
    text += (i == 0 ? "" : ", ") + format.Of(steps[i]) + " " + kPartNames[i];
    if (i == kWaiting) text += DescribeWaits(job, format, steps[i]);
  }
  return text + "\n";
}

Answer DescribeJobs(const json& document, const WhyOptions& options) {
  const json& jobs = Part(document, "jobs");
  if (!jobs.is_array()) return {true, "paellad's answer tells of no jobs"};
  std::vector<json> found = Select(jobs, options.what);
  if (options.slowest) {
    std::ranges::stable_sort(found, std::greater(), [](const json& job) { return Time(job, "latency_ns"); });
  }
  if (!options.what.empty()) {
    if (found.empty()) return {true, "there is no recent job, and no tenant with one, '" + Printable(options.what) + "'"};
    return {false, options.as_json ? found[0].dump(2) + "\n" : DescribeJob(found[0])};
  }
  if (found.size() > options.limit) found.resize(options.limit);
  return {false, options.as_json ? json{{"jobs", found}}.dump(2) + "\n" : DescribeList(found)};
}

Answer Why(const std::vector<std::string>& paths, const WhyOptions& options, std::chrono::milliseconds timeout) {
  const Answer answer = Ask(paths, "why", "", timeout);
  if (answer.failed) return answer;
  return DescribeJobs(json::parse(answer.text, nullptr, /*allow_exceptions=*/false), options);
}

}  // namespace paella::paellactl
