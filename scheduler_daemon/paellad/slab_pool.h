// Physical memory of the GPU, held by paellad so that it outlives an executor. Needs no context, only cuInit.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLAD_SLAB_POOL_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLAD_SLAB_POOL_H_

#include <cstdint>
#include <map>

#include "ipc/shared_memory.h"
#include "scheduler_daemon/driver.h"

namespace paella::scheduler_daemon {

class SlabPool {
 public:
  SlabPool(const Driver& driver, int device) : driver_(driver), device_(device) {}
  ~SlabPool() { ReleaseAll(); }
  SlabPool(const SlabPool&) = delete;

  // Makes a slab known as `tag`; `memory` is a descriptor that imports it.
  CUresult Make(std::uint64_t tag, std::uint64_t size_bytes, ipc::Fd& memory);
  void Release(std::uint64_t tag);
  void ReleaseAll();  // after the executor's end

 private:
  const Driver& driver_;
  const int device_;
  std::map<std::uint64_t, CUmemGenericAllocationHandle> slabs_;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLAD_SLAB_POOL_H_
