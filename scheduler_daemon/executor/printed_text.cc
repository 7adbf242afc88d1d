#include "scheduler_daemon/executor/printed_text.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace paella::scheduler_daemon {

void ClientText::Append(std::string_view text) {
  const std::lock_guard lock(mutex_);
  text_ += text;
  if (text_.size() > kCapacityBytes) text_.erase(0, text_.size() - kCapacityBytes);
}

std::string ClientText::Take(std::size_t most) {
  const std::lock_guard lock(mutex_);
  if (text_.size() <= most) return std::exchange(text_, {});
  std::string taken = text_.substr(0, most);
  text_.erase(0, most);
  return taken;
}

bool ClientText::empty() const {
  const std::lock_guard lock(mutex_);
  return text_.empty();
}

CUresult PrintedText::Start() {
  CUresult result = driver_.cuStreamCreateWithPriority(&stream_, CU_STREAM_NON_BLOCKING, 0);
  if (result != CUDA_SUCCESS) return result;
  void* memory = nullptr;
  result = driver_.cuMemHostAlloc(&memory, sizeof *word_, CU_MEMHOSTALLOC_DEVICEMAP);
  if (result != CUDA_SUCCESS) return result;
  word_ = static_cast<unsigned*>(memory);
  return capture_.Start() ? CUDA_SUCCESS : CUDA_ERROR_OPERATING_SYSTEM;
}

// cuStreamSynchronize is one of the calls at which the driver empties the buffer (CUDA programming guide, "Formatted
// output"), whichever stream printed. A stream of our own, so that nobody's work is waited for; and something in it to
// wait for, lest the driver finds that there is nothing to do.
void PrintedText::Flush() {
  driver_.cuMemsetD8Async(reinterpret_cast<CUdeviceptr>(word_), 0, sizeof *word_, stream_);
  driver_.cuStreamSynchronize(stream_);
}

void PrintedText::Bring() {
  const std::string text = capture_.Take();
  if (owner_ != nullptr) owner_->Append(text);
}

void PrintedText::PassTo(std::shared_ptr<ClientText> next, std::function<void()> done) {
  worker_.Post([this, next = std::move(next), done = std::move(done)] {
    {
      const std::lock_guard lock(mutex_);
      Flush();
      Bring();
      owner_ = next;
    }
    done();
  });
}

void PrintedText::BringTo(const ClientText& text) {
  const std::lock_guard lock(mutex_);
  if (owner_.get() != &text) return;
  Flush();
  Bring();
}

void PrintedText::BringWhatIsWritten() {
  // A worker may wait for the driver, and the driver take its time to say that the context is lost.
  constexpr std::chrono::seconds kPatience{1};
  const std::unique_lock lock(mutex_, kPatience);
  if (lock.owns_lock()) Bring();
}

}  // namespace paella::scheduler_daemon
