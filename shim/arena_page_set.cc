#include "shim/arena_page_set.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>

#include "ipc/channel.h"

namespace paella::shim {

ArenaPageSet::ArenaPageSet(std::uint64_t arena_bytes)
    : size_bytes_(ipc::PageAligned(arena_bytes / ipc::kPageBytes / 8 + 1)) {
  void* const memory = mmap(nullptr, size_bytes_, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  words_ = memory == MAP_FAILED ? nullptr : static_cast<Word*>(memory);
}

ArenaPageSet::~ArenaPageSet() {
  if (valid()) munmap(words_, size_bytes_);
}

void ArenaPageSet::Insert(std::uint64_t offset) {
  const std::uint64_t page = offset / ipc::kPageBytes;
  words_[page / kBitsPerWord].fetch_or(1ull << page % kBitsPerWord, std::memory_order_relaxed);
}

void ArenaPageSet::Erase(std::uint64_t offset) {
  const std::uint64_t page = offset / ipc::kPageBytes;
  words_[page / kBitsPerWord].fetch_and(~(1ull << page % kBitsPerWord), std::memory_order_relaxed);
}

std::uint64_t ArenaPageSet::FirstIn(std::uint64_t offset, std::uint64_t end) const {
  std::uint64_t page = offset / ipc::kPageBytes;
  const std::uint64_t end_page = end / ipc::kPageBytes;
  while (page < end_page) {
    const std::uint64_t word = words_[page / kBitsPerWord].load(std::memory_order_relaxed) >> page % kBitsPerWord;
    if (word != 0) {
      page += static_cast<std::uint64_t>(std::countr_zero(word));
      return std::min(page, end_page) * ipc::kPageBytes;
    }
    page += kBitsPerWord - page % kBitsPerWord;
  }
  return end;
}

}  // namespace paella::shim
