// The way to the daemon: posts commands into the ring and makes calls, in the order in which the program's threads
// arrive. Also keeps each stream's count of commands, and knows when the daemon is gone.
//
// Any thread. Owns the ring's writing end and the reply slots; borrows the channel and the control socket.
#ifndef PAELLA_SHIM_SUBMISSION_H_
#define PAELLA_SHIM_SUBMISSION_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "ipc/channel.h"
#include "ipc/control_socket.h"
#include "ipc/submission_ring.h"
#include "ipc/waiting.h"
#include "messages.h"
#include "shim/cuda_api.h"
#include "shim/device_text.h"
#include "shim/submission_lock.h"

namespace paella::shim {

// How many of this thread's next queries need not look whether the daemon lives: reading even the coarse clock is a third
// of a query. More than none only while the thread asks in a tight loop.
extern thread_local constinit unsigned questions_without_look;

class Submission {
 public:
  // `barriers`: the executor makes process barriers before it sleeps, and this process has registered for them.
  Submission(ipc::Channel channel, int doorbell_fd, const ipc::ControlSocket& socket, bool barriers)
      : channel_(channel),
        doorbell_fd_(doorbell_fd),
        socket_(socket),
        barriers_(barriers),
        ring_(channel.ring()),
        waiter_(channel) {}

  // What every call returns once the daemon, or this client in it, has failed; else CUDA_SUCCESS.
  CUresult Failure() const {
    const std::uint32_t sticky = channel_.header().sticky_error.load(std::memory_order_acquire);
    if (sticky != 0) [[unlikely]] return AfterLastWords(static_cast<CUresult>(sticky));
    return static_cast<CUresult>(failure_.load(std::memory_order_relaxed));
  }

  // A record that is no command of a stream.
  template <typename Message>
  CUresult Post(const Message& message) {
    const std::size_t size = message.EncodedSize();
    const auto encode = [&](std::span<std::byte> out) { message.Encode(out); };
    return Append(Message::kKind, size, encode);
  }

  // A command: gets its stream's next sequence, which is also stored in the message.
  template <typename Message>
  CUresult PostCommand(Message& message) {
    const std::size_t size = message.EncodedSize();
    const std::uint32_t stream = message.stream;
    return PostCommandAs(Message::kKind, stream, size, [&](std::span<std::byte> out, std::uint64_t sequence) {
      message.sequence = sequence;
      message.Encode(out);
    });
  }

  // A command whose bytes `encode(out, sequence)` writes straight into the ring.
  template <typename Encode>
  CUresult PostCommandAs(ipc::MessageKind kind, std::uint32_t stream, std::size_t size_bytes, Encode encode) {
    return Append(kind, size_bytes, [&](std::span<std::byte> out) {
      const std::uint64_t sequence = posted_[stream].load(std::memory_order_relaxed) + 1;
      encode(out, sequence);
      posted_[stream].store(sequence, std::memory_order_release);  // pairs with Posted
    });
  }

  // What a stream is given from now on comes after another stream's command; nothing is posted if that is complete.
  CUresult PostWait(std::uint32_t stream, std::uint32_t other_stream, std::uint64_t other_sequence);

  // The sequence of a stream's last command.
  std::uint64_t Posted(std::uint32_t stream) const { return posted_[stream].load(std::memory_order_acquire); }
  bool IsComplete(std::uint32_t stream, std::uint64_t sequence) const {
    return channel_.completed(stream).load(std::memory_order_acquire) >= sequence;  // pairs with the executor's store
  }
  // What the client's kernels printed before is out when it returns.
  CUresult WaitFor(std::uint32_t stream, std::uint64_t sequence, ipc::WaitStyle style);
  DeviceText& text() { return text_; }
  // What a synchronising call that found nothing to wait for has left to do.
  void BringText() { text_.Bring(*this); }

  // What a query answers that found work unfinished; the gate has looked for a failure just before. A program may do
  // nothing but ask, so this is where it learns that the daemon is gone.
  CUresult NotReady() {
    if (questions_without_look != 0) [[likely]] {
      --questions_without_look;
      return CUDA_ERROR_NOT_READY;
    }
    return NotReadyAfterALook();
  }

