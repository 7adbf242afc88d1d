// Memory that a program had already and registers (cuMemHostRegister): pages of its arena, which it puts in the place
// of its own at the same address. Here they are mapped at that address too, so that the GPU knows them by it, and
// kernels may use the program's pointers as they are.
//
// The address is the program's, so it may be taken here. Then the registration is refused; nothing is ever replaced.
#include <fcntl.h>

#include <atomic>
#include <cerrno>

#include "scheduler_daemon/executor/client_objects.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kPageBytes = 4096;
// Each costs one of the mappings that Linux lets a process have (65,530), which all clients share here.
constexpr std::size_t kMaxRegistrations = 4096;
constexpr std::size_t kMaxOfAllClients = 16384;
std::atomic<std::size_t> of_all_clients{0};  // this process's mappings, as the limit is; changed by every worker

// Where Linux puts what a program has by itself: below, programs that are not position-independent; above, the others,
// shared libraries, stacks and whatever is mapped without an address. Windows and arenas are between them, and must
// stay free for tenants to come.
constexpr std::uint64_t kLowProgramsEnd = 0x0100'0000'0000;
constexpr std::uint64_t kHighProgramsBegin = 0x5500'0000'0000;
constexpr std::uint64_t kAddressEnd = 0x8000'0000'0000;

bool MayBeRegistered(std::uint64_t address, std::uint64_t size_bytes) {
  if (address == 0 || address % kPageBytes != 0 || size_bytes == 0 || size_bytes % kPageBytes != 0) return false;
  if (address >= kAddressEnd || size_bytes > kAddressEnd - address) return false;
  return address + size_bytes <= kLowProgramsEnd || address >= kHighProgramsBegin;
}

void* HostPointer(std::uint64_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

CUresult ClientObjects::MapAndRegister(const ipc::RegisterHost& call, std::uint64_t arena_address) {
  auto pages = ipc::Mapping::Shared(arena_place_.memory, call.size_bytes, call.address,
                                    arena_address - arena_place_.base);
  if (!pages.valid()) return errno == EEXIST ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_OUT_OF_MEMORY;
  const CUresult result = driver_.cuMemHostRegister(HostPointer(call.address), call.size_bytes,
                                                    CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP);
  if (result != CUDA_SUCCESS) return result;
  registered_.emplace(call.address, Registration{std::move(pages), arena_address});
  ++of_all_clients;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::RegisterHost& call, ipc::RegisterHostReply& reply) {
  if (!MayBeRegistered(call.address, call.size_bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (registered_.size() >= kMaxRegistrations || of_all_clients >= kMaxOfAllClients) return CUDA_ERROR_OUT_OF_MEMORY;
  std::optional<std::uint64_t> arena_address;
  {
    const std::lock_guard lock(mutex_);
    arena_address = arena_.Allocate(call.size_bytes);
  }
  if (!arena_address) return CUDA_ERROR_OUT_OF_MEMORY;
  const CUresult result = MapAndRegister(call, *arena_address);
  if (result != CUDA_SUCCESS) {
    const std::lock_guard lock(mutex_);
    arena_.Free(*arena_address);
    return result;
  }
  ranges_.Add(call.address, call.size_bytes);
  reply.arena_address = *arena_address;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::UnregisterHost& call, ipc::UnregisterHostReply&) {
  const auto found = registered_.find(call.address);
  if (found == registered_.end()) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  ranges_.Remove(call.address);
  const CUresult result = driver_.cuMemHostUnregister(HostPointer(call.address));
  const std::uint64_t arena_address = found->second.arena_address;
  // The program has its own pages again: these would only keep memory.
  fallocate(arena_place_.memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
            static_cast<off_t>(arena_address - arena_place_.base), static_cast<off_t>(found->second.pages.size()));
  registered_.erase(found);
  --of_all_clients;
  const std::lock_guard lock(mutex_);
  arena_.Free(arena_address);
  return result;
}

void ClientObjects::UnregisterAll() {
  for (const auto& [address, registration] : registered_) driver_.cuMemHostUnregister(HostPointer(address));
  of_all_clients -= registered_.size();
  registered_.clear();
}

}  // namespace paella::scheduler_daemon
