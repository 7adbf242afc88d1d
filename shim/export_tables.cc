#include "shim/export_tables.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

#include "shim/client.h"
#include "shim/log.h"

namespace paella::shim {
namespace {

// The first four bytes of a table's identity, as the driver notes write them.
enum class TableId : std::uint32_t {
  kContextStorage = 0xc693336e,
  kCurrentContext = 0x42d85a81,
  kContextNumber = 0x21318c60,
};

using StorageDestructor = void (*)(CUcontext, void* key, void* value);
using PutStorage = CUresult (*)(CUcontext, void* key, void* value, StorageDestructor);
using DeleteStorage = CUresult (*)(CUcontext, void* key);
using GetStorage = CUresult (*)(void** value, CUcontext, void* key);
using GetCurrentContext = CUresult (*)(CUcontext*);
using GetContextNumber = CUresult (*)(CUcontext, std::uint64_t*);

PutStorage real_put;
DeleteStorage real_delete;
GetStorage real_get;
GetCurrentContext real_current;
GetContextNumber real_number;

// Storage of the contexts that the program made: the real driver knows nothing of those.
std::mutex own_storage_mutex;
std::map<std::pair<CUcontext, void*>, void*>& OwnStorage() {
  static auto* const storage = new std::map<std::pair<CUcontext, void*>, void*>;
  return *storage;
}

// Null and -1 mean the current context.
CUcontext ContextOrCurrent(CUcontext context) {
  if (context != nullptr && context != reinterpret_cast<CUcontext>(~std::uintptr_t{0})) return context;
  return current_context == nullptr ? nullptr : current_context->handle;
}

bool IsOwnContext(Client& client, CUcontext handle) {
  const Context* const context = client.contexts.Find(handle);
  return context != nullptr && !context->primary;
}

// Without a current context these are answered for the primary one, which cudart stores into before it makes it current.
CUcontext ContextOrPrimary(Client& client, CUcontext context) {
  const CUcontext found = ContextOrCurrent(context);
  return found != nullptr ? found : client.contexts.primary().handle;
}

CUresult Put(CUcontext context, void* key, void* value, StorageDestructor destructor) try {
  Client* const client = ready_client.load(std::memory_order_acquire);
  if (client == nullptr) return real_put(context, key, value, destructor);
  const CUcontext handle = ContextOrPrimary(*client, context);
  if (!IsOwnContext(*client, handle)) return real_put(handle, key, value, destructor);
  const std::lock_guard lock(own_storage_mutex);
  OwnStorage()[{handle, key}] = value;
  return CUDA_SUCCESS;
} catch (...) {
  return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult Delete(CUcontext context, void* key) {
  Client* const client = ready_client.load(std::memory_order_acquire);
  if (client == nullptr) return real_delete(context, key);
  const CUcontext handle = ContextOrPrimary(*client, context);
  if (!IsOwnContext(*client, handle)) return real_delete(handle, key);
  const std::lock_guard lock(own_storage_mutex);
  return OwnStorage().erase({handle, key}) == 1 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult Get(void** value, CUcontext context, void* key) {
  Client* const client = ready_client.load(std::memory_order_acquire);
  if (client == nullptr) return real_get(value, context, key);
  const CUcontext handle = ContextOrCurrent(context);
  if (handle == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  if (!IsOwnContext(*client, handle)) return real_get(value, handle, key);
  const std::lock_guard lock(own_storage_mutex);
  const auto found = OwnStorage().find({handle, key});
  if (found == OwnStorage().end()) return CUDA_ERROR_INVALID_HANDLE;
  *value = found->second;
  return CUDA_SUCCESS;
}

CUresult CurrentContext(CUcontext* context) {
  if (ready_client.load(std::memory_order_acquire) == nullptr) return real_current(context);
  *context = ContextOrCurrent(nullptr);
  return CUDA_SUCCESS;
}

// cuBLASLt asks per GEMM. An active context's number is 1.
CUresult ContextNumber(CUcontext context, std::uint64_t* number) {
  if (ready_client.load(std::memory_order_acquire) == nullptr) return real_number(context, number);
  *number = 1;
  return CUDA_SUCCESS;
}

// Swaps one entry; keeps the driver's own function in `original`.
template <typename Function>
void Replace(const void* table, int slot, Function replacement, Function& original) {
  void** const entry = const_cast<void**>(static_cast<void* const*>(table)) + slot;
  const auto found = reinterpret_cast<Function>(*entry);
  if (found == replacement || found == nullptr) return;
  original = found;
  const auto page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto address = reinterpret_cast<std::uintptr_t>(entry);
  void* const page = reinterpret_cast<void*>(address & ~(page_bytes - 1));
  if (mprotect(page, page_bytes, PROT_READ | PROT_WRITE) != 0) {
    Log("cannot replace entry %d of a private table", slot);
    return;
  }
  __atomic_store_n(entry, reinterpret_cast<void*>(replacement), __ATOMIC_RELEASE);
}

TableId IdOf(const CUuuid& id) {
  std::uint32_t first = 0;
  std::memcpy(&first, id.bytes, sizeof first);
  return static_cast<TableId>(__builtin_bswap32(first));
}

void LogUnknown(TableId id) {
  static constexpr std::uint32_t kKnown[] = {0x6bd5fb6c, 0x263e8860, 0xa094798c, 0xd4082055,
                                             0x1734dc26, 0x69a28e9f, 0xda9151d3, 0xf8cff951};
  for (const std::uint32_t known : kKnown) {
    if (static_cast<std::uint32_t>(id) == known) return;
  }
  static std::map<TableId, bool> logged;
  if (logged.emplace(id, true).second) Log("unknown private table %08x is passed through", static_cast<unsigned>(id));
}

}  // namespace

CUresult GetExportTable(const void** table, const CUuuid* id) {
  if (table == nullptr || id == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const RealDriver* const real = GetRealDriver();
  if (real == nullptr) {
    *table = nullptr;
    return CUDA_ERROR_INVALID_VALUE;
  }
  const CUresult result = real->get_export_table(table, id);
  if (result != CUDA_SUCCESS || *table == nullptr) return result;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  switch (IdOf(*id)) {
    case TableId::kContextStorage:
      Replace<PutStorage>(*table, 0, Put, real_put);
      Replace<DeleteStorage>(*table, 1, Delete, real_delete);
      Replace<GetStorage>(*table, 2, Get, real_get);
      break;
    case TableId::kCurrentContext: Replace<GetCurrentContext>(*table, 2, CurrentContext, real_current); break;
    case TableId::kContextNumber: Replace<GetContextNumber>(*table, 4, ContextNumber, real_number); break;
    default: LogUnknown(IdOf(*id));
  }
  return result;
}

}  // namespace paella::shim
