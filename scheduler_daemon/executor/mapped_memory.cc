#include "scheduler_daemon/executor/mapped_memory.h"

namespace paella::scheduler_daemon {
namespace {

// The executor's own, one for each worker: no client's work is in it, and none is waited for.
const CUstream kStream = CU_STREAM_PER_THREAD;

}  // namespace

CUresult SetAccess(const Driver& driver, CUdevice device, std::uint64_t address, std::uint64_t size_bytes,
                   CUmemAccess_flags flags) {
  CUmemAccessDesc access{};
  access.location = {CU_MEM_LOCATION_TYPE_DEVICE, {device}};
  access.flags = flags;
  return driver.cuMemSetAccess(address, size_bytes, &access, 1);
}

CUresult StartClearing(const Driver& driver, std::uint64_t address, std::uint64_t size_bytes) {
  return driver.cuMemsetD8Async(address, 0, size_bytes, kStream);
}

CUresult FinishClearing(const Driver& driver) { return driver.cuStreamSynchronize(kStream); }

}  // namespace paella::scheduler_daemon
