#include "shim/registered_memory.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>
#include <vector>

#include "shim/client.h"
#include "shim/memory_areas.h"
#include "shim/page_exchange.h"
#include "shim/unsupported.h"

namespace paella::shim {
namespace {

constexpr std::uint64_t kPageMask = ipc::kPageBytes - 1;

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
bool HoldsMallocHeader(std::uint64_t address, std::uint64_t begin) {
  constexpr std::uint64_t kArenaAlignment = 64 << 20;
  return begin % kArenaAlignment == 0 && address != begin;
}

// The program may have closed the descriptor, and have something else under its number.
bool ArenaIsThere(const Connection& connection) {
  return ipc::IsSealedMemory(connection.arena_memory.get(), connection.welcome.arena_bytes);
}

// Where registered memory is now, which the program may have moved: what is mapped of the arena's file outside the
// arena. Allocates nothing and takes no lock.
class RegisteredAreas {
 public:
  explicit RegisteredAreas(const Connection& connection) : welcome_(connection.welcome) {
    opened_ = ArenaIsThere(connection) && areas_.opened() && fstat(connection.arena_memory.get(), &file_) == 0;
  }

  // False: there is no telling.
  bool opened() const { return opened_; }

  bool Next(MemoryArea& area) {
    while (areas_.Next(area)) {
      const bool is_of_file = area.shared && area.inode == file_.st_ino && area.device == file_.st_dev;
      const bool is_arena = area.begin - welcome_.arena_base < welcome_.arena_bytes;
      if (is_of_file && !is_arena) return true;
    }
    return false;
  }

 private:
  const ipc::Welcome& welcome_;
  MemoryAreas areas_;
  struct stat file_{};
  bool opened_;
};

// What else is in the page is the program's, also what a sanitizer forbids to touch.
[[gnu::no_sanitize("address", "thread")]] void CopyPage(std::uint64_t address) {
  auto* const word = reinterpret_cast<volatile std::uint64_t*>(address);
  const std::uint64_t value = *word;
  *word = value;
}

}  // namespace

bool RegisteredMemory::Overlaps(std::uint64_t begin, std::uint64_t end) const {
  const auto after = pages_.lower_bound(end);
  return after != pages_.begin() && std::prev(after)->second.end > begin;
}

CUresult RegisteredMemory::Check(std::uint64_t address, std::uint64_t begin, std::uint64_t end) const {
  if (HoldsMallocHeader(address, begin)) return UnsupportedForm("registering memory in the page of malloc's own data");
  if (Overlaps(begin, end)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  if (client_.OwnsAddress(begin) || client_.OwnsAddress(end - 1)) return CUDA_ERROR_INVALID_VALUE;
  if (!MayExchange(begin, end - begin)) return UnsupportedForm("registering the stack");
  MemoryAreas areas;
  if (!areas.opened()) return CUDA_ERROR_OPERATING_SYSTEM;
  MemoryArea area;
  std::uint64_t covered = begin;
  while (covered < end && areas.Next(area)) {
    if (area.end <= covered) continue;
    if (area.begin > covered) break;  // nothing is mapped there
    if (const CUresult result = CheckReplaceable(area); result != CUDA_SUCCESS) return result;
    covered = area.end;
  }
  return covered >= end ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

std::uint64_t RegisteredMemory::OffsetOf(const Pages& pages) const {
  return pages.arena_address - client_.welcome.arena_base;
}

CUresult RegisteredMemory::ForgetInDaemon(std::uint64_t begin) {
  ipc::UnregisterHost message;
  message.address = begin;
  ipc::UnregisterHostReply reply;
  return client_.submission.Call(message, reply);
}

CUresult RegisteredMemory::Register(std::uint64_t address, std::uint64_t size_bytes, unsigned flags) {
  std::uint64_t end;
  if (address == 0 || size_bytes == 0 || __builtin_add_overflow(address, size_bytes, &end) ||
      __builtin_add_overflow(end, kPageMask, &end)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const std::uint64_t begin = address & ~kPageMask;
  end &= ~kPageMask;
  const std::lock_guard lock(mutex_);
  if (const CUresult result = Check(address, begin, end); result != CUDA_SUCCESS) return result;
  if (!ArenaIsThere(client_.connection)) return CUDA_ERROR_OPERATING_SYSTEM;

  ipc::RegisterHost message;
  message.address = begin;
  message.size_bytes = end - begin;
  ipc::RegisterHostReply reply;
  if (const CUresult result = client_.submission.Call(message, reply); result != CUDA_SUCCESS) {
    const bool is_taken = result == CUDA_ERROR_NOT_SUPPORTED;
    return is_taken ? UnsupportedForm("registering at an address that the daemon uses") : result;
  }
  const Pages pages{end, reply.arena_address};
  const SharedPages arena_pages{pages.arena_address, client_.connection.arena_memory.get(), OffsetOf(pages)};
  if (!ExchangeForShared(begin, end - begin, arena_pages)) {
    const bool no_memory = errno == ENOMEM;
    ForgetInDaemon(begin);
    return no_memory ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_ERROR_INVALID_VALUE;
  }
  pages_.emplace(begin, pages);
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

CUresult RegisteredMemory::MakePrivate(const Pages& pages, std::uint64_t size_bytes) const {
  RegisteredAreas areas(client_.connection);
  if (!areas.opened()) return CUDA_ERROR_OPERATING_SYSTEM;
  const std::uint64_t first = OffsetOf(pages), last = first + size_bytes;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> parts;  // address, bytes
  for (MemoryArea area; areas.Next(area);) {
    const std::uint64_t from = std::max(first, area.offset);
    const std::uint64_t to = std::min(last, area.offset + (area.end - area.begin));
    if (from < to) parts.emplace_back(area.begin + (from - area.offset), to - from);
  }
  for (const auto& [address, bytes] : parts) {
    if (!ExchangeForPrivate(address, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  return CUDA_SUCCESS;
}

CUresult RegisteredMemory::Unregister(const Allocation& allocation) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t begin = allocation.base & ~kPageMask;
  const auto found = pages_.find(begin);
  if (found == pages_.end()) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;  // another thread was first
  const CUresult result = MakePrivate(found->second, found->second.end - begin);
  if (result != CUDA_SUCCESS) return result;
  client_.allocations.Remove(allocation.base);
  pages_.erase(found);
  return ForgetInDaemon(begin);
}

void MakeRegisteredMemoryPrivate(const Connection& connection) {
  RegisteredAreas areas(connection);
  if (!areas.opened()) return;
  MemoryArea area;
  while (areas.Next(area)) {
    // An area that fails stays as it is, shared.
    if (mmap(reinterpret_cast<void*>(area.begin), area.end - area.begin, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, connection.arena_memory.get(),
             static_cast<off_t>(area.offset)) == MAP_FAILED) {
      continue;
    }
    CopyPage(area.begin);
    CopyPage(area.end - ipc::kPageBytes);
  }
}

}  // namespace paella::shim
