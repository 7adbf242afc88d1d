// Device memory of one tenant: slabs of physical memory, mapped into the tenant's window, and allocations inside them.
//
//   window  [ slab ][ slab ][      big allocation's own slab      ][ free addresses ...
//
// Small allocations share slabs: a tenant's first ones are small, since idle programs have little more than that, the others
// are of one size. An allocation that takes more than half of such a slab gets a slab of its own. A slab that
// becomes empty stays mapped for the next allocation, up to kMaxIdleBytes: making and mapping memory is what an allocation
// costs. When any tenant finds none left, the idle slabs of all go back (Tenants).
// A slab is cleared when it is mapped, because another tenant may have had it.
//
// Clients also reserve addresses of the window and make physical memory themselves (client_virtual_memory.h). What they
// map where is theirs; addresses and memory are counted here.
//
// Called on the workers of the tenant's clients; thread-safe. Owns the mappings and the window's reservation.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_TENANT_MEMORY_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_TENANT_MEMORY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include "ipc/channel.h"
#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/range_allocator.h"
#include "scheduler_daemon/executor/slab_stock.h"

namespace paella::scheduler_daemon {

class TenantMemory {
 public:
  static constexpr std::uint64_t kSlabBytes = 32ull << 20;
  static constexpr std::uint64_t kFirstSlabBytes = 8ull << 20;
  static constexpr std::uint64_t kGranularityBytes = ipc::kPhysicalGranularityBytes;
  static constexpr std::uint64_t kAlignmentBytes = 512;
  static constexpr std::uint64_t kMaxIdleBytes = 16ull << 30;

  TenantMemory(const Driver& driver, CUdevice device, SlabStock& slabs, std::uint64_t window_base,
               std::uint64_t window_bytes);
  ~TenantMemory();
  TenantMemory(const TenantMemory&) = delete;

  // Takes the window's addresses from the driver. Anything but exactly these addresses is an error.
  CUresult ReserveWindow();

  CUresult Allocate(std::uint64_t size_bytes, std::uint64_t& address);

  // `may_unmap`: no command of this tenant is queued or running, so an idle slab can be given back.
  CUresult Free(std::uint64_t address, bool may_unmap);

  // Memory of the GPU that is mapped nowhere. It holds what its last user left in it.
  using Physical = SlabStock::Slab;
  CUresult CreatePhysical(std::uint64_t size_bytes, Physical& physical);
  void ReleasePhysical(const Physical& physical);  // mapped nowhere any more

  // Addresses of the window, whole granules: at `hint` if it is aligned and free, else anywhere. Nothing: no room.
  std::optional<std::uint64_t> ReserveAddresses(std::uint64_t size_bytes, std::uint64_t alignment_bytes,
                                                std::uint64_t hint);
  void FreeAddresses(std::uint64_t address);

  // Gives back every slab that nothing is allocated in.
  void TrimIdle();

  // Memory that the driver placed elsewhere for a client (arrays): used like the rest.
  void Count(std::uint64_t bytes);
  void Uncount(std::uint64_t bytes);
  // After TrimIdle, for who takes such memory next (slab_stock.h).
  void AwaitReturns() { stock_.AwaitReturns(); }

  std::uint64_t used_bytes() const;
  std::uint64_t idle_bytes() const;  // of slabs that nothing is allocated in
  CUdevice device() const { return device_; }  // whose memory it is

 private:
  struct MappedSlab {
    Physical physical;
    RangeAllocator inside;
  };
  using Slabs = std::map<std::uint64_t, MappedSlab>;  // by address

  std::uint64_t NewSlabBytes(std::uint64_t size_bytes) const;
  static bool MayHold(const MappedSlab& mapped, std::uint64_t size_bytes);
  CUresult MapNewSlab(std::uint64_t size_bytes, Slabs::iterator& slab);
  CUresult MapCleared(std::uint64_t address, const Physical& physical);
  void Unmap(Slabs::iterator slab);

  const Driver& driver_;
  const CUdevice device_;
  SlabStock& stock_;
  const std::uint64_t window_base_;
  const std::uint64_t window_bytes_;
  bool reserved_ = false;

  mutable std::mutex mutex_;
  RangeAllocator addresses_;
  Slabs slabs_;
  std::uint64_t idle_bytes_ = 0;  // of slabs without an allocation
  std::uint64_t used_bytes_ = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_TENANT_MEMORY_H_
