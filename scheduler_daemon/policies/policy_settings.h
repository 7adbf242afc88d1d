// Settings as an administrator writes them, key=value, read against a table of what there is.
//
// Everything wrong is refused with a sentence that names the key: an unknown or repeated one, what is no number, what
// is out of range. Nothing is taken over then.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_POLICY_SETTINGS_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_POLICY_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler_daemon/policies/operations.h"

namespace paella::scheduler_daemon {

struct SettingDescription {
  std::string_view key;  // its unit last
  double initial;
  double least;
  double most;
  std::string_view meaning;
};

class SettingValues {
 public:
  explicit SettingValues(std::span<const SettingDescription> table);

  // Takes `assignments` over, or none of them: false, with the reason in `error`.
  [[nodiscard]] bool Assign(std::span<const std::string> assignments, std::string& error);

  // A key of the table.
  double Get(std::string_view key) const;
  // Of one in milliseconds.
  std::uint64_t Nanoseconds(std::string_view key) const { return static_cast<std::uint64_t>(Get(key) * 1e6); }
  std::uint64_t FromMicroseconds(std::string_view key) const { return static_cast<std::uint64_t>(Get(key) * 1e3); }
  // In milliseconds, where 0 means that there is none.
  std::uint64_t NanosecondsOrNever(std::string_view key) const { return Get(key) == 0 ? kNever : Nanoseconds(key); }

 private:
  std::span<const SettingDescription> table_;
  std::vector<double> values_;
};

// "NAME key=value ...", the one line in which a policy or a tenant is described. The name is empty if nothing is said.
struct NamedAssignments {
  explicit NamedAssignments(std::string_view text);

  std::string name;
  std::vector<std::string> assignments;
};

// What can be said of a tenant: class, weight, deadline_ms, sm_share.
struct TenantSettings {
  std::optional<TenantClass> tenant_class{};  // none: what its programs say
  double weight = 1;
  std::uint64_t deadline_ns = kNever;
  double sm_share_percent = 0;  // none: it runs on all SMs

  bool operator==(const TenantSettings&) const = default;
};

std::string_view ClassName(TenantClass tenant_class);
std::optional<TenantClass> ClassOfName(std::string_view name);

// Changes what `assignments` name, or nothing: false, with the reason in `error`.
[[nodiscard]] bool AssignTenantSettings(std::span<const std::string> assignments, TenantSettings& settings,
                                        std::string& error);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_POLICY_SETTINGS_H_
