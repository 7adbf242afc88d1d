// Where the GPU's physical memory comes from: paellad, which holds the handles (slab_broker.h), or a test.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLAB_SOURCE_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLAB_SOURCE_H_

#include <cuda.h>

#include <cstdint>
#include <optional>

#include "ipc/shared_memory.h"

namespace paella::scheduler_daemon {

class SlabSource {
 public:
  virtual ~SlabSource() = default;

  // kAhead: for later; whoever needs memory now comes first.
  enum class Need { kNow, kAhead };

  struct Grant {
    std::uint64_t tag;
    ipc::Fd memory;  // a descriptor to import it from
  };
  // Waits for a bounded time. `result` says why there is none.
  virtual std::optional<Grant> Take(std::uint64_t size_bytes, Need need, CUresult& result) = 0;
  virtual void Return(std::uint64_t tag) = 0;
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_SLAB_SOURCE_H_
