// Physical streams, and the marks by which the executor sees how far each of them is.
//
// A mark is a 64-bit word of the executor's own pinned memory, one for each physical stream, which the GPU writes behind
// a command (cuStreamWriteValue64). Another stream can be made to wait for it (cuStreamWaitValue64), but only once the
// write is in its queue: so nothing that a client does can leave a hardware queue waiting.
//
// Each has a priority, by the class of its tenant (priority_bands.h). When as many are there as there are hardware queues, one
// that is idle is made anew with another priority, or for another share of the SMs, before a further one is added.
//
// Dispatching thread only.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_GPU_STREAMS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_GPU_STREAMS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/priority_bands.h"
#include "scheduler_daemon/executor/sm_shares.h"

namespace paella::scheduler_daemon {

struct GpuStream {
  CUstream stream = nullptr;
  std::int32_t priority = 0;
  std::shared_ptr<SmShare> share{};               // null: all SMs
  std::atomic<std::uint64_t>* word = nullptr;     // written by the GPU
  std::atomic<std::uint64_t>* landing = nullptr;  // beside it: for 8 bytes that somebody copies out of device memory
  std::uint64_t marked = 0;                    // the last value that a mark was issued for

  CUdeviceptr address() const { return reinterpret_cast<CUdeviceptr>(word); }
  bool drained() const { return word->load(std::memory_order_acquire) == marked; }
};

class GpuStreams {
 public:
  static constexpr std::size_t kMaxStreams = 4096;
  // Hardware queues of a context (CUDA_DEVICE_MAX_CONNECTIONS, which the executor sets to this): the most there are.
  static constexpr std::size_t kHardwareQueues = 32;

  // `by_class`: else streams have the priorities that programs ask for.
  GpuStreams(const Driver& driver, bool by_class) : driver_(driver), by_class_(by_class) {}
  ~GpuStreams();
  GpuStreams(const GpuStreams&) = delete;

  // Pins the words and makes the first streams, so that a client's first command does not wait for that.
  CUresult Start();

  // For each class, how many others have streams of greater priority.
  std::array<std::size_t, 3> Bands() const;
  // Whether no two streams share a hardware queue. The driver deals them out as streams are made, and does not say that one
  // which is made in place of another gets its queue: so all count that ever were.
  bool OneQueueEach() const { return made_ <= kHardwareQueues; }
  // A drained stream for work of that class, whose program asked for a priority, on the SMs of a share (null: on all). Null:
  // the driver gives no more.
  GpuStream* Take(TenantClass tenant_class, std::int32_t own_priority, const std::shared_ptr<SmShare>& share = nullptr);
  // One whose work goes before all else.
  GpuStream* TakeFirst() { return TakeOf(bands_.greatest(), nullptr); }
  void Return(GpuStream* stream);  // drained
  // Nobody takes streams of it any more. It ends with the last of them that is under way.
  void Retire(SmShare& share);

  // How long a mark takes from its call until it is seen, on an idle GPU; the least of a few, 0 if none was seen soon.
  // Waits.
  CUresult MeasureSightLatency(std::uint64_t& latency_ns);
  // The stream's word becomes `value`, greater than any before, when all that was issued to it is done.
  CUresult Mark(GpuStream& stream, std::uint64_t value);
  // What is issued to `stream` from now on waits for a mark that `other` was given.
  CUresult WaitFor(GpuStream& stream, const GpuStream& other, std::uint64_t value);

 private:
  std::int32_t PriorityOf(TenantClass tenant_class, std::int32_t own) const;
  GpuStream* TakeOf(std::int32_t priority, const std::shared_ptr<SmShare>& share);
  GpuStream* Make(std::int32_t priority, const std::shared_ptr<SmShare>& share);
  CUresult Create(CUstream& stream, std::int32_t priority, const SmShare* share);
  void MakeAnew(GpuStream& stream, std::int32_t priority, const std::shared_ptr<SmShare>& share);

  const Driver& driver_;
  const bool by_class_;
  PriorityBands bands_{0, 0};
  std::atomic<std::uint64_t>* words_ = nullptr;
  std::vector<std::unique_ptr<GpuStream>> all_;
  std::size_t made_ = 0;
  using Kind = std::pair<const SmShare*, std::int32_t>;  // and priority
  std::map<Kind, std::vector<GpuStream*>> idle_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_GPU_STREAMS_H_
