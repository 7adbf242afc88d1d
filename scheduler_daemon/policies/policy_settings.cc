#include "scheduler_daemon/policies/policy_settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <set>
#include <sstream>

namespace paella::scheduler_daemon {
namespace {

constexpr std::array<std::string_view, 3> kClassNames{"latency", "normal", "best-effort"};

constexpr std::array kTenantTable{
    SettingDescription{"weight", 1, 0.001, 1'000, "its part of the GPU beside others"},
    SettingDescription{"deadline_ms", 0, 0.001, 3'600'000, "of each job, from its beginning"},
    SettingDescription{"sm_share", 0, 0, 100, "per cent of the GPU's SMs, on which alone its kernels run; 0: all"},
};

std::string Shown(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

std::optional<double> Number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool Split(const std::string& assignment, std::string_view& key, std::string_view& value, std::string& error) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    error = "'" + assignment + "' is not of the form key=value";
    return false;
  }
  key = std::string_view(assignment).substr(0, equals);
  value = std::string_view(assignment).substr(equals + 1);
  return true;
}

std::string KnownKeys(std::span<const SettingDescription> table) {
  std::string keys;
  for (const SettingDescription& setting : table) keys += (keys.empty() ? "" : ", ") + std::string(setting.key);
  return keys.empty() ? "there are none" : "there are " + keys;
}

bool IsRepeated(std::set<std::string_view>& seen, std::string_view key, std::string& error) {
  if (seen.insert(key).second) return false;
  error = std::string(key) + " is set twice";
  return true;
}

}  // namespace

SettingValues::SettingValues(std::span<const SettingDescription> table) : table_(table) {
  for (const SettingDescription& setting : table) values_.push_back(setting.initial);
}

bool SettingValues::Assign(std::span<const std::string> assignments, std::string& error) {
  std::vector<double> values = values_;
  std::set<std::string_view> seen;
  for (const std::string& assignment : assignments) {
    std::string_view key, text;
    if (!Split(assignment, key, text, error)) return false;
    const auto setting = std::ranges::find(table_, key, &SettingDescription::key);
    if (setting == table_.end()) {
      error = "no setting '" + std::string(key) + "'; " + KnownKeys(table_);
      return false;
    }
    if (IsRepeated(seen, key, error)) return false;
    const std::optional<double> value = Number(text);
    if (!value || *value < setting->least || *value > setting->most) {
      error = std::string(key) + ": expected a number from " + Shown(setting->least) + " to " + Shown(setting->most) +
              ", got '" + std::string(text) + "'";
      return false;
    }
    values[setting - table_.begin()] = *value;
  }
  values_ = std::move(values);
  return true;
}

double SettingValues::Get(std::string_view key) const {
  return values_.at(std::ranges::find(table_, key, &SettingDescription::key) - table_.begin());
}

NamedAssignments::NamedAssignments(std::string_view text) {
  std::istringstream words{std::string(text)};
  words >> name;
  for (std::string word; words >> word;) assignments.push_back(word);
}

std::string_view ClassName(TenantClass tenant_class) { return kClassNames.at(static_cast<std::size_t>(tenant_class)); }

std::optional<TenantClass> ClassOfName(std::string_view name) {
  const auto found = std::ranges::find(kClassNames, name);
  if (found == kClassNames.end()) return std::nullopt;
  return static_cast<TenantClass>(found - kClassNames.begin());
}

bool AssignTenantSettings(std::span<const std::string> assignments, TenantSettings& settings, std::string& error) {
  TenantSettings changed = settings;
  std::vector<std::string> numbers;
  std::set<std::string_view> seen;
  for (const std::string& assignment : assignments) {
    std::string_view key, text;
    if (!Split(assignment, key, text, error)) return false;
    if (key != "class") {
      numbers.push_back(assignment);
      continue;
    }
    const std::optional<TenantClass> tenant_class = ClassOfName(text);
    if (!tenant_class) {
      error = "class: expected latency, normal or best-effort, got '" + std::string(text) + "'";
      return false;
    }
    if (IsRepeated(seen, key, error)) return false;
    changed.tenant_class = *tenant_class;
  }
  SettingValues values(kTenantTable);
  if (!values.Assign(numbers, error)) return false;
  for (const std::string& number : numbers) {
    if (number.starts_with("weight=")) changed.weight = values.Get("weight");
    if (number.starts_with("sm_share=")) changed.sm_share_percent = values.Get("sm_share");
    if (number.starts_with("deadline_ms=")) changed.deadline_ns = values.Nanoseconds("deadline_ms");
  }
  settings = changed;
  return true;
}

}  // namespace paella::scheduler_daemon
