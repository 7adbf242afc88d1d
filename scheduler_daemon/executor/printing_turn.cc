#include "scheduler_daemon/executor/printing_turn.h"

#include <algorithm>

namespace paella::scheduler_daemon {

bool PrintingTurn::MayGo(std::uint64_t client, std::uint64_t now_ns) {
  if (is_passing_) return false;
  if (is_everybodys_ && in_flight_ != 0) return true;
  if (!is_everybodys_ && owner_ == client && waiting_.empty()) return true;
  Queue(client, now_ns);
  if (in_flight_ == 0) {
    const std::uint64_t next = waiting_.front().client;
    waiting_.pop_front();
    PassTo(next);
  } else if (now_ns - waiting_.front().since_ns > kPatienceNs) {
    waiting_.clear();
    PassTo(kNobody);
  }
  return false;
}

void PrintingTurn::Queue(std::uint64_t client, std::uint64_t now_ns) {
  if (std::ranges::find(waiting_, client, &Waiting::client) == waiting_.end()) waiting_.push_back({client, now_ns});
}

void PrintingTurn::PassTo(std::uint64_t client) {
  is_passing_ = true;
  owner_ = client;
  pass_(client);
}

void PrintingTurn::Passed() {
  is_passing_ = false;
  is_everybodys_ = owner_ == kNobody;
}

}  // namespace paella::scheduler_daemon
