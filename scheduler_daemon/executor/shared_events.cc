#include "scheduler_daemon/executor/shared_events.h"

#include <utility>

namespace paella::scheduler_daemon {

Token SharedEvents::Add(Party owner, std::shared_ptr<SharedEvent> event) {
  const Token token = Token::Make();
  const std::lock_guard lock(mutex_);
  by_token_.emplace(token, Owned{owner, std::move(event)});
  return token;
}

void SharedEvents::Remove(const Token& token) {
  const std::lock_guard lock(mutex_);
  by_token_.erase(token);
}

CUresult SharedEvents::Find(Party party, const Token& token, std::shared_ptr<SharedEvent>& event) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return CUDA_ERROR_MAP_FAILED;  // as the driver says of zeros (580)
  if (found->second.owner == party) return CUDA_ERROR_INVALID_CONTEXT;
  event = found->second.event;
  return CUDA_SUCCESS;
}

ClientSharedEvents::~ClientSharedEvents() {
  for (const auto& [number, known] : by_number_) {
    if (known.is_own) tenant_.Remove(known.token);
  }
}

CUresult ClientSharedEvents::CheckNew(std::uint64_t number) const {
  if (by_number_.size() >= kMaxEvents) return CUDA_ERROR_OUT_OF_MEMORY;
  return by_number_.contains(number) ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

CUresult ClientSharedEvents::Create(std::uint64_t number, Token& token) {
  if (const CUresult result = CheckNew(number); result != CUDA_SUCCESS) return result;
  auto event = std::make_shared<SharedEvent>();
  token = tenant_.Add(this, event);
  by_number_.emplace(number, Known{std::move(event), token, true});
  return CUDA_SUCCESS;
}

CUresult ClientSharedEvents::Open(std::uint64_t number, const Token& token) {
  if (const CUresult result = CheckNew(number); result != CUDA_SUCCESS) return result;
  std::shared_ptr<SharedEvent> event;
  if (const CUresult result = tenant_.Find(this, token, event); result != CUDA_SUCCESS) return result;
  by_number_.emplace(number, Known{std::move(event), token, false});
  return CUDA_SUCCESS;
}

void ClientSharedEvents::Destroy(std::uint64_t number) {
  const auto known = by_number_.find(number);
  if (known == by_number_.end()) return;
  if (known->second.is_own) tenant_.Remove(known->second.token);
  by_number_.erase(known);
}

SharedEvent* ClientSharedEvents::Find(std::uint64_t number) const {
  const auto known = by_number_.find(number);
  return known == by_number_.end() ? nullptr : known->second.event.get();
}

}  // namespace paella::scheduler_daemon
