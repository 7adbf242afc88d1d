// Slabs of physical memory as tenants take them: imported, and a few of one size ready before anybody asks.
//
//   Take ◀── ready slabs ◀── keeper thread ◀── SlabSource (paellad makes them when it has nothing else to do)
//
// To make, export and import a slab takes a millisecond and more, to map it some tens of microseconds. A ready slab
// belongs to nobody and is mapped nowhere. It holds what its last user left in it, like every slab: who maps it clears
// it. When the source has no memory for somebody, all ready slabs go back before that is an error, and none is made again
// until a tenant has given memory back.
//
// Thread-safe. Owns the ready slabs.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLAB_STOCK_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLAB_STOCK_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/slab_source.h"
#include "scheduler_daemon/executor/worker.h"

namespace paella::scheduler_daemon {

class SlabStock {
 public:
  struct Slab {
    std::uint64_t tag = 0;
    std::uint64_t size_bytes = 0;  // whole granules
    CUmemGenericAllocationHandle handle = 0;
  };

  // Ready slabs have `ready_slab_bytes`; there are none before Keep. `prepare` runs first on the keeper's thread.
  SlabStock(const Driver& driver, SlabSource& source, std::uint64_t ready_slab_bytes, std::function<void()> prepare);
  ~SlabStock();
  SlabStock(const SlabStock&) = delete;

  // How many slabs are to be ready from now on.
  void Keep(std::size_t count);

  CUresult Take(std::uint64_t size_bytes, Slab& slab);
  void Return(const Slab& slab);  // mapped nowhere

  // Gives all ready slabs back, and one that is being made too. How many went back like that so far: one who was refused
  // before the last of them did tries again.
  std::uint64_t GiveUp();

  // Until the memory of all slabs that went back so far is the GPU's again, as far as paellad can tell: for who takes
  // memory that does not come from here.
  void AwaitReturns();
  // Whether slabs went back since that was last awaited.
  bool HasReturns() const { return put_back_ever_.load() != awaited_.load(); }

  std::uint64_t ready_bytes() const;

 private:
  // As long as the source may take over one answer, and more.
  static constexpr std::chrono::seconds kFillTimeout{60};

  CUresult TakeNew(std::uint64_t size_bytes, SlabSource::Need need, Slab& slab);
  void PutBack(const Slab& slab);
  // With the lock: has the keeper make another one, if one is missing and may be made.
  void Refill();
  bool MayFill() const;
  void FillOne();  // on the keeper

  const Driver& driver_;
  SlabSource& source_;
  const std::uint64_t ready_slab_bytes_;
  std::atomic<std::uint64_t> put_back_ever_{0};  // slabs
  std::atomic<std::uint64_t> awaited_{0};        // of them

  mutable std::mutex mutex_;
  std::condition_variable filled_;
  std::vector<Slab> ready_;
  std::size_t wanted_ = 0;
  std::size_t takers_ = 0;   // that wait for the source: nothing is taken for later beside them
  std::uint64_t put_back_ = 0;  // ready slabs, without having been taken
  bool filling_ = false;
  bool is_short_ = false;    // of memory: somebody was refused, and nobody has given any back since
  Worker keeper_;  // last: its thread uses everything above
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLAB_STOCK_H_
