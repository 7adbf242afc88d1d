#include "shim/user_objects.h"

#include <utility>

#include "shim/callbacks.h"

namespace paella::shim {

CUuserObject UserObjects::Create(CUhostFn destroy, void* data, unsigned references) {
  const std::lock_guard lock(mutex_);
  const auto handle = reinterpret_cast<CUuserObject>(next_handle_++);
  objects_.emplace(handle, Object{destroy, data, references});
  return handle;
}

CUresult UserObjects::Check(CUuserObject object, unsigned references) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(object);
  return found != objects_.end() && found->second.references >= references ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult UserObjects::Retain(CUuserObject object, unsigned references) {
  const std::lock_guard lock(mutex_);
  const auto found = objects_.find(object);
  if (found == objects_.end() || references == 0) return CUDA_ERROR_INVALID_VALUE;
  found->second.references += references;
  return CUDA_SUCCESS;
}

CUresult UserObjects::Release(CUuserObject object, unsigned references) {
  Object last{};
  {
    const std::lock_guard lock(mutex_);
    const auto found = objects_.find(object);
    if (found == objects_.end() || references == 0 || found->second.references < references) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    found->second.references -= references;
    if (found->second.references != 0) return CUDA_SUCCESS;
    last = found->second;
    objects_.erase(found);
  }
  const bool before = std::exchange(in_callback, true);
  last.destroy(last.data);
  in_callback = before;
  return CUDA_SUCCESS;
}

void UserObjects::RetainAll(const Graph& graph) {
  for (const auto& [object, count] : graph.user_objects) Retain(object, count);
}

void UserObjects::ReleaseAll(const std::map<CUuserObject, unsigned>& references) {
  for (const auto& [object, count] : references) Release(object, count);
}

}  // namespace paella::shim
