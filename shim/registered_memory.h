// Memory that the program has already and registers (cuMemHostRegister): pages of the arena take the place of its own,
// so that the GPU knows it by the program's own address, and copies are DMA.
//
//   the program's pages ── content ──▶ arena pages ─┬─ at the program's address, in this process
//                                                   └─ at the same address, in the daemon, registered with the GPU
//
// Whole pages are exchanged, once: a page with several registrations stays until the last of them goes.
//
// Any thread; one registers or unregisters at a time. Allocations know such memory as any other. Owns the pages.
#ifndef PAELLA_SHIM_REGISTERED_MEMORY_H_
#define PAELLA_SHIM_REGISTERED_MEMORY_H_

#include <cstdint>
#include <mutex>
#include <vector>

#include "ipc/registered_pages.h"
#include "shim/allocations.h"
#include "shim/arena_page_set.h"
#include "shim/cuda_api.h"

namespace paella::shim {

struct Client;

class RegisteredMemory {
 public:
  explicit RegisteredMemory(Client& client);

  CUresult Register(std::uint64_t address, std::uint64_t size_bytes, unsigned flags);
  // Nothing posted may still use it.
  CUresult Unregister(const Allocation& allocation);

  // In the child of a fork, where arena pages are still the parent's: makes those at the program's own addresses
  // private. Pages in which the program may have other things get a copy at once; the rest, as far as the child has not
  // written it, shows what parent and GPU make of it. Allocates nothing and takes no lock.
  void BecomePrivateInChild() const;

 private:
  CUresult Check(std::uint64_t address, std::uint64_t size_bytes) const;
  CUresult CheckAreas(const std::vector<ipc::PageRun>& runs) const;
  // Puts the pages that the daemon has at `arena_address` in the place of the program's.
  CUresult Exchange(const std::vector<ipc::PageRun>& new_runs, std::uint64_t arena_address);
  // Puts private pages with the content where the program has these now: it may have moved some (mremap, realloc), and
  // have unmapped others. Until that is done they are not given back.
  CUresult MakePrivate(const std::vector<ipc::PageRun>& runs) const;
  std::uint64_t OffsetOf(std::uint64_t arena_address) const;
  CUresult ForgetInDaemon(std::uint64_t address);

  Client& client_;
  std::mutex mutex_;  // over a whole registration
  ipc::RegisteredPages pages_;  // under mutex_
  ArenaPageSet partial_pages_;  // changed under mutex_: those that may hold other things of the program
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_REGISTERED_MEMORY_H_
