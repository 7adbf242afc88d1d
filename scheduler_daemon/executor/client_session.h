// One client in the executor: its channel, its streams, and everything it owns on the GPU.
//
//   ring ─▶ Poll (dispatching thread) ─▶ posts become commands in `streams`      ─▶ scheduler.h
//                                     └▶ calls go to `worker` (may wait: loads, maps) ─▶ reply slot
//
// The record handlers check all that the client says before it becomes a command: stream, order, kernel number,
// parameter size, and that each address belongs to the client. Failed checks of protocol end the client; what CUDA
// would report as an asynchronous error becomes the client's sticky error.
//
// Dispatching thread: Poll, streams. Worker: the call handlers. Objects that both use are behind ClientObjects' lock.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_SESSION_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_SESSION_H_

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ipc/channel.h"
#include "ipc/shared_memory.h"
#include "messages.h"
#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/client_objects.h"
#include "scheduler_daemon/executor/shared_events.h"
#include "scheduler_daemon/executor/stream_table.h"
#include "scheduler_daemon/executor/worker.h"

namespace paella::scheduler_daemon {

class ClientSession {
 public:
  struct Resources {
    ipc::Mapping channel;
    ipc::Mapping arena;
    ipc::Fd arena_memory;  // the arena, to be mapped elsewhere too
    ipc::Fd doorbell;
  };

  ClientSession(const Driver& driver, CUcontext context, ModuleCache& modules, PrintedText& printed,
                ipc::ClientAttach identity, Resources resources, std::shared_ptr<Tenant> tenant);
  ~ClientSession();  // after the client's last command is done

  // Reads which callbacks have run, and up to `limit` records, as long as there is room for what they ask for. Returns how
  // many there were. `read`: now, and when it was polled before.
  std::size_t Poll(std::size_t limit, std::uint64_t& arrivals, const ReadTimes& read);

  // Set once: why the client has to end, empty while it is well.
  const std::string& broken() const { return broken_; }
  void SetStickyError(CUresult result);
  // What is left to say when the context is lost, before the sticky error: what the client's kernels printed, and
  // `errors` (at most AssertionCapture::kCapacityBytes).
  void SetLastWords(std::string_view errors);
  // The stream is done up to `sequence`: tells the client's memory, not yet its sleeping threads (Announce).
  void Complete(std::uint32_t stream, std::uint64_t sequence);
  // Wakes the client's threads if anything changed since the last time.
  void Announce();
  // Answers who waited for a shared event that is complete now.
  void AnswerEventWaiters();
  // Hands the stream's head to the client. False if the client does not take callbacks out fast enough: try again.
  bool PostCallback(std::uint32_t stream);
  // Forgets all that was not given to the GPU: the client is gone or broken. No head was given to it in part.
  void DropWaiting();
  // Has the graph of a launch cut into slices: some of its later launches will have them. One graph at a time.
  void Slice(const Command& launch, SliceBegins begins);
  bool is_slicing() const { return is_slicing_.load(); }

  const ipc::ClientAttach& identity() const { return identity_; }
  const ipc::Channel& channel() const { return channel_; }
  int doorbell() const { return resources_.doorbell.get(); }
  Tenant& tenant() { return *tenant_; }
  StreamTable& streams() { return streams_; }
  // Whether [address, address + size) is memory that the client may use so.
  bool Owns(std::uint64_t address, std::uint64_t size_bytes, RangeUse use) const {
    return objects_.Owns(address, size_bytes, use);
  }
  const std::shared_ptr<ClientText>& text() const { return objects_.text(); }
  // How often the client says that it was told of the end of its work.
  std::uint32_t waits_ended() const { return channel_.header().waits_ended.load(std::memory_order_relaxed); }
  bool ready() const { return ready_.load(std::memory_order_acquire); }

  std::atomic<std::uint64_t> launches{0};
  std::uint64_t slices = 0;  // of graphs, that went to the GPU

