#include "shim/submission.h"

#include <unistd.h>

#include <bit>
#include <cstring>
#include <ctime>

#include "ipc/futex.h"
#include "shim/log.h"

namespace paella::shim {
namespace {

static_assert(ipc::kReplySlots == 32, "the free slots are one 32-bit word");

constexpr int kSpinsForRoom = 2000;
constexpr std::chrono::milliseconds kSliceForRoom{1};
constexpr int kSlicesPerLook = 100;  // how often a long wait asks whether the daemon lives
constexpr unsigned kQuestionsPerLook = 32;  // the same of queries in a tight loop

std::int64_t CoarseNowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);  // a few nanoseconds, and steps of 1 to 10 ms
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

thread_local constinit unsigned questions_without_look = 0;

CUresult Submission::AfterLastWords(CUresult error) const {
  WriteLastWords(channel_.last_words());
  return error;
}

bool Submission::DaemonIsAlive() {
  if (!socket_.PeerIsGone()) return true;
  int none = CUDA_SUCCESS;
  if (failure_.compare_exchange_strong(none, CUDA_ERROR_DEVICE_UNAVAILABLE, std::memory_order_relaxed)) {
    Log("the daemon is gone");
  }
  return false;
}

void Submission::LookForDaemonNowAndThen(std::int64_t now_ms) {
  constexpr std::int64_t kBetweenLooksMs = 100;
  std::int64_t last = last_look_ms_.load(std::memory_order_relaxed);
  if (now_ms - last < kBetweenLooksMs) return;
  if (last_look_ms_.compare_exchange_strong(last, now_ms, std::memory_order_relaxed)) DaemonIsAlive();
}

CUresult Submission::PostWait(std::uint32_t stream, std::uint32_t other_stream, std::uint64_t other_sequence) {
  if (IsComplete(other_stream, other_sequence)) return Failure();
  ipc::WaitForSequence message;
  message.stream = stream;
  message.other_stream = other_stream;
  message.other_sequence = other_sequence;
  return PostCommand(message);
}

CUresult Submission::NotReadyAfterALook() {
  // Asked again within one step of the clock: a tight loop. One who asks now and then looks every time.
  static thread_local constinit std::int64_t asked_before_ms = 0;
  const std::int64_t now_ms = CoarseNowMs();
  questions_without_look = now_ms == asked_before_ms ? kQuestionsPerLook - 1 : 0;
  asked_before_ms = now_ms;
  LookForDaemonNowAndThen(now_ms);
  const CUresult failure = Failure();
  return failure != CUDA_SUCCESS ? failure : CUDA_ERROR_NOT_READY;
}

void Submission::WakeDaemon() {
  std::uint32_t asleep = ipc::kDaemonAsleep;
  // Relaxed: RingDoorbell, which saw it asleep, has made the order.
  if (channel_.header().daemon_sleeps.compare_exchange_strong(asleep, ipc::kDaemonRung, std::memory_order_relaxed)) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(doorbell_fd_, &one, sizeof one);  // a full eventfd is a rung one
  }
  // A daemon that died asleep stays so: here it is noticed.
  LookForDaemonNowAndThen(CoarseNowMs());
}

std::span<std::byte> Submission::ReserveSlowly(ipc::MessageKind kind, std::size_t size_bytes) {
  const auto number = static_cast<std::uint32_t>(kind);
  for (int i = 0; i < kSpinsForRoom; ++i) {
    ipc::CpuRelax();
    if (const auto out = ring_.Reserve(number, size_bytes); !out.empty()) return out;
  }
  std::atomic<std::uint32_t>& news = channel_.header().news;
  for (int slice = 1; Failure() == CUDA_SUCCESS; ++slice) {
    ipc::FutexWait(news, news.load(std::memory_order_relaxed), kSliceForRoom);
    if (const auto out = ring_.Reserve(number, size_bytes); !out.empty()) return out;
    if (slice % kSlicesPerLook == 0 && !DaemonIsAlive()) break;
  }
  return {};
}

CUresult Submission::WaitFor(std::uint32_t stream, std::uint64_t sequence, ipc::WaitStyle style) {
  const auto done = [&] { return IsComplete(stream, sequence); };
  if (!done() && !waiter_.Wait(style, done, [this] { return DaemonIsAlive(); })) return Failure();
  channel_.header().waits_ended.fetch_add(1, std::memory_order_relaxed);
  BringText();
  return CUDA_SUCCESS;
}

bool Submission::TakeReplySlot(std::uint32_t& slot) {
  for (int round = 1; Failure() == CUDA_SUCCESS; ++round) {
    std::uint32_t free = free_reply_slots_.load(std::memory_order_relaxed);
    while (free != 0) {
      slot = static_cast<std::uint32_t>(std::countr_zero(free));
      if (free_reply_slots_.compare_exchange_weak(free, free & (free - 1), std::memory_order_acquire)) return true;
    }
    ipc::FutexWait(free_reply_slots_, 0, kSliceForRoom);  // all in use: more threads wait for the daemon than slots exist
    if (round % kSlicesPerLook == 0) DaemonIsAlive();
  }
  return false;
}

void Submission::GiveReplySlot(std::uint32_t slot) {
  if (free_reply_slots_.fetch_or(1u << slot, std::memory_order_release) == 0) ipc::FutexWakeAll(free_reply_slots_);
}

CUresult Submission::AwaitReply(std::uint32_t slot, std::vector<std::byte>& data) {
  ipc::ReplySlot& reply = channel_.reply(slot);
  const auto done = [&] { return reply.ready.load(std::memory_order_acquire) != 0; };  // pairs with the executor's store
  if (!waiter_.Wait(ipc::WaitStyle::kAuto, done, [this] { return DaemonIsAlive(); })) {
    return Failure();  // the slot stays taken: the executor may still write it
  }
  const auto result = static_cast<CUresult>(reply.result);
  const std::size_t size = std::min<std::size_t>(reply.size_bytes, sizeof reply.data);
  data.assign(reply.data, reply.data + size);
  reply.ready.store(0, std::memory_order_relaxed);  // before the next call with this slot is posted
  GiveReplySlot(slot);
  return result;
}

}  // namespace paella::shim
