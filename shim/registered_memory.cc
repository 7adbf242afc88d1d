#include "shim/registered_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "shim/client.h"
#include "shim/memory_areas.h"
#include "shim/page_exchange.h"
#include "shim/unsupported.h"

namespace paella::shim {
namespace {

// Only private memory that can be read and written is the same to the program wherever its pages come from.
CUresult CheckReplaceable(const MemoryArea& area) {
  if (!area.readable || !area.writable) return CUDA_ERROR_INVALID_VALUE;
  if (area.shared) return UnsupportedForm("registering memory that is shared with other processes, or a device's");
  if (area.executable) return UnsupportedForm("registering memory with code");
  if (area.name == "[stack]") return UnsupportedForm("registering the stack");
  if (area.name.starts_with("/dev/")) return UnsupportedForm("registering a device's memory");
  return CUDA_SUCCESS;
}

// glibc's arenas of threads begin with its own data, at addresses that are multiples of their greatest size. In the
// child of a fork it writes there before we can part the page from the parent's.
bool HoldsMallocHeader(std::uint64_t address, std::uint64_t page) {
  constexpr std::uint64_t kArenaAlignment = 64 << 20;
  return page % kArenaAlignment == 0 && address > page;
}

// The program may have closed the descriptor, and have something else under its number.
bool ArenaIsThere(const Connection& connection) {
  return ipc::IsSealedMemory(connection.arena_memory.get(), connection.welcome.arena_bytes);
}

class ArenaFile {
 public:
  explicit ArenaFile(const Connection& connection) {
    opened_ = ArenaIsThere(connection) && fstat(connection.arena_memory.get(), &file_) == 0;
  }

  bool opened() const { return opened_; }
  bool Holds(const MemoryArea& area) const {
    return area.shared && area.inode == file_.st_ino && area.device == file_.st_dev;
  }

