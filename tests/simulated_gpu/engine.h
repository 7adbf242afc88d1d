// The GPU at work: what streams were told to do, in order, on workers that stand for the SMs and the copy engines.
//
//   API threads ── Enqueue ──▶ operations ── ready ──▶ block scheduler ── placed ──▶ blocks ──▶ workers
//                              (a graph of                (queues, SMs)    started ──▶ copies, host functions
//                               dependencies)
//
// An operation is ready when everything before it in its stream is done, what it waits for is done, and, for a wait on a
// value, the value is there. Workers run blocks slice by slice in turn, so that a spinning block hangs nobody.
// One engine for the process, never destroyed; its threads are detached. Everything behind one mutex, which no thread
// takes while it holds the memory gate.
#ifndef PAELLA_TESTS_SIMULATED_GPU_ENGINE_H_
#define PAELLA_TESTS_SIMULATED_GPU_ENGINE_H_

#include <cuda.h>

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "tests/simulated_gpu/block.h"
#include "tests/simulated_gpu/block_scheduler.h"
#include "tests/simulated_gpu/objects.h"
#include "tests/simulated_gpu/settings.h"

namespace paella::simulated_gpu {

struct Operation {
  // What it does. A marker (an event, a wait) has neither work nor a launch.
  std::function<CUresult()> work;        // on a worker; its error fails the context
  bool on_host_thread = false;           // a host function: may take long, and may not delay the GPU
  std::function<bool()> holds;           // asked again and again before it is ready
  std::shared_ptr<const Launch> launch;
  BlockResources per_block{};
  bool cooperative = false;
  std::function<void()> after;           // when it is done or was dropped, on any thread, engine unlocked

  // Guarded by the engine.
  enum class State : std::uint8_t { kWaiting, kPolling, kReady, kRunnable, kRunning, kDone };
  State state = State::kWaiting;
  Context* context = nullptr;
  std::uint32_t unmet = 0;
  std::vector<std::shared_ptr<Operation>> dependents;
  ItemId item = 0;
  std::uint64_t finished_ns = 0;
  bool cancelled = false;
};

class Engine {
 public:
  static Engine& Get();

  const Settings& settings() const { return settings_; }
  SmLimits limits() const;
  std::uint64_t BlocksPerDevice(const BlockResources& block) const;

  std::shared_ptr<Stream> MakeStream(Context* context, unsigned flags, int priority, bool legacy = false);

  // Appends to the stream; `after_event` (may be null) must be done first as well.
  void Enqueue(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Operation>& operation,
               const std::shared_ptr<Operation>& after_event = nullptr);
  void Record(const std::shared_ptr<Event>& event, const std::shared_ptr<Stream>& stream);
  std::shared_ptr<Operation> Recorded(const Event& event);

  // Blocks until it is done; a null operation is.
  void Wait(const std::shared_ptr<Operation>& operation);
  bool IsDone(const std::shared_ptr<Operation>& operation);
  std::shared_ptr<Operation> LastOf(const Stream& stream);
  void WaitForContext(Context* context);

  // Sets the sticky error (the first one stays) and drops all work of the context.
  void Fail(Context* context, CUresult error);

  static std::uint64_t NowNs();

 private:
  struct PlacedBlock {
    std::shared_ptr<Operation> operation;
    std::unique_ptr<Block> block;
    std::uint32_t sm;
  };
  using Lock = std::unique_lock<std::mutex>;

  Engine();
  void Work();
  void HostWork();
  bool Poll(Lock& lock);
  void RunWork(Lock& lock, const std::shared_ptr<Operation>& operation);
  void RunBlock(Lock& lock, PlacedBlock placed);
  void AddDependency(const std::shared_ptr<Operation>& operation, const std::shared_ptr<Operation>& on);
  void AddStreamDependencies(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Operation>& operation);
  void BecomeReady(const std::shared_ptr<Operation>& operation);
  void Pump();
  void Start(const ScheduleAction& action);
  void Complete(const std::shared_ptr<Operation>& operation);
  void FailLocked(Context* context, CUresult error);
  void DropLocked(const std::shared_ptr<Operation>& operation);
  void RunAfter(Lock& lock);

  const Settings settings_;
  const std::unique_ptr<Clock> clock_;
  std::mutex mutex_;
  std::condition_variable work_, host_work_, done_;
  BlockScheduler scheduler_;
  std::unordered_map<ItemId, std::shared_ptr<Operation>> operations_;  // not done yet
  std::deque<std::shared_ptr<Operation>> runnable_, host_runnable_;
  std::deque<PlacedBlock> blocks_;
  std::vector<std::shared_ptr<Operation>> polling_;
  std::vector<std::function<void()>> after_;
  std::uint64_t last_poll_ns_ = 0;
  std::uint64_t next_stream_id_ = 1;
  std::uint32_t next_queue_ = 0;
};

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_ENGINE_H_
