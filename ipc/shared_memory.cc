#include "ipc/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace paella::ipc {
namespace {

constexpr int kResizeSeals = F_SEAL_SHRINK | F_SEAL_GROW;
constexpr int kTextSeals = kResizeSeals | F_SEAL_WRITE;

// MAP_FIXED_NOREPLACE is only a hint to kernels before 4.17: what landed elsewhere is refused.
std::span<std::byte> MapAt(std::uint64_t address, std::size_t size_bytes, int protection, int flags, int fd,
                           std::uint64_t offset = 0) {
  if (address != 0) flags |= MAP_FIXED_NOREPLACE;
  void* memory = mmap(reinterpret_cast<void*>(address), size_bytes, protection, flags, fd, static_cast<off_t>(offset));
  if (memory == MAP_FAILED) return {};
  if (address != 0 && reinterpret_cast<std::uint64_t>(memory) != address) {
    munmap(memory, size_bytes);
    errno = EEXIST;
    return {};
  }
  return {static_cast<std::byte*>(memory), size_bytes};
}

}  // namespace

void Fd::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

Mapping Mapping::Shared(int fd, std::size_t size_bytes, std::uint64_t address, std::uint64_t offset) {
  return Mapping(MapAt(address, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, offset));
}

Mapping Mapping::Inaccessible(std::uint64_t address, std::size_t size_bytes) {
  return Mapping(MapAt(address, size_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1));
}

void Mapping::Reset() {
  if (valid()) munmap(memory_.data(), memory_.size());
  memory_ = {};
}

Fd MakeSealedMemory(const char* name, std::size_t size_bytes) {
  Fd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return fd;
  if (ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0 || fcntl(fd.get(), F_ADD_SEALS, kResizeSeals) != 0) {
    const int error = errno;
    fd.Reset();
    errno = error;
  }
  return fd;
}

Fd MakeSealedText(const char* name, std::string_view text) {
  Fd fd(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
  bool is_written = fd.valid() && text.size() <= kMaxTextBytes;
  while (is_written && !text.empty()) {
    const ssize_t size = write(fd.get(), text.data(), text.size());
    is_written = size > 0 || (size < 0 && errno == EINTR);
    if (size > 0) text.remove_prefix(static_cast<std::size_t>(size));
  }
  if (!is_written || fcntl(fd.get(), F_ADD_SEALS, kTextSeals) != 0) {
    const int error = errno;
    fd.Reset();
    errno = error;
  }
  return fd;
}

std::optional<std::string> ReadSealedText(int fd) {
  struct stat status;
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kTextSeals) != kTextSeals || fstat(fd, &status) != 0) return std::nullopt;
  if (status.st_size < 0 || static_cast<std::size_t>(status.st_size) > kMaxTextBytes) return std::nullopt;
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t size = pread(fd, text.data() + done, text.size() - done, static_cast<off_t>(done));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return std::nullopt;
    done += static_cast<std::size_t>(size);
  }
  return text;
}

bool IsSealedMemory(int fd, std::size_t size_bytes) {
  struct stat status;
  const int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kResizeSeals) == kResizeSeals && fstat(fd, &status) == 0 &&
         static_cast<std::size_t>(status.st_size) == size_bytes;
}

}  // namespace paella::ipc
