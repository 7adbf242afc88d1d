#include "scheduler_daemon/executor/printing_turn.h"

#include <algorithm>

namespace paella::scheduler_daemon {

bool PrintingTurn::MayGo(std::uint64_t client, std::uint64_t now_ns) {
  if (!is_passing_) {
    if (is_everybodys_ && in_flight_ != 0) return true;
    if (!is_everybodys_ && owner_ == client && (has_to_go_first_ || waiting_.empty())) return true;
  }
  if (is_passing_ && owner_ == client) return false;  // to this one
  if (std::ranges::find(waiting_, client, &Waiting::client) == waiting_.end()) waiting_.push_back({client, now_ns});
  return false;
}

void PrintingTurn::PassIfDue(std::uint64_t now_ns) {
  if (is_passing_ || waiting_.empty()) return;
  if (in_flight_ == 0 && !has_to_go_first_) {
    const std::uint64_t next = waiting_.front().client;
    waiting_.pop_front();
    PassTo(next);
  } else if (now_ns - waiting_.front().since_ns > kPatienceNs) {
    waiting_.clear();
    PassTo(kNobody);
  }
}

void PrintingTurn::PassTo(std::uint64_t client) {
  is_passing_ = true;
  owner_ = client;
  owner_is_forgotten_ = false;
  pass_(client);
}

void PrintingTurn::Passed() {
  is_passing_ = false;
  is_everybodys_ = owner_ == kNobody;
  if (is_everybodys_) waiting_.clear();  // they go
  has_to_go_first_ = !is_everybodys_ && !owner_is_forgotten_;
}

void PrintingTurn::Forget(std::uint64_t client) {
  std::erase_if(waiting_, [client](const Waiting& waiting) { return waiting.client == client; });
  if (client != owner_) return;
  owner_is_forgotten_ = true;
  has_to_go_first_ = false;
}

}  // namespace paella::scheduler_daemon
