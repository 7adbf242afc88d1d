// How much of the tenants' work may be on the GPU at once, in predicted time: what is there keeps the order in which it
// went, whatever arrives later.
//
// While one tenant is alone nothing is bounded here. As soon as another one is connected, with work or without, two
// bounds hold, both loose enough that the GPU does not run dry before the next completion is seen:
//
//   of a stream        no more is sent while this much of it is still to run, but always one command
//   of all tenants     the same of all streams, where a command that fills a tenth of the GPU counts for a tenth of its
//                      time; but always as many side by side as fill the GPU
//
// What a command's stream passes on the GPU by its priority (CommandFeed::SetBands) keeps it from nothing.
//
// What is still to run of a command that runs shrinks with time, whatever the GPU does. What waits behind it in its
// stream counts until it runs; but if that command takes far longer than predicted, no more: nobody waits for what may
// never end.
#ifndef PAELLA_SCHEDULER_DAEMON_POLICIES_IN_FLIGHT_LIMITS_H_
#define PAELLA_SCHEDULER_DAEMON_POLICIES_IN_FLIGHT_LIMITS_H_

#include <cstdint>

namespace paella::scheduler_daemon {

struct InFlightLimits {
  std::uint64_t stream_ahead_ns = 100'000;
  std::uint64_t total_ahead_ns = 100'000;
  // A command takes far longer than predicted when it takes so many times as long, and this.
  std::uint64_t overdue_factor = 8;
  std::uint64_t patience_ns = 2'000'000;
  std::uint64_t longest_patience_ns = 50'000'000;
  // For how long a command counts at most while it runs, whatever is predicted.
  std::uint64_t longest_count_ns = 20'000'000;
  // How long work is held at most for another's: best-effort work while latency work is there, under a policy that goes
  // by classes; and what fills the GPU while a job that goes before it has something in flight and more to come.
  std::uint64_t longest_hold_ns = 20'000'000;
  // Best-effort work is held for so long after latency work, too: who is served without a pause comes back in a moment.
  std::uint64_t linger_ns = 0;
  // How long a slice of a graph should take at most; 0: graphs go as they are.
  std::uint64_t slice_ns = 100'000;
  // No command goes before the one before it is done, whatever the other bounds say: the order is exactly the policy's,
  // and the GPU idle in between.
  bool one_at_a_time = false;
  // Predicted work of a stream after which its progress should be seen.
  std::uint64_t mark_every_ns = 25'000;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_POLICIES_IN_FLIGHT_LIMITS_H_
