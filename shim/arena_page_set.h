// A set of pages of the arena, a bit each, which the child of a fork can read whatever the parent's threads were doing:
// no lock, no allocation. Any thread. Owns its bits, which cost memory only where some are set.
#ifndef PAELLA_SHIM_ARENA_PAGE_SET_H_
#define PAELLA_SHIM_ARENA_PAGE_SET_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace paella::shim {

class ArenaPageSet {
 public:
  explicit ArenaPageSet(std::uint64_t arena_bytes);
  ~ArenaPageSet();
  ArenaPageSet(const ArenaPageSet&) = delete;

  // False: there was no memory for it, and nothing can be inserted.
  bool valid() const { return words_ != nullptr; }

  // By the page's offset in the arena.
  void Insert(std::uint64_t offset);
  void Erase(std::uint64_t offset);
  // The first of them in [offset, end), or `end`.
  std::uint64_t FirstIn(std::uint64_t offset, std::uint64_t end) const;

 private:
  using Word = std::atomic<std::uint64_t>;
  static constexpr std::uint64_t kBitsPerWord = 64;

  std::size_t size_bytes_;
  Word* words_;
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_ARENA_PAGE_SET_H_
