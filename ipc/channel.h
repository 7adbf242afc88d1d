// The channel: the shared memory between one client and the daemon, and its whole layout.
//
//   ┌ ChannelHeader ┬ completion words ┬ callback queue ┬ last words ┬ reply slots ┬ submission ring ┬ staging area ┐
//
//   part              written by   read by     what
//   header            both         both        see each field
//   completion words  executor     client      one 64-bit word per stream: sequence of its last finished command
//   callback queue    both         both        host callbacks that are due, and how many of them have run
//   last words        executor     client      what the client's kernels wrote before its sticky error
//   reply slots       executor     client      answers of calls; a slot belongs to the client thread that waits for it
//   submission ring   client       executor    submission_ring.h
//   staging area      both         GPU         bytes of pageable copies on their way; the client allots it
//
// One memfd per client, made and sized by paellad and sealed against resizing, so that no side can pull the memory from
// under the other. The executor trusts nothing it reads here and keeps its own copy of everything that it needs back.
#ifndef PAELLA_IPC_CHANNEL_H_
#define PAELLA_IPC_CHANNEL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "ipc/submission_ring.h"

namespace paella::ipc {

// Of the channel, of the messages and of the control socket together. Both sides must have the same.
inline constexpr std::uint32_t kProtocolVersion = 3;

// Bits of Hello's and Welcome's `features`: what a side knows that the other may be too old for.
inline constexpr std::uint64_t kFeatureUnsupportedCalls = 1;  // the packet UnsupportedCall
inline constexpr std::uint64_t kFeatureProcessBarriers = 2;   // the executor makes them before it sleeps (process_barrier.h)

inline constexpr std::uint32_t kMaxStreams = 1024;
inline constexpr std::uint32_t kReplySlots = 32;
inline constexpr std::size_t kReplySlotBytes = 16384;
inline constexpr std::uint32_t kCallbackQueueEntries = 1024;
inline constexpr std::size_t kRingBytes = 1 << 20;
inline constexpr std::size_t kStagingBytes = 16 << 20;
// Of physical GPU memory: what cuMemGetAllocationGranularity says on every GPU so far.
inline constexpr std::uint64_t kPhysicalGranularityBytes = 2 << 20;

inline constexpr std::uint32_t kDaemonAsleep = 1, kDaemonRung = 2;

struct ChannelHeader {
  // CUresult; once not 0 it stays. Stored by executor or paellad (release); every wait of the client looks at it.
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> sticky_error;
  // Set by the executor just before it sleeps: the client commits a record and then looks here; the executor sets
  // kDaemonAsleep here and then looks at the ring. One of them sees the other: by the executor's process barrier
  // (kFeatureProcessBarriers), or by read-modify-writes on both sides. The client that rings makes it kDaemonRung:
  // others need not, however long the executor takes to get up and set 0.
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> daemon_sleeps;
  // Number of the client's threads that sleep on `news`. By read-modify-writes, the other way round.
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> client_sleepers;
  // A futex. The daemon adds 1 and wakes all sleepers after it changed anything that a client waits for.
  std::atomic<std::uint32_t> news;
  // How often a thread of the client has been told that work is done: a hint to the executor of where jobs end, which may
  // be anything. Added to by the client (relaxed: the ring orders it before what is posted next).
  alignas(kCacheLineBytes) std::atomic<std::uint32_t> waits_ended;
};

struct CallbackEntry {
  std::uint64_t callback;
  std::uint64_t sequence;
  std::uint32_t stream;
  std::uint32_t reserved;
};

// The client runs them one after the other. That one has run is told here and not in the ring: the ring may be full of
// commands that wait for this very callback.
struct CallbackQueue {
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> tail;  // executor (release): how many were due so far
  alignas(kCacheLineBytes) std::atomic<std::uint64_t> head;  // client (release): how many of them have run
  CallbackEntry entries[kCallbackQueueEntries];              // entry n lies at n % kCallbackQueueEntries
};

// Text of the client's kernels that nobody can be asked for any more: printed, and of assertions. Written once, before
// the sticky error, whose store (release) publishes it.
struct LastWords {
  static constexpr std::size_t kCapacityBytes = (64 << 10) - 8;
  std::uint32_t output_bytes;  // for standard output: the first bytes of `text`
  std::uint32_t error_bytes;   // for standard error: those behind them
  char text[kCapacityBytes];
};

struct ReplySlot {
  // 0: waiting. 1: the answer is there. Cleared by the client before the call, set by the executor (release).
  std::atomic<std::uint32_t> ready;
  std::uint32_t result;  // CUresult
  std::uint32_t size_bytes;
  std::uint32_t reserved;
  std::byte data[kReplySlotBytes - 16];
};
static_assert(sizeof(ReplySlot) == kReplySlotBytes);

inline constexpr std::size_t kPageBytes = 4096;
inline constexpr std::size_t PageAligned(std::size_t bytes) { return (bytes + kPageBytes - 1) & ~(kPageBytes - 1); }

inline constexpr std::size_t kCompletionOffset = PageAligned(sizeof(ChannelHeader));
inline constexpr std::size_t kCallbackOffset = kCompletionOffset + PageAligned(kMaxStreams * sizeof(std::uint64_t));
inline constexpr std::size_t kLastWordsOffset = kCallbackOffset + PageAligned(sizeof(CallbackQueue));
inline constexpr std::size_t kReplyOffset = kLastWordsOffset + PageAligned(sizeof(LastWords));
inline constexpr std::size_t kRingControlOffset = kReplyOffset + kReplySlots * kReplySlotBytes;
inline constexpr std::size_t kRingOffset = kRingControlOffset + PageAligned(sizeof(RingControl));
inline constexpr std::size_t kStagingOffset = kRingOffset + kRingBytes;
inline constexpr std::size_t kChannelBytes = kStagingOffset + kStagingBytes;

// Typed views of one mapped channel. Owns nothing.
class Channel {
 public:
  Channel() = default;
  // `memory`: kChannelBytes, mapped readable and writable, zero when new.
  explicit Channel(std::byte* memory) : memory_(memory) {}

  ChannelHeader& header() const { return At<ChannelHeader>(0); }
  std::atomic<std::uint64_t>& completed(std::uint32_t stream) const {
    return (&At<std::atomic<std::uint64_t>>(kCompletionOffset))[stream];
  }
  CallbackQueue& callbacks() const { return At<CallbackQueue>(kCallbackOffset); }
  LastWords& last_words() const { return At<LastWords>(kLastWordsOffset); }
  ReplySlot& reply(std::uint32_t slot) const { return (&At<ReplySlot>(kReplyOffset))[slot]; }
  RingMemory ring() const { return {&At<RingControl>(kRingControlOffset), {memory_ + kRingOffset, kRingBytes}}; }
  std::span<std::byte> staging() const { return {memory_ + kStagingOffset, kStagingBytes}; }

  // Daemon: tells a client that sleeps on `news` to look again. A system call only if somebody sleeps.
  void AnnounceNews() const;

  // Daemon: gives the client an error that stays, unless it has one, and wakes whoever waits.
  void SetStickyError(std::uint32_t result) const;

 private:
  template <typename T>
  T& At(std::size_t offset) const {
    return *reinterpret_cast<T*>(memory_ + offset);
  }

  std::byte* memory_ = nullptr;
};

}  // namespace paella::ipc

#endif  // PAELLA_IPC_CHANNEL_H_
