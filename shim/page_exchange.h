// Puts other pages in the place of some that the program has, at the same address and with the same content, while
// its other threads may be using them. Any thread. Owns nothing.
//
// Who reads meanwhile sees no difference. A write between the copying and the exchange would be lost, so writes are
// made to wait for that time: by userfaultfd, where the kernel lets this process have it (Linux 5.14, a sandbox that
// does not forbid it) and the pages are anonymous. Where it does not, such a write is lost: README.md.
#ifndef PAELLA_SHIM_PAGE_EXCHANGE_H_
#define PAELLA_SHIM_PAGE_EXCHANGE_H_

#include <cstdint>

namespace paella::shim {

// Writes of other threads to whole pages wait as long as it lives. The thread that has it writes nothing but its stack
// meanwhile, and takes no signals, since a handler might.
class WriteHold {
 public:
  WriteHold(std::uint64_t address, std::uint64_t size_bytes);
  ~WriteHold();
  WriteHold(const WriteHold&) = delete;

  bool holds() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Pages of shared memory that this process has somewhere already.
struct SharedPages {
  std::uint64_t address;
  int file;
  std::uint64_t offset;
};

// Whole pages. False: nothing was changed; errno tells why.
bool ExchangeForShared(std::uint64_t address, std::uint64_t size_bytes, const SharedPages& pages);
// The way back, to pages of the program's alone.
bool ExchangeForPrivate(std::uint64_t address, std::uint64_t size_bytes);

// Whether this thread could exchange these pages at all: they must hold nothing that it writes while it does.
bool MayExchange(std::uint64_t address, std::uint64_t size_bytes);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_PAGE_EXCHANGE_H_