  // After anything was written into the channel that the daemon is to see: wakes it if it sleeps.
  void RingDoorbell() {
    std::atomic<std::uint32_t>& sleeps = channel_.header().daemon_sleeps;
    if (barriers_) [[likely]] {
      // The executor's barrier orders our record before this look, or its look at the ring behind our record.
      std::atomic_signal_fence(std::memory_order_seq_cst);
      if (sleeps.load(std::memory_order_relaxed) != 0) [[unlikely]] WakeDaemon();
      return;
    }
    // A read-modify-write, as the executor's is before it sleeps: if ours is first, the executor's acquires our record;
    // if its is first, we see that it sleeps. The line changes hands only when the executor goes to sleep.
    if (sleeps.fetch_add(0, std::memory_order_acq_rel) != 0) [[unlikely]] WakeDaemon();
  }

  // A command of a stream that is answered, too.
  template <typename Message>
  CUresult CallCommand(Message& message, typename ipc::ReplyOf<Message>::Type& reply) {
    const std::size_t size = sizeof(std::uint32_t) + message.EncodedSize();
    const auto post = [&](std::uint32_t slot) {
      return PostCommandAs(Message::kKind, message.stream, size, [&](std::span<std::byte> out, std::uint64_t sequence) {
        std::memcpy(out.data(), &slot, sizeof slot);
        message.sequence = sequence;
        message.Encode(out.subspan(sizeof slot));
      });
    };
    return AnswerOf<Message>(post, reply);
  }

  // Waits for the answer. `reply` is filled on success, and where the daemon says more about an error.
  template <typename Message>
  CUresult Call(const Message& message, typename ipc::ReplyOf<Message>::Type& reply) {
    const std::size_t size = sizeof(std::uint32_t) + message.EncodedSize();
    const auto post = [&](std::uint32_t slot) {
      return Append(Message::kKind, size, [&](std::span<std::byte> out) {
        std::memcpy(out.data(), &slot, sizeof slot);
        message.Encode(out.subspan(sizeof slot));
      });
    };
    return AnswerOf<Message>(post, reply);
  }

 private:
  template <typename Encode>
  CUresult Append(ipc::MessageKind kind, std::size_t size_bytes, Encode encode) {
    if (const CUresult failure = Failure(); failure != CUDA_SUCCESS) [[unlikely]] return failure;
    if (size_bytes > ring_.max_payload_bytes()) [[unlikely]] return CUDA_ERROR_INVALID_VALUE;
    {
      const std::lock_guard lock(lock_);
      std::span<std::byte> out = ring_.Reserve(static_cast<std::uint32_t>(kind), size_bytes);
      if (out.empty()) [[unlikely]] {
        out = ReserveSlowly(kind, size_bytes);
        if (out.empty()) return Failure();
      }
      encode(out);
      ring_.Commit();
    }
    RingDoorbell();
    return CUDA_SUCCESS;
  }

  // `post(slot)` posts the call, which names that slot.
  template <typename Message, typename Post>
  CUresult AnswerOf(Post post, typename ipc::ReplyOf<Message>::Type& reply) {
    std::uint32_t slot = 0;
    if (!TakeReplySlot(slot)) return Failure();
    if (const CUresult posted = post(slot); posted != CUDA_SUCCESS) {
      GiveReplySlot(slot);
      return posted;
    }
    std::vector<std::byte> data;
    const CUresult result = AwaitReply(slot, data);
    const bool decoded = reply.Decode(data);
    return result == CUDA_SUCCESS && !decoded ? CUDA_ERROR_UNKNOWN : result;
  }

  CUresult AfterLastWords(CUresult error) const;
  void WakeDaemon();
  std::span<std::byte> ReserveSlowly(ipc::MessageKind kind, std::size_t size_bytes);
  bool TakeReplySlot(std::uint32_t& slot);
  void GiveReplySlot(std::uint32_t slot);
  CUresult AwaitReply(std::uint32_t slot, std::vector<std::byte>& data);
  bool DaemonIsAlive();  // false, and a failure from then on, once the control socket is closed
  CUresult NotReadyAfterALook();
  void LookForDaemonNowAndThen(std::int64_t now_ms);

  ipc::Channel channel_;
  int doorbell_fd_;
  const ipc::ControlSocket& socket_;
  const bool barriers_;
  ipc::RingWriter ring_;  // under lock_
  ipc::ChannelWaiter waiter_;
  DeviceText text_;
  SubmissionLock lock_;
  std::atomic<int> failure_{CUDA_SUCCESS};
  std::atomic<std::int64_t> last_look_ms_{0};
  std::atomic<std::uint32_t> free_reply_slots_{~0u};  // a bit each
  std::atomic<std::uint64_t> posted_[ipc::kMaxStreams] = {};  // stored under lock_
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_SUBMISSION_H_
