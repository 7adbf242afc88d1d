// The virtual memory functions of one client: what cuMemCreate, cuMemAddressReserve and cuMemMap gave it.
//
//   physical memory   slabs of paellad, known to the client by numbers; cleared before the client can look at it
//   reservation       addresses of the tenant's window
//   mapping           of one physical memory into one reservation; in `ranges`, for copies, while it has rights
//
// Both kinds of table stay small by themselves: each entry has at least one granule of the window or of the GPU.
//
// Unmapping waits for this client's earlier commands (ClientSession::OnCall) and for nobody else's. That is enough:
// these addresses were given to this client alone, and it has no way to hand them to another one, unlike a slab, in
// which clients of one tenant have allocations side by side. A kernel that reaches them all the same reads a wild
// pointer.
//
// On the client's worker; made and destroyed while that does not run. Owns all of it and gives it back.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_VIRTUAL_MEMORY_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_VIRTUAL_MEMORY_H_

#include <cstdint>
#include <functional>
#include <map>
#include <unordered_map>

#include "messages.h"
#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/owned_ranges.h"
#include "scheduler_daemon/executor/tenant_memory.h"

namespace paella::scheduler_daemon {

class ClientVirtualMemory {
 public:
  ClientVirtualMemory(const Driver& driver, TenantMemory& memory, OwnedRanges& ranges)
      : driver_(driver), memory_(memory), ranges_(ranges) {}
  ~ClientVirtualMemory();  // no command of the client is left
  ClientVirtualMemory(const ClientVirtualMemory&) = delete;

  CUresult Handle(const ipc::PhysicalCreate& call, ipc::PhysicalCreateReply& reply);
  CUresult Handle(const ipc::PhysicalRelease& call, ipc::PhysicalReleaseReply& reply);
  CUresult Handle(const ipc::PhysicalRetain& call, ipc::PhysicalRetainReply& reply);
  CUresult Handle(const ipc::PhysicalProperties& call, ipc::PhysicalPropertiesReply& reply);
  CUresult Handle(const ipc::AddressReserve& call, ipc::AddressReserveReply& reply);
  CUresult Handle(const ipc::AddressFree& call, ipc::AddressFreeReply& reply);
  CUresult Handle(const ipc::AddressMap& call, ipc::AddressMapReply& reply);
  CUresult Handle(const ipc::AddressUnmap& call, ipc::AddressUnmapReply& reply);
  CUresult Handle(const ipc::AddressSetAccess& call, ipc::AddressSetAccessReply& reply);

 private:
  struct Physical {
    TenantMemory::Physical memory;
    std::uint32_t handle_types = 0;
    std::uint64_t references = 1;  // that the client can still release
    std::uint64_t mappings = 0;
    bool cleared = false;
  };
  struct Mapping {
    std::uint64_t size_bytes;
    std::uint64_t number;  // of the physical memory
    CUmemAccess_flags access = CU_MEM_ACCESS_FLAGS_PROT_NONE;
  };
  using Mappings = std::map<std::uint64_t, Mapping>;  // by address
  struct Span {
    Mappings::iterator first, end;
    bool empty() const { return first == end; }
  };

  // Null: not a number that the client may use.
  Physical* FindUsable(std::uint64_t number);
  void DropIfUnused(std::uint64_t number);
  bool IsReserved(std::uint64_t address, std::uint64_t size_bytes) const;
  bool IsMapped(std::uint64_t address, std::uint64_t size_bytes) const;  // any of it
  // The mappings that fill the range exactly; empty if none do.
  Span Exactly(std::uint64_t address, std::uint64_t size_bytes);

  CUresult ClearElsewhere(Physical& physical);
  CUresult ClearWhatIsNew(const Span& span, std::uint64_t address, std::uint64_t size_bytes, bool& any);
  void Publish(std::uint64_t address, const Mapping& mapping);

  const Driver& driver_;
  TenantMemory& memory_;
  OwnedRanges& ranges_;
  std::unordered_map<std::uint64_t, Physical> physical_;  // by the client's number
  std::map<std::uint64_t, std::uint64_t> reservations_;   // address -> size as asked for
  Mappings mappings_;
  std::uint64_t next_number_ = 1;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_CLIENT_VIRTUAL_MEMORY_H_
