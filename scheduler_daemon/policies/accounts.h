// What GPU time each tenant has had, and which debts that leaves: fluid weighted sharing.
//
// Whatever anybody gets moves the common clock V by its length over the active tenants' weights, and the tenant's own
// tag by its length over its weight. V - tag is what the tenant should have had and did not, for each unit of weight:
// its debt. The debts of all active tenants, times their weights, sum up to 0. Since V is common, the order of tags is
// the order of debts, and only the tag of the tenant that got something changes: no decision needs a pass over all.
//
// A tenant is active while it has a command ready or in flight. When it has none, its debt is kept aside, and given
// back if it returns soon enough; so short gaps between jobs neither forgive nor cost anything, and a long absence does
// not earn a claim to the whole GPU.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_ACCOUNTS_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_ACCOUNTS_H_

#include <cstdint>
#include <vector>

#include "scheduler_daemon/policies/operations.h"

namespace paella::scheduler_daemon {

class Accounts {
 public:
  void SetDebtKept(std::uint64_t kept_ns) { debt_kept_ns_ = kept_ns; }
  void SetWeight(TenantId tenant, double weight);
  void Activate(TenantId tenant, std::uint64_t now_ns);
  void Deactivate(TenantId tenant, std::uint64_t now_ns);
  // Negative takes back what was charged too much.
  void Charge(TenantId tenant, double gpu_ns);
  void Forget(TenantId tenant);

  double DebtNs(TenantId tenant) const;
  double ServiceTag(TenantId tenant) const { return tenant < accounts_.size() ? accounts_[tenant].tag : 0; }

 private:
  struct Account {
    double weight = 1;
    double tag = 0;
    double kept_debt = 0;  // while it is not active
    std::uint64_t left_ns = 0;
    bool active = false;
  };

  Account& At(TenantId tenant);

  std::vector<Account> accounts_;
  double virtual_time_ = 0;
  double active_weight_ = 0;
  std::uint32_t active_ = 0;
  std::uint64_t debt_kept_ns_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_ACCOUNTS_H_