 private:
  struct stat file_{};
  bool opened_;
};

// A page that was exchanged already must still be where it was put: what the program has there otherwise is not what
// the GPU would see.
CUresult CheckInPlace(const ipc::PageRun& page, std::uint64_t offset, const MemoryArea& area, const ArenaFile& file) {
  const bool is_in_place = file.Holds(area) && area.offset + (page.begin - area.begin) == offset;
  if (!is_in_place) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  return area.readable && area.writable ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// Where registered memory is now, which the program may have moved: what is mapped of the arena's file outside the
// arena. Allocates nothing and takes no lock.
class RegisteredAreas {
 public:
  explicit RegisteredAreas(const Connection& connection) : welcome_(connection.welcome), file_(connection) {}

  // False: there is no telling.
  bool opened() const { return file_.opened() && areas_.opened(); }

  bool Next(MemoryArea& area) {
    while (areas_.Next(area)) {
      const bool is_arena = area.begin - welcome_.arena_base < welcome_.arena_bytes;
      if (file_.Holds(area) && !is_arena) return true;
    }
    return false;
  }

 private:
  const ipc::Welcome& welcome_;
  const ArenaFile file_;
  MemoryAreas areas_;
};

// What else is in the page is the program's, also what a sanitizer forbids to touch.
[[gnu::no_sanitize("address", "thread")]] void CopyPage(std::uint64_t address) {
  auto* const word = reinterpret_cast<volatile std::uint64_t*>(address);
  const std::uint64_t value = *word;
  *word = value;
}

}  // namespace

RegisteredMemory::RegisteredMemory(Client& client) : client_(client), partial_pages_(client.welcome.arena_bytes) {}

std::uint64_t RegisteredMemory::OffsetOf(std::uint64_t arena_address) const {
  return arena_address - client_.welcome.arena_base;
}

CUresult RegisteredMemory::CheckAreas(const std::vector<ipc::PageRun>& runs) const {
  const ArenaFile file(client_.connection);
  MemoryAreas areas;
  if (!file.opened() || !areas.opened()) return CUDA_ERROR_OPERATING_SYSTEM;
  MemoryArea area;
  std::uint64_t covered = runs.front().begin;
  while (covered < runs.back().end && areas.Next(area)) {
    if (area.end <= covered) continue;
    if (area.begin > covered) break;  // nothing is mapped there
    for (const ipc::PageRun& run : runs) {
      if (run.end <= area.begin || run.begin >= area.end) continue;
      const CUresult result = run.arena_address == 0 ? CheckReplaceable(area)
                                                     : CheckInPlace(run, OffsetOf(run.arena_address), area, file);
      if (result != CUDA_SUCCESS) return result;
    }
    covered = area.end;
  }
  return covered >= runs.back().end ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult RegisteredMemory::Check(std::uint64_t address, std::uint64_t size_bytes) const {
  if (pages_.Overlaps(address, size_bytes)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  if (client_.OwnsAddress(address) || client_.OwnsAddress(address + size_bytes - 1)) return CUDA_ERROR_INVALID_VALUE;
  for (const ipc::PageRun& run : pages_.NewRunsOf(address, size_bytes)) {
    if (HoldsMallocHeader(address, run.begin)) {
      return UnsupportedForm("registering memory in the page of malloc's own data");
    }
    if (!MayExchange(run.begin, run.size_bytes())) return UnsupportedForm("registering the stack");
  }
  return CheckAreas(pages_.RunsOf(address, size_bytes));
}

CUresult RegisteredMemory::ForgetInDaemon(std::uint64_t address) {
  ipc::UnregisterHost message;
  message.address = address;
  ipc::UnregisterHostReply reply;
  return client_.submission.Call(message, reply);
}

CUresult RegisteredMemory::Exchange(const std::vector<ipc::PageRun>& new_runs, std::uint64_t arena_address) {
  const std::uint64_t begin = new_runs.front().begin, size_bytes = new_runs.back().end - begin;
  const std::uint64_t offset = OffsetOf(arena_address);
  // Before the pages are there, since the program may fork at any time.
  for (const ipc::PageRun& run : new_runs) {
    if (run.is_partial) partial_pages_.Insert(offset + (run.begin - begin));
  }
  if (ExchangeForShared(begin, size_bytes, {arena_address, client_.connection.arena_memory.get(), offset})) {
    return CUDA_SUCCESS;
  }
  const bool no_memory = errno == ENOMEM;
  for (const ipc::PageRun& run : new_runs) partial_pages_.Erase(offset + (run.begin - begin));
  return no_memory ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_ERROR_INVALID_VALUE;
}

CUresult RegisteredMemory::Register(std::uint64_t address, std::uint64_t size_bytes, unsigned flags) {
  std::uint64_t end;
  if (address == 0 || size_bytes == 0 || __builtin_add_overflow(address, size_bytes, &end) ||
      __builtin_add_overflow(end, ipc::kPageBytes, &end)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const std::lock_guard lock(mutex_);
  if (const CUresult result = Check(address, size_bytes); result != CUDA_SUCCESS) return result;
  if (!partial_pages_.valid()) return CUDA_ERROR_OUT_OF_MEMORY;

  ipc::RegisterHost message;
  message.address = address;
  message.size_bytes = size_bytes;
  ipc::RegisterHostReply reply;
  if (const CUresult result = client_.submission.Call(message, reply); result != CUDA_SUCCESS) {
    const bool is_taken = result == CUDA_ERROR_NOT_SUPPORTED;
    return is_taken ? UnsupportedForm("registering at an address that the daemon uses") : result;
  }
  const std::vector<ipc::PageRun> new_runs = pages_.NewRunsOf(address, size_bytes);
  if (const CUresult result = new_runs.empty() ? CUDA_SUCCESS : Exchange(new_runs, reply.arena_address);
      result != CUDA_SUCCESS) {
    ForgetInDaemon(address);
    return result;
  }
  pages_.Add(address, size_bytes, reply.arena_address);
  Allocation allocation;
  allocation.base = address;
  allocation.size_bytes = size_bytes;
  allocation.kind = MemoryKind::kHost;
  allocation.registered = true;
  allocation.host_flags = flags;
  allocation.context = current_context;
  client_.allocations.Add(allocation);
  return CUDA_SUCCESS;
}

CUresult RegisteredMemory::MakePrivate(const std::vector<ipc::PageRun>& runs) const {
  if (runs.empty()) return CUDA_SUCCESS;
  RegisteredAreas areas(client_.connection);
  if (!areas.opened()) return CUDA_ERROR_OPERATING_SYSTEM;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> parts;  // address, bytes
  for (MemoryArea area; areas.Next(area);) {
    for (const ipc::PageRun& run : runs) {
      const std::uint64_t first = OffsetOf(run.arena_address);
      const std::uint64_t from = std::max(first, area.offset);
      const std::uint64_t to = std::min(first + run.size_bytes(), area.offset + (area.end - area.begin));
      if (from >= to) continue;
      const std::uint64_t address = area.begin + (from - area.offset);
      const bool goes_on = !parts.empty() && parts.back().first + parts.back().second == address;
      if (!goes_on) parts.emplace_back(address, 0);
      parts.back().second += to - from;
    }
  }
  for (const auto& [address, bytes] : parts) {
    if (!ExchangeForPrivate(address, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  return CUDA_SUCCESS;
}

CUresult RegisteredMemory::Unregister(const Allocation& allocation) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t address = allocation.base;
  if (!pages_.Contains(address)) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;  // another thread was first
  const std::vector<ipc::PageRun> own_runs = pages_.OwnRunsOf(address);
  if (const CUresult result = MakePrivate(own_runs); result != CUDA_SUCCESS) return result;
  client_.allocations.Remove(address);
  pages_.Remove(address);
  for (const ipc::PageRun& run : own_runs) {
    if (run.is_partial) partial_pages_.Erase(OffsetOf(run.arena_address));
  }
  return ForgetInDaemon(address);
}

void RegisteredMemory::BecomePrivateInChild() const {
  RegisteredAreas areas(client_.connection);
  if (!areas.opened()) return;
  MemoryArea area;
  while (areas.Next(area)) {
    // An area that fails stays as it is, shared.
    if (mmap(reinterpret_cast<void*>(area.begin), area.end - area.begin, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, client_.connection.arena_memory.get(),
             static_cast<off_t>(area.offset)) == MAP_FAILED) {
      continue;
    }
    const std::uint64_t end = area.offset + (area.end - area.begin);
    for (std::uint64_t page = partial_pages_.FirstIn(area.offset, end); page < end;
         page = partial_pages_.FirstIn(page + ipc::kPageBytes, end)) {
      CopyPage(area.begin + (page - area.offset));
    }
  }
}

}  // namespace paella::shim