  // Handlers of posts, called by ipc::DispatchRecord.
  void On(const ipc::StreamCreate& message);
  void On(const ipc::StreamDestroy& message);
  void On(ipc::LaunchKernel&& message);
  void On(const ipc::Copy& message);
  void On(const ipc::CopyFromStaging& message);
  void On(const ipc::CopyToStaging& message);
  void On(const ipc::CopyStrided& message);
  void On(const ipc::CopyArray& message);
  void On(const ipc::Memset& message);
  void On(const ipc::WaitForSequence& message);
  void On(const ipc::HostCallback& message);
  void On(const ipc::StreamSetPriority& message);
  void On(const ipc::WriteValue& message);
  void On(const ipc::WaitValue& message);
  void On(const ipc::RecordTime& message);
  void On(const ipc::EventDestroy& message);
  void On(const ipc::LaunchGraph& message);
  void On(const ipc::GraphDestroy& message);
  void On(const ipc::FreeInOrder& message);
  void On(const ipc::UploadChunk& message);
  void On(const ipc::TextureDestroy& message);
  void On(const ipc::SurfaceDestroy& message);

  // Calls about shared events are about the order of commands: they are answered here and now (client_sharing.cc).
  void OnCall(std::uint32_t slot, const ipc::SharedEventCreate& call);
  void OnCall(std::uint32_t slot, const ipc::SharedEventOpen& call);
  void OnCall(std::uint32_t slot, const ipc::SharedEventRecord& call);
  void OnCall(std::uint32_t slot, const ipc::SharedEventWait& call);
  void OnCall(std::uint32_t slot, const ipc::SharedEventState& call);

  // Every other call runs on the worker: ClientObjects::Handle(call, reply), then the answer.
  template <typename Call>
  void OnCall(std::uint32_t slot, const Call& call) {
    if (slot >= ipc::kReplySlots) return Break("a call names a reply slot that does not exist");
    if (worker_.queued() > kMaxQueuedCalls || parked_calls_ >= ipc::kReplySlots) {
      return Break("more calls wait than there are reply slots");
    }
    const Span taken = TakesAway(call) ? SpanOf(call) : Span{};
    if (taken.size_bytes != 0 && !BeginRetiring(taken)) return;
    auto job = [this, slot, call, taken] {
      typename ipc::ReplyOf<Call>::Type reply;
      const CUresult result = objects_.Handle(call, reply);
      if (taken.size_bytes != 0) objects_.ranges().EndRetiring(taken.address, taken.size_bytes);
      AnswerWith(slot, result, reply);
    };
    if constexpr (std::is_same_v<Call, ipc::LibraryUnload>) objects_.RetireLibrary(call.library);
    if constexpr (std::is_same_v<Call, ipc::ArrayDestroy>) objects_.arrays().RetireArray(call.array);
    if (TakesAway(call)) {
      ++parked_calls_;
      streams_.WhenDone([this, job] {
        --parked_calls_;
        worker_.Post(job);
      });
    } else {
      worker_.Post(job);
    }
  }

 private:
  // What a client may have waiting in software. Beyond it its ring is not read, and when that is full its threads wait: so
  // a client that posts faster than its work gets done costs no more than this. The driver itself stops a thread at about
  // a thousand commands in a stream's hardware queue, of which there are 32: programs that run there run here.
  static constexpr std::size_t kMaxWaitingCommands = 1 << 16;
  static constexpr std::uint64_t kMaxWaitingBytes = 64 << 20;
  // Answers and frees in stream order. Each call holds a reply slot until it is answered.
  static constexpr std::size_t kMaxQueuedCalls = 1 << 16;
  // Threads that wait for shared events hold their reply slots: some must stay free for what ends the waiting.
  static constexpr std::size_t kMaxEventWaiters = ipc::kReplySlots / 2;

