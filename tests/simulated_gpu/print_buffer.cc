#include "tests/simulated_gpu/print_buffer.h"

#include <cstdio>
#include <utility>

namespace paella::simulated_gpu {
namespace {

void Write(std::FILE* file, const std::string& text) {
  if (text.empty()) return;
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

}  // namespace

PrintBuffer& PrintBuffer::Get() {
  static PrintBuffer* const buffer = new PrintBuffer;  // kernels may run while the process ends
  return *buffer;
}

void PrintBuffer::Print(std::string text) {
  const std::lock_guard lock(mutex_);
  printed_bytes_ += text.size();
  printed_.push_back(std::move(text));
  while (printed_bytes_ > kCapacityBytes) {
    printed_bytes_ -= printed_.front().size();
    printed_.pop_front();
  }
}

void PrintBuffer::TellOfAssertion(std::string line) {
  const std::lock_guard lock(mutex_);
  if (assertions_.size() + line.size() <= kCapacityBytes) assertions_ += line;
}

void PrintBuffer::Flush() {
  const std::lock_guard flush_lock(flush_mutex_);
  std::string printed, assertions;
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& text : printed_) printed += text;
    printed_.clear();
    printed_bytes_ = 0;
    assertions.swap(assertions_);
  }
  Write(stdout, printed);
  Write(stderr, assertions);
}

}  // namespace paella::simulated_gpu
