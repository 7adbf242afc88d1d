// The GPU in virtual time: hardware queues in front of one pool of room on all SMs.
//
//   queue 0 │ kernel │ kernel │─▶ head ─▶ started kernels, in the order of their start ─▶ pool: SMs × threads of an SM
//   queue 1 │ kernel │         ─▶ head ─▶                                            blocks take room, and give it back
//
// A kernel starts when it is the head of its queue and its stream's earlier kernels are complete; until then all behind
// it wait, of whichever stream: head-of-line blocking. It leaves the queue when all its blocks are placed. Blocks of
// one kernel that are placed in one moment also end in one, as one event: that is what makes a million kernels a second
// possible. Room is pooled over the SMs: blocks that would not fit any single SM can be placed here.
#ifndef PAELLA_SCHEDULER_DAEMON_SIMULATOR_GPU_MODEL_H_
#define PAELLA_SCHEDULER_DAEMON_SIMULATOR_GPU_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <queue>
#include <vector>

namespace paella::scheduler_daemon {

struct GpuDescription {
  std::uint32_t sms = 132;
  std::uint32_t threads_of_sm = 2'048;
  std::uint32_t queues = 32;
};

struct KernelRequest {
  std::uint32_t token = 0;   // small number, not in use: names it in the answer
  std::uint32_t stream = 0;  // of the whole machine; stream % queues is its queue
  std::uint32_t blocks = 1;
  std::uint32_t threads = 128;   // that a block takes of an SM, counting what other resources exclude
  std::uint64_t block_ns = 1'000;
};

class GpuModel {
 public:
  static constexpr std::uint64_t kIdle = std::numeric_limits<std::uint64_t>::max();

  explicit GpuModel(const GpuDescription& description)
      : free_threads_(std::uint64_t{description.sms} * description.threads_of_sm), queues_(description.queues) {}

  // More threads than the GPU has never start: the caller checks (Fits).
  void Submit(const KernelRequest& kernel, std::uint64_t now_ns);
  // Of the GPU that a kernel fills, at most 1.
  double ShareOf(std::uint32_t blocks, std::uint32_t threads) const {
    const double all = static_cast<double>(free_threads_ + used_threads_);
    return std::min(1.0, static_cast<double>(blocks) * threads / all);
  }
  bool Fits(const KernelRequest& kernel) const { return kernel.threads <= free_threads_ + used_threads_; }

  // When something ends next.
  std::uint64_t next_ns() const { return ends_.empty() ? kIdle : ends_.top().at_ns; }
  // Up to now_ns, which is at most next_ns(). Adds the tokens of completed kernels to `completed`.
  void Advance(std::uint64_t now_ns, std::vector<std::uint32_t>& completed);

  // For how long any block has been running.
  std::uint64_t busy_ns(std::uint64_t now_ns) const {
    return busy_ns_ + (used_threads_ > 0 ? now_ns - busy_since_ns_ : 0);
  }

 private:
  struct Kernel {
    KernelRequest request;
    std::uint32_t to_place = 0;
    std::uint32_t running = 0;
  };
  struct End {
    std::uint64_t at_ns;
    std::uint64_t order;  // of equal times: determinism
    std::uint32_t token;
    std::uint32_t blocks;

    friend bool operator>(const End& a, const End& b) {
      return a.at_ns != b.at_ns ? a.at_ns > b.at_ns : a.order > b.order;
    }
  };

  void StartHead(std::uint32_t queue);
  void Place(std::uint64_t now_ns);
  void PlaceBlocks(Kernel& kernel, std::uint64_t now_ns);
  void Use(std::uint64_t threads, std::uint64_t now_ns);
  void GiveBack(std::uint64_t threads, std::uint64_t now_ns);

  std::uint64_t free_threads_;
  std::uint64_t used_threads_ = 0;
  std::uint64_t busy_ns_ = 0;
  std::uint64_t busy_since_ns_ = 0;
  std::vector<std::deque<std::uint32_t>> queues_;  // tokens
  std::vector<Kernel> kernels_;                    // by token
  std::vector<bool> stream_busy_;                  // a kernel of it has started and is not complete
  std::vector<std::uint32_t> started_;             // with blocks to place, in the order of their start
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  std::uint64_t order_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_SIMULATOR_GPU_MODEL_H_
