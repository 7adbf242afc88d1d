#include "scheduler_daemon/executor/shared_allocations.h"

namespace paella::scheduler_daemon {

Token SharedAllocations::Share(Party owner, std::uint64_t address, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  const auto [shared, is_new] = by_address_.try_emplace(address, Shared{{}, owner, size_bytes, 0});
  if (is_new) {
    shared->second.token = Token::Make();
    by_token_.emplace(shared->second.token, address);
  }
  return shared->second.token;
}

CUresult SharedAllocations::Open(Party party, const Token& token, std::uint64_t& address, std::uint64_t& size_bytes) {
  const std::lock_guard lock(mutex_);
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return CUDA_ERROR_INVALID_VALUE;
  Shared& shared = by_address_.at(found->second);
  if (shared.owner == party) return CUDA_ERROR_INVALID_CONTEXT;
  ++shared.openings;
  address = found->second;
  size_bytes = shared.size_bytes;
  return CUDA_SUCCESS;
}

bool SharedAllocations::EndOwnership(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  const auto shared = by_address_.find(address);
  if (shared == by_address_.end()) return true;
  by_token_.erase(shared->second.token);
  shared->second.owner = nullptr;
  if (shared->second.openings != 0) return false;
  by_address_.erase(shared);
  return true;
}

bool SharedAllocations::Close(std::uint64_t address) {
  const std::lock_guard lock(mutex_);
  const auto shared = by_address_.find(address);
  if (--shared->second.openings != 0 || shared->second.owner != nullptr) return false;
  by_address_.erase(shared);
  return true;
}

}  // namespace paella::scheduler_daemon
