// Memory that the program has already and registers (cuMemHostRegister): pages of the arena take the place of its own,
// so that the GPU knows it by the program's own address, and copies are DMA.
//
//   the program's pages ── content ──▶ arena pages ─┬─ at the program's address, in this process
//                                                   └─ at the same address, in the daemon, registered with the GPU
//
// Any thread; one registers or unregisters at a time. Allocations know such memory as any other. Owns the pages.
#ifndef PAELLA_SHIM_REGISTERED_MEMORY_H_
#define PAELLA_SHIM_REGISTERED_MEMORY_H_

#include <cstdint>
#include <map>
#include <mutex>

#include "shim/allocations.h"
#include "shim/cuda_api.h"

namespace paella::shim {

struct Client;
struct Connection;

class RegisteredMemory {
 public:
  explicit RegisteredMemory(Client& client) : client_(client) {}

  CUresult Register(std::uint64_t address, std::uint64_t size_bytes, unsigned flags);
  // Nothing posted may still use it.
  CUresult Unregister(const Allocation& allocation);

 private:
  struct Pages {
    std::uint64_t end;
    std::uint64_t arena_address;
  };

  bool Overlaps(std::uint64_t begin, std::uint64_t end) const;
  CUresult Check(std::uint64_t address, std::uint64_t begin, std::uint64_t end) const;
  // Puts private pages with the content where the program has these now: it may have moved some (mremap, realloc), and
  // have unmapped others. Until that is done they are not given back.
  CUresult MakePrivate(const Pages& pages, std::uint64_t size_bytes) const;
  std::uint64_t OffsetOf(const Pages& pages) const;
  CUresult ForgetInDaemon(std::uint64_t begin);

  Client& client_;
  std::mutex mutex_;  // over a whole registration
  std::map<std::uint64_t, Pages> pages_;  // under mutex_; by their begin
};

// In the child of a fork, where arena pages are still the parent's: makes those at the program's own addresses private.
// The first and the last page of each, in which the program may have other things, get a copy at once; the rest, as far
// as the child has not written it, shows what parent and GPU make of it. Allocates nothing and takes no lock.
void MakeRegisteredMemoryPrivate(const Connection& connection);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_REGISTERED_MEMORY_H_
