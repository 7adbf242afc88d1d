// The executor's present view of a policy: of the ready heads that it lists, which goes next.
//
// Both policies that it offers are those of operations.h behind a host of their own (policy_host.h), which is told of
// what changed in the list since the last question. The executor knows no durations and no jobs here, so only policies
// that need neither are offered. No clock, no threads, no CUDA: time is an argument.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_POLICY_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_POLICY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace paella::scheduler_daemon {

// The command at the head of a stream, all of whose dependencies are met.
struct ReadyCommand {
  std::uint64_t client;
  std::uint32_t tenant;        // small number, stable while the tenant has clients
  std::uint32_t stream;        // of that client
  std::uint64_t arrival;       // counts all commands in the order in which the daemon read them
};

class Policy {
 public:
  virtual ~Policy() = default;

  virtual std::string_view name() const = 0;

  // The index in `ready` (never empty) of the command to run next.
  virtual std::size_t Pick(std::span<const ReadyCommand> ready, std::uint64_t now_ns) = 0;

  // `command` was handed to the GPU.
  virtual void OnDispatched(const ReadyCommand& command, std::uint64_t now_ns) {
    (void)command;
    (void)now_ns;
  }
};

// A new policy by name, or null if there is none of that name.
std::unique_ptr<Policy> MakePolicy(std::string_view name);

std::vector<std::string> PolicyNames();

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_POLICY_H_
