// Physical streams, and the marks by which the executor sees how far each of them is.
//
// A mark is a 64-bit word of the executor's own pinned memory, one for each physical stream, which the GPU writes behind
// a command (cuStreamWriteValue64). Another stream can be made to wait for it (cuStreamWaitValue64), but only once the
// write is in its queue: so nothing that a client does can leave a hardware queue waiting.
//
// Dispatching thread only.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_GPU_STREAMS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_GPU_STREAMS_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "scheduler_daemon/driver.h"

namespace paella::scheduler_daemon {

struct GpuStream {
  CUstream stream = nullptr;
  std::int32_t priority = 0;
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

  explicit GpuStreams(const Driver& driver) : driver_(driver) {}
  ~GpuStreams();
  GpuStreams(const GpuStreams&) = delete;

  // Pins the words and makes the first streams, so that a client's first command does not wait for that.
  CUresult Start();

  // The priority that the GPU gives to a stream that asks for `priority`.
  std::int32_t Possible(std::int32_t priority) const;
  // Whether no two streams share a hardware queue.
  bool OneQueueEach() const { return all_.size() <= kHardwareQueues; }
  // A drained stream of that priority. Null: the driver gives no more.
  GpuStream* Take(std::int32_t priority);
  GpuStream* TakeFirst() { return Take(greatest_priority_); }
  void Return(GpuStream* stream) { idle_[stream->priority].push_back(stream); }  // drained

  // How long a mark takes from its call until it is seen, on an idle GPU; the least of a few, 0 if none was seen soon.
  // Waits.
  CUresult MeasureSightLatency(std::uint64_t& latency_ns);
  // The stream's word becomes `value`, greater than any before, when all that was issued to it is done.
  CUresult Mark(GpuStream& stream, std::uint64_t value);
  // What is issued to `stream` from now on waits for a mark that `other` was given.
  CUresult WaitFor(GpuStream& stream, const GpuStream& other, std::uint64_t value);

 private:
  GpuStream* Make(std::int32_t priority);

  const Driver& driver_;
  int least_priority_ = 0;
  int greatest_priority_ = 0;
  std::atomic<std::uint64_t>* words_ = nullptr;
  std::vector<std::unique_ptr<GpuStream>> all_;
  std::map<std::int32_t, std::vector<GpuStream*>> idle_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_GPU_STREAMS_H_
