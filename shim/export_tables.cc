#include "shim/export_tables.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <vector>

#include "driver_api.h"
#include "shim/client.h"
#include "shim/context_storage.h"
#include "shim/log.h"

namespace paella::shim {
namespace {

// The first four bytes of a table's identity, as the driver notes write them.
enum class TableId : std::uint32_t {
  kContextStorage = 0xc693336e,
  kCurrentContext = 0x42d85a81,
  kContextsAndStreams = 0x21318c60,
  kModules = 0x6e163fbe,
};

using GetCurrentContext = CUresult (*)(CUcontext*);
using GetContextNumber = CUresult (*)(CUcontext, std::uint64_t*);
using FindStream = CUresult (*)(CUcontext, CUstream, void** found, std::uint64_t);
using GetStreamId = CUresult (*)(CUcontext, void* found, std::uint64_t* id);
using VisitFunction = void (*)(void* user_data, CUfunction);
using VisitFunctions = std::uint64_t (*)(CUcontext, CUmodule, VisitFunction, void* user_data);

GetCurrentContext real_current;
GetContextNumber real_number;
FindStream real_find_stream;
GetStreamId real_stream_id;
VisitFunctions real_visit_functions;

CUcontext CurrentHandle() { return current_context == nullptr ? nullptr : current_context->handle; }

CUresult CurrentContext(CUcontext* context) {
  if (ready_client.load(std::memory_order_acquire) == nullptr) return real_current(context);
  *context = CurrentHandle();
  return CUDA_SUCCESS;
}

// cuBLASLt asks per GEMM. An active context's number is 1.
CUresult ContextNumber(CUcontext context, std::uint64_t* number) {
  if (ready_client.load(std::memory_order_acquire) == nullptr) return real_number(context, number);
  *number = 1;
  return CUDA_SUCCESS;
}

// cuBLAS and cuSOLVER keep workspaces by the stream's number. First they look the driver's own object of the stream up:
// all they do with it is the second question, so it may be our handle, but not null.
CUresult FoundStream(CUcontext context, CUstream stream, void** found, std::uint64_t flags) {
  if (ready_client.load(std::memory_order_acquire) == nullptr) return real_find_stream(context, stream, found, flags);
  if (found == nullptr) return CUDA_ERROR_INVALID_VALUE;
  unsigned long long id = 0;
  if (const CUresult result = paella_cuStreamGetId(stream, &id); result != CUDA_SUCCESS) return result;
  *found = stream != nullptr ? static_cast<void*>(stream) : static_cast<void*>(CU_STREAM_LEGACY);
  return CUDA_SUCCESS;
}

CUresult StreamId(CUcontext context, void* found, std::uint64_t* id) {
  if (ready_client.load(std::memory_order_acquire) == nullptr) return real_stream_id(context, found, id);
  if (found == nullptr || id == nullptr) return CUDA_ERROR_INVALID_VALUE;
  unsigned long long number = 0;
  const CUresult result = paella_cuStreamGetId(static_cast<CUstream>(found), &number);
  if (result == CUDA_SUCCESS) *id = number;
  return result;
}

// cuFFT finds the kernels of a module so. Returns how many there are.
std::uint64_t VisitedFunctions(CUcontext context, CUmodule module, VisitFunction visit, void* user_data) try {
  if (ready_client.load(std::memory_order_acquire) == nullptr) {
    return real_visit_functions(context, module, visit, user_data);
  }
  unsigned count = 0;
  if (visit == nullptr || paella_cuModuleGetFunctionCount(&count, module) != CUDA_SUCCESS) return 0;
  std::vector<CUfunction> functions(count);
  if (paella_cuModuleEnumerateFunctions(functions.data(), count, module) != CUDA_SUCCESS) return 0;
  for (const CUfunction function : functions) visit(user_data, function);
  return count;
} catch (...) {
  return 0;
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
      Replace(*table, 0, context_storage::Put, context_storage::real_put);
      Replace(*table, 1, context_storage::Delete, context_storage::real_delete);
      Replace(*table, 2, context_storage::Get, context_storage::real_get);
      break;
    case TableId::kCurrentContext: Replace(*table, 2, CurrentContext, real_current); break;
    case TableId::kContextsAndStreams:
      Replace(*table, 4, ContextNumber, real_number);
      Replace(*table, 39, StreamId, real_stream_id);
      Replace(*table, 51, FoundStream, real_find_stream);
      break;
    case TableId::kModules: Replace(*table, 7, VisitedFunctions, real_visit_functions); break;
    default: LogUnknown(IdOf(*id));
  }
  return result;
}

}  // namespace paella::shim
