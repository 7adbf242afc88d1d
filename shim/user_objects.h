// User objects: a program's own things, whose destructors run when the last reference, a graph's perhaps, is gone.
// Any thread. A destructor runs on the thread that lets go last, and may not call CUDA, as in a host callback.
#ifndef PAELLA_SHIM_USER_OBJECTS_H_
#define PAELLA_SHIM_USER_OBJECTS_H_

#include <cstdint>
#include <map>
#include <mutex>

#include "shim/cuda_api.h"
#include "shim/graph.h"

namespace paella::shim {

class UserObjects {
 public:
  CUuserObject Create(CUhostFn destroy, void* data, unsigned references);
  // INVALID_VALUE: no such object, or not that many references.
  CUresult Check(CUuserObject object, unsigned references);
  CUresult Retain(CUuserObject object, unsigned references);
  CUresult Release(CUuserObject object, unsigned references);
  // The references of a graph.
  void RetainAll(const Graph& graph);
  void ReleaseAll(const std::map<CUuserObject, unsigned>& references);

 private:
  struct Object {
    CUhostFn destroy;
    void* data;
    std::uint64_t references;
  };

  std::mutex mutex_;
  std::map<CUuserObject, Object> objects_;  // under mutex_
  std::uintptr_t next_handle_ = 1;          // under mutex_
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_USER_OBJECTS_H_
