#include "scheduler_daemon/paellad/tenant_rules.h"

#include <fnmatch.h>

#include <algorithm>

namespace paella::scheduler_daemon {

bool TenantRules::Assign(const std::string& pattern, std::span<const std::string> assignments, std::string& error) {
  if (pattern.empty()) {
    error = "a tenant has a name";
    return false;
  }
  if (!rules_.contains(pattern) && rules_.size() == kMost) {
    error = "there are " + std::to_string(kMost) + " rules of tenants, which is the most";
    return false;
  }
  TenantSettings settings = rules_.contains(pattern) ? rules_.at(pattern) : TenantSettings();
  if (!AssignTenantSettings(assignments, settings, error)) return false;
  double shares = settings.sm_share_percent;
  for (const auto& [other, rule] : rules_) shares += other == pattern ? 0 : rule.sm_share_percent;
  constexpr double kRounding = 1e-6;
  if (settings.sm_share_percent > 0 && shares > 100 + kRounding) {
    error = "sm_share: the shares of all tenants together would be more than 100 %";
    return false;
  }
  rules_[pattern] = settings;
  return true;
}

TenantSettings TenantRules::Find(const std::string& tenant) const {
  if (const auto exact = rules_.find(tenant); exact != rules_.end()) return exact->second;
  const TenantSettings* found = nullptr;
  std::size_t length = 0;
  for (const auto& [pattern, settings] : rules_) {
    if (pattern.size() <= length || fnmatch(pattern.c_str(), tenant.c_str(), 0) != 0) continue;
    found = &settings;
    length = pattern.size();
  }
  return found == nullptr ? TenantSettings() : *found;
}

TenantInfo TenantRules::Resolve(const std::string& tenant, TenantClass claim) const {
  const TenantSettings settings = Find(tenant);
  return {.tenant_class = settings.tenant_class.value_or(std::max(claim, most_urgent_claim)),
          .weight = settings.weight,
          .deadline_ns = settings.deadline_ns,
          .sm_share_percent = settings.sm_share_percent};
}

}  // namespace paella::scheduler_daemon
