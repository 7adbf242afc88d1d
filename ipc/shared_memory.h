// Descriptors and mappings that give themselves back, and the shared memory made of them.
#ifndef PAELLA_IPC_SHARED_MEMORY_H_
#define PAELLA_IPC_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace paella::ipc {

// Owns one file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.Release()) {}
  Fd& operator=(Fd&& other) noexcept {
    Reset(other.Release());
    return *this;
  }
  ~Fd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1);

 private:
  int fd_ = -1;
};

// Owns one mapping of memory.
class Mapping {
 public:
  Mapping() = default;
  Mapping(Mapping&& other) noexcept : memory_(std::exchange(other.memory_, {})) {}
  Mapping& operator=(Mapping&& other) noexcept {
    Reset();
    memory_ = std::exchange(other.memory_, {});
    return *this;
  }
  ~Mapping() { Reset(); }

  // Both sides of a shared mapping; at `address` exactly when it is not 0, and then nothing that is mapped there is
  // replaced. Invalid on failure, errno tells why.
  static Mapping Shared(int fd, std::size_t size_bytes, std::uint64_t address = 0, std::uint64_t offset = 0);

  // Addresses that nobody can use: what keeps host memory out of a window.
  static Mapping Inaccessible(std::uint64_t address, std::size_t size_bytes);

  bool valid() const { return !memory_.empty(); }
  std::byte* data() const { return memory_.data(); }
  std::size_t size() const { return memory_.size(); }
  void Reset();
  void Forget() { memory_ = {}; }  // leaves the memory mapped

 private:
  explicit Mapping(std::span<std::byte> memory) : memory_(memory) {}

  std::span<std::byte> memory_;
};

// A memfd of `size_bytes`, zero, sealed against resizing. Invalid on failure, errno tells why.
Fd MakeSealedMemory(const char* name, std::size_t size_bytes);

// Whether `fd` is a memfd of exactly `size_bytes` that nobody can resize any more.
bool IsSealedMemory(int fd, std::size_t size_bytes);

// A text too long for a packet, as memory that nobody can change any more: what is read is what was checked. Invalid on
// failure, errno tells why.
inline constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;
Fd MakeSealedText(const char* name, std::string_view text);

// The text of such memory; nothing if it is not sealed, too long, or not to be read.
std::optional<std::string> ReadSealedText(int fd);

}  // namespace paella::ipc

#endif  // PAELLA_IPC_SHARED_MEMORY_H_
