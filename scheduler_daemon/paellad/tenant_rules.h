// What the administrator says of tenants: class, weight, deadline and share of the SMs, by name or by a pattern of names.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_TENANT_RULES_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_TENANT_RULES_H_

#include <map>
#include <span>
#include <string>

#include "scheduler_daemon/policies/policy_settings.h"

namespace paella::scheduler_daemon {

class TenantRules {
 public:
  // Rules for names that nobody has ask for nothing but memory: there are no more than these.
  static constexpr std::size_t kMost = 4096;

  // The most urgent class that a program may give itself; what a rule says of its tenant comes before that.
  TenantClass most_urgent_claim = TenantClass::kLatency;

  // Changes the rule of that name or pattern (fnmatch: "alice/*"), which is new if there is none. False: nothing is
  // changed, and `error` says why. Shares of the SMs make at most 100 % together, each rule's counted once.
  [[nodiscard]] bool Assign(const std::string& pattern, std::span<const std::string> assignments, std::string& error);

  // Of the rules that match, the one with the longest pattern; the defaults if there is none.
  TenantSettings Find(const std::string& tenant) const;

  // What the tenant is to the policy, if its program calls itself `claim`.
  TenantInfo Resolve(const std::string& tenant, TenantClass claim) const;

  bool operator==(const TenantRules&) const = default;

 private:
  std::map<std::string, TenantSettings> rules_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_TENANT_RULES_H_
