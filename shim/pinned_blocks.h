// Pinned memory that the shim uses for itself, on behalf of graphs that copy from and to pageable memory. Blocks are
// used again and stay until the process ends: giving one back to the daemon would wait for the client's work.
//
// Any thread. Owns all blocks.
#ifndef PAELLA_SHIM_PINNED_BLOCKS_H_
#define PAELLA_SHIM_PINNED_BLOCKS_H_

#include <cstdint>
#include <mutex>
#include <vector>

#include "shim/allocations.h"
#include "shim/cuda_api.h"
#include "shim/submission.h"

namespace paella::shim {

struct PinnedBlock {
  std::uint64_t address = 0;
  std::uint64_t size_bytes = 0;
};

class PinnedBlocks {
 public:
  PinnedBlocks(Submission& submission, Allocations& allocations) : submission_(submission), allocations_(allocations) {}

  CUresult Take(std::uint64_t size_bytes, PinnedBlock& block);
  // The block may be taken again once this command has completed.
  void GiveAfter(const PinnedBlock& block, std::uint32_t stream, std::uint64_t sequence);

 private:
  struct Spare {
    PinnedBlock block;
    std::uint32_t stream;
    std::uint64_t sequence;
  };

  Submission& submission_;
  Allocations& allocations_;
  std::mutex mutex_;
  std::vector<Spare> spare_;  // under mutex_
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_PINNED_BLOCKS_H_
