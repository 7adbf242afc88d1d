#include "scheduler_daemon/policies/accounts.h"

namespace paella::scheduler_daemon {

Accounts::Account& Accounts::At(TenantId tenant) {
  if (tenant >= accounts_.size()) accounts_.resize(std::size_t{tenant} + 1);
  return accounts_[tenant];
}

void Accounts::SetWeight(TenantId tenant, double weight) {
  Account& account = At(tenant);
  if (account.active) active_weight_ += weight - account.weight;
  account.weight = weight;
}

void Accounts::Activate(TenantId tenant, std::uint64_t now_ns) {
  Account& account = At(tenant);
  if (account.active) return;
  if (now_ns - account.left_ns > debt_kept_ns_) account.kept_debt = 0;
  account.tag = virtual_time_ - account.kept_debt;
  account.active = true;
  active_weight_ += account.weight;
  ++active_;
}

void Accounts::Deactivate(TenantId tenant, std::uint64_t now_ns) {
  Account& account = At(tenant);
  if (!account.active) return;
  account.kept_debt = virtual_time_ - account.tag;
  account.left_ns = now_ns;
  account.active = false;
  active_weight_ = --active_ == 0 ? 0 : active_weight_ - account.weight;  // no rounding error outlives an idle moment
}

void Accounts::Charge(TenantId tenant, double gpu_ns) {
  Account& account = At(tenant);
  if (!account.active) return;
  account.tag += gpu_ns / account.weight;
  virtual_time_ += gpu_ns / active_weight_;
}

void Accounts::Forget(TenantId tenant) {
  Deactivate(tenant, 0);
  At(tenant) = Account();
}

double Accounts::DebtNs(TenantId tenant) const {
  if (tenant >= accounts_.size()) return 0;
  const Account& account = accounts_[tenant];
  return account.active ? virtual_time_ - account.tag : account.kept_debt;
}

}  // namespace paella::scheduler_daemon
