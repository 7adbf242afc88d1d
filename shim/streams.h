// What the program's stream handles mean: numbers of the channel, chosen here, whose commands Submission counts.
//
// Any thread. Owns the stream objects; an object's memory is kept for the next stream, so a stale handle is refused or
// means a newer stream, and never touches freed memory.
#ifndef PAELLA_SHIM_STREAMS_H_
#define PAELLA_SHIM_STREAMS_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "ipc/channel.h"
#include "shim/contexts.h"
#include "shim/cuda_api.h"
#include "shim/handle_map.h"
#include "shim/stream_attributes.h"
#include "shim/submission.h"

namespace paella::shim {

inline constexpr std::uint32_t kLegacyStream = 0;

// What capture makes of a stream's calls. Read without a lock at each of them.
enum class CaptureState : std::uint8_t {
  kNone,
  kActive,       // they become nodes of a graph
  kInvalidated,  // they fail until the capture is ended
  kForbidden,    // the legacy stream while a blocking stream is captured
};

struct Stream {
  std::uint32_t number = 0;
  unsigned flags = 0;
  std::atomic<int> priority{0};
  std::uint64_t id = 0;
  Context* context = nullptr;
  std::atomic<CUsynchronizationPolicy> wait_policy{CU_SYNC_POLICY_AUTO};
  StreamHints hints;  // under the lock of Streams for them
  std::atomic<CaptureState> capture_state{CaptureState::kNone};  // stored by Captures

  bool IsOrdinary() const { return capture_state.load(std::memory_order_acquire) == CaptureState::kNone; }
  bool IsBlocking() const { return (flags & CU_STREAM_NON_BLOCKING) == 0; }
};

class Streams {
 public:
  explicit Streams(Submission& submission) : submission_(submission) {}

  // The stream of a handle, the default ones included; null if there is none such. May post the creation of this
  // thread's own default stream.
  Stream* Find(CUstream handle) {
    return reinterpret_cast<std::uintptr_t>(handle) > 2 ? by_handle_.Find(handle) : FindDefault(handle);
  }

  Stream& legacy() { return legacy_; }
  CUresult Create(unsigned flags, int priority, Context* context, CUstream& handle);
  CUresult Destroy(CUstream handle);
  void DestroyAllOf(const Context& context);

  // Whether all that `stream` promises to cover is done. The legacy stream covers the blocking streams.
  bool IsDone(const Stream& stream) const {
    return stream.number != kLegacyStream ? IsIdle(stream.number) : LegacyIsDone();
  }
  CUresult SetAttribute(Stream& stream, CUstreamAttrID attribute, const CUstreamAttrValue& value);
  CUresult GetAttribute(const Stream& stream, CUstreamAttrID attribute, CUstreamAttrValue& value);
  CUresult CopyAttributes(Stream& to, const Stream& from);

  // For events of a whole context (api/context_events.cc). A stream of ours that has just been made to wait for all
  // that was posted; the stream that holds others back; and that all streams, later ones too, wait for what is in that
  // now.
  CUresult StreamBehindAll(Stream*& stream);
  CUresult Gate(Stream*& stream);
  CUresult HoldAllBehindGate();

  CUresult Synchronize(const Stream& stream, ipc::WaitStyle style);
  CUresult SynchronizeAll(ipc::WaitStyle style);

 private:
  bool IsCoveredByLegacy(std::uint32_t number) const {
    return number == kLegacyStream || !non_blocking_[number].load(std::memory_order_relaxed);
  }
  bool IsIdle(std::uint32_t number) const { return submission_.IsComplete(number, submission_.Posted(number)); }
  bool LegacyIsDone() const;
  CUresult SetPriority(Stream& stream, int priority);
  CUresult OwnStream(std::atomic<Stream*>& own, Stream*& stream);
  bool TakeNumber(std::uint32_t& number);
  Stream* FindDefault(CUstream handle);
  Stream* PerThreadStream() noexcept;
  template <typename Covered>
  CUresult WaitForEach(ipc::WaitStyle style, Covered covered);

  Submission& submission_;
  HandleMap<Stream> by_handle_;
  Stream legacy_;
  std::mutex own_mutex_;   // held while one of the next two is made, and while it is made to wait
  std::atomic<Stream*> behind_all_{nullptr};
  std::atomic<Stream*> gate_{nullptr};
  std::mutex hints_mutex_;
  std::mutex mutex_;
  std::vector<Stream*> spare_;                                // under mutex_
  std::vector<std::uint32_t> free_numbers_;                   // under mutex_; destroyed streams', oldest first
  std::atomic<std::uint32_t> numbers_used_{1};                // the legacy stream's is 0
  std::atomic<bool> non_blocking_[ipc::kMaxStreams] = {};     // of the stream that has the number, or had it last
  std::atomic<std::uint64_t> next_id_{3};                     // 1 and 2 are the default streams'
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_STREAMS_H_
