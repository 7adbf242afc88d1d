#include "shim/pinned_blocks.h"

#include <algorithm>
#include <bit>

#include "shim/allocate.h"

namespace paella::shim {
namespace {

constexpr std::uint64_t kLeastBytes = 4096;
constexpr std::uint64_t kMostBytes = 1ull << 40;  // more than any machine has

}  // namespace

CUresult PinnedBlocks::Take(std::uint64_t size_bytes, PinnedBlock& block) {
  if (size_bytes > kMostBytes) return CUDA_ERROR_OUT_OF_MEMORY;
  const std::uint64_t size = std::bit_ceil(std::max(size_bytes, kLeastBytes));  // so that few sizes serve all
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(spare_, [&](const Spare& spare) {
      return spare.block.size_bytes == size && submission_.IsComplete(spare.stream, spare.sequence);
    });
    if (found != spare_.end()) {
      block = found->block;
      spare_.erase(found);
      return CUDA_SUCCESS;
    }
  }
  Allocation allocation;  // of no context: it stays
  allocation.size_bytes = size;
  allocation.kind = MemoryKind::kHost;
  const CUresult result = MakeAllocation(submission_, allocations_, allocation);
  if (result != CUDA_SUCCESS) return result;
  block = {allocation.base, size};
  return CUDA_SUCCESS;
}

void PinnedBlocks::GiveAfter(const PinnedBlock& block, std::uint32_t stream, std::uint64_t sequence) {
  const std::lock_guard lock(mutex_);
  spare_.push_back({block, stream, sequence});
}

}  // namespace paella::shim