  struct Span {
    std::uint64_t address = 0;
    std::uint64_t size_bytes = 0;
  };
  // The memory that a call takes away, nothing if it takes something else.
  template <typename Call>
  static constexpr Span SpanOf(const Call& call) {
    if constexpr (requires { call.address; call.size_bytes; }) {
      return {call.address, call.size_bytes};
    } else if constexpr (requires { call.address; }) {
      return {call.address, 1};  // whatever starts there
    } else {
      return {};
    }
  }
  bool BeginRetiring(const Span& taken);

  // Calls that must not pull something from under a command that was read before them. PhysicalRelease and AddressFree
  // are not among them: memory stays as long as it is mapped, and addresses are only freed when nothing is mapped
  // there, so it is the unmapping before them that waited.
  template <typename Call>
  static constexpr bool TakesAway(const Call& call) {
    if constexpr (std::is_same_v<Call, ipc::AddressSetAccess>) {
      return call.access != CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    } else {
      return std::is_same_v<Call, ipc::LibraryUnload> || std::is_same_v<Call, ipc::FreeDevice> ||
             std::is_same_v<Call, ipc::FreeHost> || std::is_same_v<Call, ipc::UnregisterHost> ||
             std::is_same_v<Call, ipc::AddressUnmap> || std::is_same_v<Call, ipc::ArrayDestroy> ||
             std::is_same_v<Call, ipc::MemoryClose>;
    }
  }

  void Break(std::string reason);
  bool HasRoom() const {
    return streams_.waiting_commands() < kMaxWaitingCommands && streams_.waiting_bytes() < kMaxWaitingBytes;
  }
  std::size_t EndCallbacks();
  void Answer(std::uint32_t slot, CUresult result, const std::vector<std::byte>& payload);
  template <typename Reply>
  void AnswerWith(std::uint32_t slot, CUresult result, const Reply& reply) {
    std::vector<std::byte> payload(reply.EncodedSize());
    reply.Encode(payload);
    Answer(slot, result, payload);
  }
  // Null, and the client is ended: it names a reply slot or an event that does not exist.
  SharedEvent* EventOfCall(std::uint32_t slot, std::uint64_t event);
  // Queues a GPU command; a failed check of its arguments (`valid` false) makes it an asynchronous error.
  void Enqueue(std::uint32_t stream, std::uint64_t sequence, const Work& work, bool valid,
               std::function<CUresult(CUstream)> issue);
  void EnqueueCommand(Command&& command);
  // The same of a copy or a memset; one without a form ends the client.
  template <typename Transfer>
  void EnqueueTransfer(const Transfer& transfer, std::function<CUresult(CUstream)> issue);
  // What the policy knows a copy or a memset by.
  Work WorkOfTransfer(ipc::MessageKind kind, std::uint64_t size_bytes, std::uint64_t destination,
                      std::uint64_t source) const;
  void EnqueueMarker(std::uint32_t stream, std::uint64_t sequence, std::vector<Dependency> dependencies);
  std::byte* Staging(std::uint64_t offset, std::uint64_t size_bytes) const;

  const Driver& driver_;
  const ipc::ClientAttach identity_;
  Resources resources_;
  const ipc::Channel channel_;
  ipc::RingReader reader_;
  std::shared_ptr<Tenant> tenant_;
  ClientObjects objects_;
  StreamTable streams_;
  std::string broken_;
  std::uint64_t* arrivals_ = nullptr;  // valid during Poll
  ReadTimes read_;
  bool has_news_ = false;
  // Ours; the shared ones are for the client. Between them are the callbacks that it was handed and has not run.
  std::uint64_t callback_tail_ = 0;
  std::uint64_t callback_head_ = 0;
  std::deque<Dependency> handed_callbacks_;
  std::size_t parked_calls_ = 0;  // until what was read before them is done
  ClientSharedEvents shared_events_;
  struct EventWaiter {
    std::uint32_t slot;
    std::shared_ptr<SharedRecord> record;
  };
  std::vector<EventWaiter> event_waiters_;
  std::vector<std::byte> record_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> is_slicing_{false};
  Worker worker_;  // last: its thread uses everything above
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_SESSION_H_
