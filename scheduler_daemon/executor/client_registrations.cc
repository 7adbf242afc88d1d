// Memory that a program had already and registers (cuMemHostRegister): pages of its arena, which it puts in the place
// of its own at the same address. Here they are mapped at that address too, so that the GPU knows them by it, and
// kernels may use the program's pointers as they are. The driver is told of the program's own bytes, so that one copy
// has one registration, wherever its pages come from; registrations that share a page share what is mapped for it.
//
// The address is the program's, so it may be taken here. Then the registration is refused; nothing is ever replaced.
#include <fcntl.h>

#include <atomic>
#include <cerrno>

#include "scheduler_daemon/executor/client_objects.h"
#include "scheduler_daemon/executor/pinned_pages.h"

namespace paella::scheduler_daemon {
namespace {

// Each costs at most three of the mappings that Linux lets a process have (65,530), which all clients share here.
constexpr std::size_t kMaxRegistrations = 4096;
constexpr std::size_t kMaxOfAllClients = 16384;
std::atomic<std::size_t> of_all_clients{0};  // this process's mappings, as the limit is; changed by every worker

// Where Linux puts what a program has by itself: below, programs that are not position-independent; above, the others,
// shared libraries, stacks and whatever is mapped without an address. Windows and arenas are between them, and must
// stay free for tenants to come.
constexpr std::uint64_t kLowProgramsEnd = 0x0100'0000'0000;
constexpr std::uint64_t kHighProgramsBegin = 0x5500'0000'0000;
constexpr std::uint64_t kAddressEnd = 0x8000'0000'0000;

// All of these are the ends of pages, so what holds for the bytes holds for their pages.
bool MayBeRegistered(std::uint64_t address, std::uint64_t size_bytes) {
  if (address < ipc::kPageBytes || size_bytes == 0) return false;
  if (address >= kAddressEnd || size_bytes > kAddressEnd - address) return false;
  return address + size_bytes <= kLowProgramsEnd || address >= kHighProgramsBegin;
}

void* HostPointer(std::uint64_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

std::optional<std::uint64_t> ClientObjects::TakeFromArena(const std::vector<ipc::PageRun>& runs) {
  const std::lock_guard lock(mutex_);
  const auto arena_address = arena_.Allocate(runs.back().end - runs.front().begin);
  if (!arena_address) return std::nullopt;
  std::uint64_t address = *arena_address;
  for (const ipc::PageRun& run : runs) {
    arena_.Split(address, run.size_bytes());  // not the last one, which is what is left
    address += run.size_bytes();
  }
  return arena_address;
}

CUresult ClientObjects::MapAndRegister(const ipc::RegisterHost& call, const std::vector<ipc::PageRun>& new_runs,
                                       std::uint64_t arena_address) {
  std::vector<ipc::Mapping> mappings;
  std::uint64_t offset = arena_address - arena_place_.base;
  for (const ipc::PageRun& run : new_runs) {
    auto mapping = ipc::Mapping::Shared(arena_place_.memory, run.size_bytes(), run.begin, offset);
    if (!mapping.valid()) return errno == EEXIST ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_OUT_OF_MEMORY;
    mappings.push_back(std::move(mapping));
    offset += run.size_bytes();
  }
  const CUresult result = PinPages(driver_, HostPointer(call.address), call.size_bytes,
                                   CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP);
  if (result != CUDA_SUCCESS) return result;
  for (std::size_t i = 0; i < new_runs.size(); ++i) {
    registered_mappings_.emplace(new_runs[i].begin, std::move(mappings[i]));
  }
  registered_.Add(call.address, call.size_bytes, arena_address);
  ++of_all_clients;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::RegisterHost& call, ipc::RegisterHostReply& reply) {
  if (!MayBeRegistered(call.address, call.size_bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (registered_.Overlaps(call.address, call.size_bytes)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  if (registered_.registrations() >= kMaxRegistrations || of_all_clients >= kMaxOfAllClients) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  const std::vector<ipc::PageRun> new_runs = registered_.NewRunsOf(call.address, call.size_bytes);
  std::uint64_t arena_address = 0;
  if (!new_runs.empty()) {
    const auto taken = TakeFromArena(new_runs);
    if (!taken) return CUDA_ERROR_OUT_OF_MEMORY;
    arena_address = *taken;
  }
  const CUresult result = MapAndRegister(call, new_runs, arena_address);
  if (result != CUDA_SUCCESS) {
    const std::lock_guard lock(mutex_);
    for (const ipc::PageRun& run : new_runs) arena_.Free(arena_address + (run.begin - new_runs.front().begin));
    return result;
  }
  ranges_.Add(call.address, call.size_bytes);
  reply.arena_address = arena_address;
  return CUDA_SUCCESS;
}

CUresult ClientObjects::Handle(const ipc::UnregisterHost& call, ipc::UnregisterHostReply&) {
  if (!registered_.Contains(call.address)) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  ranges_.Remove(call.address);
  const CUresult result = driver_.cuMemHostUnregister(HostPointer(call.address));
  for (const ipc::PageRun& run : registered_.OwnRunsOf(call.address)) {
    // The program has its own pages again: these would only keep memory.
    fallocate(arena_place_.memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              static_cast<off_t>(run.arena_address - arena_place_.base), static_cast<off_t>(run.size_bytes()));
    registered_mappings_.erase(run.begin);
    const std::lock_guard lock(mutex_);
    arena_.Free(run.arena_address);
  }
  registered_.Remove(call.address);
  --of_all_clients;
  return result;
}

void ClientObjects::UnregisterAll() {
  for (const std::uint64_t address : registered_.Addresses()) driver_.cuMemHostUnregister(HostPointer(address));
  of_all_clients -= registered_.registrations();
  registered_ = {};
  registered_mappings_.clear();
}

}  // namespace paella::scheduler_daemon
