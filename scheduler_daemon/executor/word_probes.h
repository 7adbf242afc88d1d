// Looks at words of device memory for streams that wait until something holds of them (cuStreamWaitValue), without
// leaving a hardware queue waiting: a copy of the word, seen done, and if need be another one a little later.
//
//   Look ─▶ copy + mark on a physical stream ─▶ Look: done? holds? ─▶ else again after a pause, which doubles each time
//
// Dispatching thread only. Owns the looks that are on the GPU; the memory must stay until they are done (Collect).
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_WORD_PROBES_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_WORD_PROBES_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>

#include "scheduler_daemon/executor/gpu_streams.h"
#include "scheduler_daemon/executor/word_condition.h"

namespace paella::scheduler_daemon {

class WordProbes {
 public:
  static constexpr std::uint64_t kFirstPauseNs = 20'000;
  static constexpr std::uint64_t kLongestPauseNs = 1'000'000;
  // Looks at once: each takes a physical stream, and beyond 32 of those streams share hardware queues for good.
  static constexpr std::size_t kMostInFlight = 4;

  // Who looks: a stream of a client.
  using Looker = std::pair<const void*, std::uint32_t>;

  WordProbes(const Driver& driver, GpuStreams& gpu_streams) : driver_(driver), gpu_streams_(gpu_streams) {}

  // Whether the condition of the looker's command number `sequence` was seen to hold. An error of the driver goes to
  // `result`.
  bool Look(const Looker& looker, std::uint64_t sequence, const WordCondition& word, std::uint64_t now_ns,
            CUresult& result);
  // After all streams that wait have looked: who has not looked since the last round waits no more.
  void EndRound();
  // An error of what is on the GPU, if any is.
  CUresult CheckHealth() const;
  // Whether nothing of the client is on the GPU any more; it looks no more.
  bool Forget(const void* client);
  bool in_flight() const { return in_flight_ != 0; }

 private:
  struct Probe {
    GpuStream* gpu = nullptr;  // null: none is on its way
    std::uint64_t sequence = 0;
    std::uint64_t next_ns = 0;
    std::uint64_t pause_ns = kFirstPauseNs;
    std::uint64_t round = 0;  // when its looker looked last
  };

  // Whether the client may start a look now; else it is its turn after those that were refused before.
  bool TakeTurn(const void* client);
  void Land(Probe& probe);
  CUresult Start(Probe& probe, const WordCondition& word, std::uint64_t now_ns);

  const Driver& driver_;
  GpuStreams& gpu_streams_;
  std::map<Looker, Probe> probes_;
  std::deque<const void*> refused_;  // clients, each once: when there is room, the first has the next look
  std::size_t in_flight_ = 0;
  std::uint64_t round_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_WORD_PROBES_H_
