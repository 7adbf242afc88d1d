#include "scheduler_daemon/policies/policy.h"

#include <unordered_map>
#include <utility>

#include "scheduler_daemon/policies/fifo.h"
#include "scheduler_daemon/policies/policy_host.h"
#include "scheduler_daemon/policies/round_robin.h"

namespace paella::scheduler_daemon {
namespace {

// Finds out from the lists what a host wants to be told. Completions are not in them: a dispatched command is over at
// once.
class HostedPolicy : public Policy {
 public:
  explicit HostedPolicy(std::unique_ptr<PolicyOperations> operations) : host_(std::move(operations)) {}

  std::string_view name() const override { return host_.policy_name(); }

  std::size_t Pick(std::span<const ReadyCommand> ready, std::uint64_t now_ns) override {
    Listen(ready, now_ns);
    asked_ = true;
    return indices_[host_.Pick(now_ns).value()];
  }

  void OnDispatched(const ReadyCommand& command, std::uint64_t now_ns) override {
    if (!std::exchange(asked_, false)) Listen({&command, 1}, now_ns);  // there was nothing to choose
    const auto known = known_.extract(command.arrival);
    const Known& entry = known.mapped();
    host_.Dispatched(entry.id, now_ns);
    host_.Completed(entry.id, 0, now_ns);
    host_.EndJob(entry.job, now_ns);
  }

 private:
  struct Known {
    ReadyId id;
    JobId job;
    std::uint64_t turn;  // when it was listed last
  };

  void Listen(std::span<const ReadyCommand> ready, std::uint64_t now_ns) {
    ++turn_;
    for (std::size_t i = 0; i < ready.size(); ++i) Note(ready[i], i, now_ns);
    WithdrawUnlisted(now_ns);
  }

  void Note(const ReadyCommand& command, std::size_t index, std::uint64_t now_ns) {
    auto [known, is_new] = known_.try_emplace(command.arrival);
    if (is_new) {
      known->second.job = host_.BeginJob({.tenant = command.tenant, .client = command.client}, now_ns);
      known->second.id = host_.CommandReady({.client = command.client,
                                             .tenant = command.tenant,
                                             .stream = command.stream,
                                             .job = known->second.job,
                                             .arrival = command.arrival},
                                            now_ns);
    }
    known->second.turn = turn_;
    if (known->second.id >= indices_.size()) indices_.resize(known->second.id + 1);
    indices_[known->second.id] = index;
  }

  void WithdrawUnlisted(std::uint64_t now_ns) {
    std::erase_if(known_, [&](const auto& known) {
      if (known.second.turn == turn_) return false;
      host_.Withdraw(known.second.id, now_ns);
      host_.EndJob(known.second.job, now_ns);
      return true;
    });
  }

  PolicyHost host_;
  std::unordered_map<std::uint64_t, Known> known_;  // by arrival
  std::vector<std::size_t> indices_;                // in the last list, by ReadyId
  std::uint64_t turn_ = 0;
  bool asked_ = false;  // since the last dispatch
};

}  // namespace

std::unique_ptr<Policy> MakePolicy(std::string_view name) {
  if (name == "fifo") return std::make_unique<HostedPolicy>(std::make_unique<FifoPolicy>());
  if (name == "round-robin") return std::make_unique<HostedPolicy>(std::make_unique<RoundRobinPolicy>(kNever));
  return nullptr;
}

std::vector<std::string> PolicyNames() { return {"fifo", "round-robin"}; }

}  // namespace paella::scheduler_daemon
