#include "shim/device_text.h"

#include <algorithm>
#include <cstdio>

#include "shim/submission.h"

namespace paella::shim {
namespace {

void Write(std::FILE* file, const void* text, std::size_t bytes) {
  if (bytes == 0) return;
  std::fwrite(text, 1, bytes, file);
  std::fflush(file);
}

void FetchAndWrite(Submission& submission) {
  ipc::TextTake message;
  ipc::TextTakeReply reply;
  message.bring = 1;
  do {
    if (submission.Call(message, reply) != CUDA_SUCCESS) return;
    Write(stdout, reply.text.data(), reply.text.size());
    message.bring = 0;
  } while (reply.more != 0);
}

}  // namespace

void DeviceText::Expect(std::uint32_t stream, std::uint64_t sequence) noexcept {
  std::uint64_t latest = latest_[stream].load(std::memory_order_relaxed);
  while (latest < sequence && !latest_[stream].compare_exchange_weak(latest, sequence, std::memory_order_relaxed)) {
  }
  expected_.fetch_add(1, std::memory_order_release);  // pairs with Bring: who sees it sees `latest_`
}

bool DeviceText::AllAreDone(const Submission& submission) const {
  for (std::uint32_t stream = 0; stream < ipc::kMaxStreams; ++stream) {
    const std::uint64_t latest = latest_[stream].load(std::memory_order_relaxed);
    if (latest != 0 && !submission.IsComplete(stream, latest)) return false;
  }
  return true;
}

void DeviceText::BringNow(Submission& submission) noexcept try {
  const std::lock_guard lock(mutex_);
  const std::uint64_t expected = expected_.load(std::memory_order_acquire);
  if (expected == brought_.load(std::memory_order_relaxed)) return;
  // Before fetching: what ends only meanwhile may have printed too late for it.
  const bool all_are_done = AllAreDone(submission);
  FetchAndWrite(submission);
  if (all_are_done) brought_.store(expected, std::memory_order_release);
} catch (...) {  // no memory: the text is lost, and the program's call is not
}

void WriteLastWords(const ipc::LastWords& words) noexcept {
  static std::once_flag once;
  std::call_once(once, [&] {
    const std::size_t output = std::min<std::size_t>(words.output_bytes, sizeof words.text);
    const std::size_t errors = std::min<std::size_t>(words.error_bytes, sizeof words.text - output);
    Write(stdout, words.text, output);
    Write(stderr, words.text + output, errors);
  });
}

}  // namespace paella::shim
