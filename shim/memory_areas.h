// What this process has mapped where, as the kernel tells it: /proc/self/maps, an area at a time. Allocates nothing, so
// it also serves in the child of a fork. One thread at a time.
#ifndef PAELLA_SHIM_MEMORY_AREAS_H_
#define PAELLA_SHIM_MEMORY_AREAS_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace paella::shim {

struct MemoryArea {
  std::uint64_t begin = 0, end = 0;
  bool readable = false, writable = false, executable = false, shared = false;
  std::uint64_t offset = 0;         // in the file
  std::uint64_t device = 0, inode = 0;  // as fstat tells them; 0: no file
  std::string_view name;            // a path or a word in brackets, or nothing; until the next area
};

class MemoryAreas {
 public:
  MemoryAreas();
  ~MemoryAreas();
  MemoryAreas(const MemoryAreas&) = delete;

  // False: the kernel does not tell, for want of a descriptor above all.
  bool opened() const { return fd_ >= 0; }

  // By address. False: there are no more.
  bool Next(MemoryArea& area);

 private:
  bool Refill();

  static constexpr std::size_t kBufferBytes = 8192;  // more than a line, which holds at most a path

  int fd_;
  std::size_t begin_ = 0, end_ = 0;  // what of the buffer is not told yet
  char buffer_[kBufferBytes];
};

// A line of it. False: it is none.
bool ParseMemoryArea(std::string_view line, MemoryArea& area);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_MEMORY_AREAS_H_
