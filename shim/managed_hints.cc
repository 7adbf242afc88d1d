#include "shim/managed_hints.h"

#include <algorithm>
#include <iterator>

#include "ipc/channel.h"

namespace paella::shim {
namespace {

constexpr std::uint64_t kPageMask = ipc::kPageBytes - 1;

std::uint64_t PageOf(std::uint64_t address) { return address & ~kPageMask; }
std::uint64_t PageEnd(std::uint64_t address) { return (address + kPageMask) & ~kPageMask; }

bool IsSame(const CUmemLocation& left, const CUmemLocation& right) {
  return left.type == right.type && left.id == right.id;
}

// What holds for two ranges together.
ManagedHints Common(const ManagedHints& left, const ManagedHints& right) {
  ManagedHints common = left;
  common.read_mostly &= right.read_mostly;
  common.accessed_by_gpu &= right.accessed_by_gpu;
  common.accessed_by_host &= right.accessed_by_host;
  if (!IsSame(left.preferred, right.preferred)) common.preferred = {};
  if (!IsSame(left.last_prefetch, right.last_prefetch)) common.last_prefetch = {};
  return common;
}

}  // namespace

void ManagedHintTable::CutAt(std::uint64_t address) {
  const auto after = pieces_.upper_bound(address);
  if (after == pieces_.begin()) return;
  const auto piece = std::prev(after);
  if (piece->first == address || piece->second.end <= address) return;
  pieces_.emplace_hint(after, address, piece->second);
  piece->second.end = address;
}

std::pair<ManagedHintTable::Pieces::iterator, ManagedHintTable::Pieces::iterator> ManagedHintTable::Cut(
    std::uint64_t address, std::uint64_t size_bytes) {
  const std::uint64_t begin = PageOf(address), end = PageEnd(address + size_bytes);
  CutAt(begin);
  CutAt(end);
  for (std::uint64_t covered = begin; covered < end;) {
    const auto piece = pieces_.lower_bound(covered);
    if (piece != pieces_.end() && piece->first == covered) {
      covered = piece->second.end;
      continue;
    }
    const std::uint64_t gap_end = piece == pieces_.end() ? end : std::min(end, piece->first);
    pieces_.emplace_hint(piece, covered, Piece{gap_end, {}});
    covered = gap_end;
  }
  return {pieces_.lower_bound(begin), pieces_.lower_bound(end)};
}

ManagedHints ManagedHintTable::Get(std::uint64_t address, std::uint64_t size_bytes) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t end = PageEnd(address + size_bytes);
  auto piece = pieces_.upper_bound(PageOf(address));
  if (piece == pieces_.begin()) return {};
  --piece;
  std::uint64_t covered = PageOf(address);
  ManagedHints hints = piece->second.hints;
  for (; piece != pieces_.end() && piece->first <= covered && piece->second.end > covered; ++piece) {
    hints = Common(hints, piece->second.hints);
    covered = piece->second.end;
    if (covered >= end) return hints;
  }
  return {};  // of some of it nothing was said
}

void ManagedHintTable::Forget(std::uint64_t address, std::uint64_t size_bytes) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t begin = PageOf(address), end = PageEnd(address + size_bytes);
  CutAt(begin);
  CutAt(end);
  pieces_.erase(pieces_.lower_bound(begin), pieces_.lower_bound(end));
}

}  // namespace paella::shim
