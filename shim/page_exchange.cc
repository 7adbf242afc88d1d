#include "shim/page_exchange.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>

namespace paella::shim {
namespace {

// Of kernels newer than the headers that this may be built with.
constexpr int kUserModeOnly = 1;                             // UFFD_USER_MODE_ONLY
constexpr std::uint64_t kWriteProtectShared = 1ull << 12;    // UFFD_FEATURE_WP_HUGETLBFS_SHMEM
constexpr int kPopulateRead = 22;                            // MADV_POPULATE_READ

// Of this thread's stack, in both directions: more than the functions of this library have on it.
constexpr std::uint64_t kStackBytes = 256 << 10;

void* Pointer(std::uint64_t address) { return reinterpret_cast<void*>(address); }

// The instruction by itself: what of the pages does not belong to the program's buffer may be anything, also what a
// sanitizer would complain of. And no pwrite, which a limit of file sizes forbids for shared memory too.
void CopyBytes(std::uint64_t to, std::uint64_t from, std::uint64_t size_bytes) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size_bytes) : : "memory");
}

// A page that nobody has touched yet has nothing that could be protected, and one behind the end of its file cannot be
// read. False: it cannot be read, or this kernel cannot tell.
bool Populate(std::uint64_t address, std::uint64_t size_bytes) {
  return madvise(Pointer(address), size_bytes, kPopulateRead) == 0;
}

// With the kernel's own writes (a read() into the pages) waiting too, if we may; else those fail with EFAULT.
int OpenUserFaults() {
  const int fd = static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC));
  return fd >= 0 ? fd : static_cast<int>(syscall(SYS_userfaultfd, O_CLOEXEC | kUserModeOnly));
}

bool Protect(int fd, std::uint64_t address, std::uint64_t size_bytes, std::uint64_t features) {
  uffdio_api api{};
  api.api = UFFD_API;
  api.features = features;
  if (ioctl(fd, UFFDIO_API, &api) != 0) return false;
  uffdio_register range{};
  range.range = {address, size_bytes};
  range.mode = UFFDIO_REGISTER_MODE_WP;
  if (ioctl(fd, UFFDIO_REGISTER, &range) != 0 || !Populate(address, size_bytes)) return false;
  uffdio_writeprotect protect{};
  protect.range = {address, size_bytes};
  protect.mode = UFFDIO_WRITEPROTECT_MODE_WP;
  return ioctl(fd, UFFDIO_WRITEPROTECT, &protect) == 0;
}

int HoldWrites(std::uint64_t address, std::uint64_t size_bytes) {
  for (const std::uint64_t features : {UFFD_FEATURE_PAGEFAULT_FLAG_WP | kWriteProtectShared,
                                       std::uint64_t{UFFD_FEATURE_PAGEFAULT_FLAG_WP}}) {
    const int fd = OpenUserFaults();
    if (fd < 0) return -1;
    if (Protect(fd, address, size_bytes, features)) return fd;
    close(fd);
  }
  return -1;
}

// No signal handler of the program runs on this thread while it lives: it could wait for the very exchange.
class SignalsOff {
 public:
  SignalsOff() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsOff() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsOff(const SignalsOff&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

WriteHold::WriteHold(std::uint64_t address, std::uint64_t size_bytes) : fd_(HoldWrites(address, size_bytes)) {}

WriteHold::~WriteHold() {
  if (fd_ >= 0) close(fd_);  // who waits goes on, with what is there now
}

bool ExchangeForShared(std::uint64_t address, std::uint64_t size_bytes, const SharedPages& pages) {
  if (!Populate(address, size_bytes) && errno != EINVAL) return false;
  const SignalsOff signals_off;
  const WriteHold hold(address, size_bytes);
  CopyBytes(pages.address, address, size_bytes);
  // Not by the C library's function, which ThreadSanitizer takes for a write to all of it.
  return syscall(SYS_mmap, address, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
                 pages.file, pages.offset) != -1;
}

bool ExchangeForPrivate(std::uint64_t address, std::uint64_t size_bytes) {
  void* const pages = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return false;
  bool is_done = false;
  {
    const SignalsOff signals_off;
    const WriteHold hold(address, size_bytes);
    CopyBytes(reinterpret_cast<std::uintptr_t>(pages), address, size_bytes);
    is_done = mremap(pages, size_bytes, size_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, Pointer(address)) != MAP_FAILED;
  }
  if (!is_done) munmap(pages, size_bytes);
  return is_done;
}

bool MayExchange(std::uint64_t address, std::uint64_t size_bytes) {
  const auto apart = [&](std::uint64_t begin, std::uint64_t end) {
    return end <= address || begin >= address + size_bytes;
  };
  const auto stack = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  const auto thread_locals = reinterpret_cast<std::uintptr_t>(&errno);
  return apart(stack - kStackBytes, stack + kStackBytes) && apart(thread_locals, thread_locals + sizeof errno);
}

}  // namespace paella::shim
