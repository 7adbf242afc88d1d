#include "scheduler_daemon/executor/sm_shares.h"

#include <algorithm>
#include <cmath>

namespace paella::scheduler_daemon {

SmShare::~SmShare() {
  Retire();
  if (context_ != nullptr) shares_.driver_.cuGreenCtxDestroy(context_);
}

void SmShare::Retire() {
  if (!retired_.exchange(true)) shares_.GiveBack(groups_);
}

std::shared_ptr<SmShare> SmShares::Make(double percent, std::string& error) {
  std::call_once(once_, [this] { split_ = Split(); });
  if (split_ != CUDA_SUCCESS) {
    error = "the driver cannot split the SMs: " + driver_.ErrorName(split_);
    return nullptr;
  }
  const std::shared_ptr<SmShare> share(new SmShare(*this), [later = later_](SmShare* ended) {
    later([ended] { delete ended; });
  });
  if (!TakeGroups(percent, *share)) {
    error = "the shares of others leave too few SMs";
  } else if (const CUresult result = MakeContext(*share); result != CUDA_SUCCESS) {
    error = "no green context: " + driver_.ErrorName(result);
  } else {
    return share;
  }
  share->Retire();
  return nullptr;
}

CUresult SmShares::Split() {
  if (driver_.cuDeviceGetDevResource == nullptr || driver_.cuDevSmResourceSplitByCount == nullptr ||
      driver_.cuDevResourceGenerateDesc == nullptr || driver_.cuGreenCtxCreate == nullptr ||
      driver_.cuGreenCtxDestroy == nullptr || driver_.cuGreenCtxStreamCreate == nullptr) {
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  CUresult result = driver_.cuDeviceGetDevResource(device_, &all_, CU_DEV_RESOURCE_TYPE_SM);
  if (result != CUDA_SUCCESS) return result;
  const unsigned least = std::max(1u, all_.sm.minSmPartitionSize);
  unsigned count = 0;
  result = driver_.cuDevSmResourceSplitByCount(nullptr, &count, &all_, nullptr, 0, least);
  if (result != CUDA_SUCCESS) return result;
  if (count == 0) return CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION;
  groups_.resize(count);
  result = driver_.cuDevSmResourceSplitByCount(groups_.data(), &count, &all_, nullptr, 0, least);
  groups_.resize(std::min<std::size_t>(groups_.size(), count));
  taken_.resize(groups_.size());
  return result;
}

bool SmShares::TakeGroups(double percent, SmShare& share) {
  constexpr double kRounding = 1e-6;
  const double of_group = groups_.front().sm.smCount;  // all are alike
  const double most = static_cast<double>(groups_.size());
  const double wanted = std::clamp(std::floor(percent / 100 * all_.sm.smCount / of_group + kRounding), 1.0, most);
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < groups_.size() && static_cast<double>(share.groups_.size()) < wanted; ++i) {
    if (taken_[i]) continue;
    taken_[i] = true;
    share.groups_.push_back(i);
    share.multiprocessors_ += groups_[i].sm.smCount;
  }
  return static_cast<double>(share.groups_.size()) >= wanted;
}

void SmShares::GiveBack(const std::vector<std::size_t>& groups) {
  const std::lock_guard lock(mutex_);
  for (const std::size_t group : groups) taken_[group] = false;
}

CUresult SmShares::MakeContext(SmShare& share) {
  std::vector<CUdevResource> groups;
  for (const std::size_t group : share.groups_) groups.push_back(groups_[group]);
  CUdevResourceDesc description = nullptr;
  CUresult result =
      driver_.cuDevResourceGenerateDesc(&description, groups.data(), static_cast<unsigned>(groups.size()));
  if (result != CUDA_SUCCESS) return result;
  CUgreenCtx context = nullptr;
  result = driver_.cuGreenCtxCreate(&context, description, device_, CU_GREEN_CTX_DEFAULT_STREAM);
  if (result == CUDA_SUCCESS) share.context_ = context;
  return result;
}

}  // namespace paella::scheduler_daemon
