#include "scheduler_daemon/executor/slab_broker.h"

#include <utility>

namespace paella::scheduler_daemon {

std::optional<SlabSource::Grant> SlabBroker::Take(std::uint64_t size_bytes, Need need, CUresult& result) {
  std::unique_lock lock(mutex_);
  const std::uint64_t tag = next_tag_++;
  const auto place = waiting_.try_emplace(tag).first;
  lock.unlock();
  ipc::SlabRequest request;
  request.size_bytes = size_bytes;
  request.tag = tag;
  request.ahead = need == Need::kAhead ? 1 : 0;
  const bool sent = socket_.Send(request);
  lock.lock();
  const bool answered = sent && news_.wait_for(lock, kAnswerTimeout, [&] { return place->second.has_value(); });
  std::optional<Answer> answer = std::move(place->second);
  waiting_.erase(place);
  lock.unlock();
  result = answered ? answer->result : CUDA_ERROR_OUT_OF_MEMORY;
  if (result != CUDA_SUCCESS) return std::nullopt;
  return Grant{tag, std::move(answer->memory)};
}

void SlabBroker::Return(std::uint64_t tag) {
  ipc::SlabReturn message;
  message.tag = tag;
  socket_.Send(message);
}

bool SlabBroker::OnGrant(ipc::Packet& packet) {
  const auto grant = packet.As<ipc::SlabGrant>();
  if (!grant || (grant->result == CUDA_SUCCESS && packet.fds.size() != 1)) return false;
  {
    const std::lock_guard lock(mutex_);
    const auto place = waiting_.find(grant->tag);
    if (place != waiting_.end()) {
      place->second.emplace(static_cast<CUresult>(grant->result),
                            packet.fds.empty() ? ipc::Fd() : std::move(packet.fds[0]));
      news_.notify_all();
      return true;
    }
  }
  if (grant->result == CUDA_SUCCESS) Return(grant->tag);  // the one who asked has given up
  return true;
}

}  // namespace paella::scheduler_daemon
