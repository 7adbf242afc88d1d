// What the program has said about its managed memory: advice, and where it asked it to be moved last. Managed memory
// here is pinned memory of the host, which moves nowhere and needs no advice, so all of it is kept only to be told to
// who asks.
//
// Any thread. Owns nothing. In pages, as natively.
#ifndef PAELLA_SHIM_MANAGED_HINTS_H_
#define PAELLA_SHIM_MANAGED_HINTS_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "shim/cuda_api.h"

namespace paella::shim {

struct ManagedHints {
  bool read_mostly = false;
  bool accessed_by_gpu = false, accessed_by_host = false;
  CUmemLocation preferred{};      // of type CU_MEM_LOCATION_TYPE_INVALID: none, as in the next one
  CUmemLocation last_prefetch{};
};

class ManagedHintTable {
 public:
  // Calls `change` with the hints of all that lies in the range, a piece at a time.
  template <typename Change>
  void Set(std::uint64_t address, std::uint64_t size_bytes, Change change) {
    const std::lock_guard lock(mutex_);
    const auto [begin, end] = Cut(address, size_bytes);
    for (auto piece = begin; piece != end; ++piece) change(piece->second.hints);
  }
  // What holds for the whole range; a location only if it is the same everywhere.
  ManagedHints Get(std::uint64_t address, std::uint64_t size_bytes) const;
  // The memory is freed.
  void Forget(std::uint64_t address, std::uint64_t size_bytes);

 private:
  struct Piece {
    std::uint64_t end;
    ManagedHints hints;
  };
  using Pieces = std::map<std::uint64_t, Piece>;

  // Pieces that cover exactly the range's pages.
  std::pair<Pieces::iterator, Pieces::iterator> Cut(std::uint64_t address, std::uint64_t size_bytes);
  void CutAt(std::uint64_t address);

  mutable std::mutex mutex_;
  Pieces pieces_;  // under mutex_; by their begin. Where there is none, nothing was said.
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_MANAGED_HINTS_H_
