// Events: a point in a stream, remembered at the record, so that queries and waits need nobody. Any thread. Owns the
// event objects; their memory is kept for the next event, as with streams.
#ifndef PAELLA_SHIM_EVENTS_H_
#define PAELLA_SHIM_EVENTS_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "shim/cuda_api.h"
#include "shim/handle_map.h"
#include "shim/streams.h"
#include "shim/submission.h"

namespace paella::shim {

struct Event {
  unsigned flags = 0;
  std::uint64_t number = 0;              // what the daemon calls it; never used again
  bool opened = false;                   // by cuIpcOpenEventHandle
  std::uint64_t token_high = 0, token_low = 0;  // of one that others may open
  std::atomic<bool> recorded{false};
  std::atomic<std::uint64_t> point{0};   // stream and sequence in one word, so that no reader sees half a record
  std::atomic<std::uint64_t> capture{0};  // the capture that the last record was in; 0: in none. Stored by Captures

  bool IsShared() const { return (flags & CU_EVENT_INTERPROCESS) != 0; }
  bool HasTiming() const { return (flags & CU_EVENT_DISABLE_TIMING) == 0; }
};

class Events {
 public:
  explicit Events(Submission& submission) : submission_(submission) {}

  Event* Find(CUevent handle) const { return by_handle_.Find(handle); }
  CUevent Create(unsigned flags);
  // One that other processes may open, and one of theirs.
  CUresult CreateShared(unsigned flags, CUevent& handle);
  CUresult Open(ipc::SharedEventOpen& message, CUevent& handle);
  CUresult Destroy(CUevent handle);

  CUresult Record(Event& event, const Stream& stream);
  CUresult Query(const Event& event);
  CUresult Synchronize(const Event& event, ipc::WaitStyle style);
  CUresult MakeWait(const Stream& stream, const Event& event);
  CUresult ElapsedTime(const Event& start, const Event& end, float& milliseconds);

 private:
  Event* Take(unsigned flags);
  void PutBack(Event* event);
  CUevent Insert(Event* event);
  bool IsComplete(const Event& event) const;
  CUresult PostMarker(const Stream& stream, std::uint64_t& sequence);

  Submission& submission_;
  HandleMap<Event> by_handle_;
  std::mutex mutex_;
  std::vector<Event*> spare_;  // under mutex_
  std::atomic<std::uint64_t> next_number_{1};
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_EVENTS_H_
