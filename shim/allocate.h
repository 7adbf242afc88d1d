// The beginning of memory, as tear_down.h is its end: the daemon makes it, and the client's list knows it. Any thread.
// Owns nothing.
#ifndef PAELLA_SHIM_ALLOCATE_H_
#define PAELLA_SHIM_ALLOCATE_H_

#include "shim/allocations.h"
#include "shim/cuda_api.h"
#include "shim/submission.h"

namespace paella::shim {

// Memory of `allocation`'s size and kind, pinned if it is the host's, else the device's. Sets its base and adds it to
// the list; the other fields are the caller's. Returns the daemon's error, and then the list is as it was.
CUresult MakeAllocation(Submission& submission, Allocations& allocations, Allocation& allocation);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_ALLOCATE_H_
