#include "shim/context_storage.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <utility>

#include "shim/client.h"

namespace paella::shim::context_storage {

PutFunction real_put;
DeleteFunction real_delete;
GetFunction real_get;

namespace {

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

}  // namespace

CUresult Put(CUcontext context, void* key, void* value, Destructor destructor) try {
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

}  // namespace paella::shim::context_storage
