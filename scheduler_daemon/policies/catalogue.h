// All policies by name, and how each is made from its settings. A new policy is a file of its own and a row here.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_CATALOGUE_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_CATALOGUE_H_

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler_daemon/policies/operations.h"
#include "scheduler_daemon/policies/policy_settings.h"

namespace paella::scheduler_daemon {

struct PolicyDescription {
  std::string_view name;
  std::string_view summary;
  std::span<const SettingDescription> settings;
  std::unique_ptr<PolicyOperations> (*make)(const SettingValues& values);
};

std::span<const PolicyDescription> PolicyCatalogue();

std::vector<std::string> PolicyNames();

// The policy of that name with these key=value settings, or null with the reason in `error`.
std::unique_ptr<PolicyOperations> MakePolicyOperations(std::string_view name, std::span<const std::string> assignments,
                                                       std::string& error);

// The same of "NAME key=value ...": how a policy is written where there is one string for it.
std::unique_ptr<PolicyOperations> MakePolicyOfText(std::string_view text, std::string& error);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_CATALOGUE_H_
