#include "scheduler_daemon/knowledge/knowledge.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <vector>

namespace paella::scheduler_daemon {
namespace {

constexpr std::string_view kHeader = "paella knowledge 1\n";
constexpr std::string_view kEnd = "end\n";  // a file that was cut is not taken
constexpr std::size_t kLongestLine = 127;

void Append(std::string& text, char kind, const EstimateTable& table) {
  std::vector<std::uint64_t> keys;
  for (const auto& [key, estimate] : table.all()) keys.push_back(key);
  std::ranges::sort(keys);
  for (const std::uint64_t key : keys) {
    const Estimate& estimate = *table.Find(key);
    char line[kLongestLine + 1];
    const int length = std::snprintf(line, sizeof line, "%c %016" PRIx64 " %.9g %.9g %" PRIu32 "\n", kind, key,
                                     estimate.mean_ns, estimate.variance, estimate.observations);
    text.append(line, static_cast<std::size_t>(length));
  }
}

bool Read(const std::string& line, Knowledge& knowledge) {
  char kind = 0;
  std::uint64_t key = 0;
  Estimate estimate;
  int used = 0;
  const int fields = std::sscanf(line.c_str(), "%c %" SCNx64 " %lg %lg %" SCNu32 "%n", &kind, &key, &estimate.mean_ns,
                                 &estimate.variance, &estimate.observations, &used);
  if (fields != 5 || used != static_cast<int>(line.size())) return false;
  const auto sane = [](double value) { return std::isfinite(value) && value >= 0 && value < 1e30; };
  if (!sane(estimate.mean_ns) || estimate.mean_ns > 1e18 || !sane(estimate.variance)) return false;
  if (estimate.observations == 0 || estimate.observations > Estimate::kMostCounted) return false;
  if (kind == 'k') {
    knowledge.kernels.table().Set(key, estimate);
  } else if (kind == 'j') {
    knowledge.jobs.table().Set(key, estimate);
  }
  return kind == 'k' || kind == 'j';
}

}  // namespace

std::string Knowledge::Save() const {
  std::string text(kHeader);
  Append(text, 'k', kernels.table());
  Append(text, 'j', jobs.table());
  return text.append(kEnd);
}

bool Knowledge::Load(std::string_view text) {
  if (!text.starts_with(kHeader) || !text.ends_with(kEnd)) return false;
  text.remove_prefix(kHeader.size());
  text.remove_suffix(kEnd.size());
  Knowledge loaded;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos || end > kLongestLine) return false;
    if (!Read(std::string(text.substr(0, end)), loaded)) return false;
    text.remove_prefix(end + 1);
  }
  *this = std::move(loaded);
  return true;
}

}  // namespace paella::scheduler_daemon
