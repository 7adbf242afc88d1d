// A copy as the driver's structures describe it, and as ours do. Any thread; values only.
#ifndef PAELLA_SHIM_COPY_DESCRIPTIONS_H_
#define PAELLA_SHIM_COPY_DESCRIPTIONS_H_

#include "shim/copies.h"
#include "shim/cuda_api.h"

namespace paella::shim {

CUDA_MEMCPY3D AsThreeDimensional(const CUDA_MEMCPY2D& copy);
// All contexts of a client are of one device.
CUDA_MEMCPY3D WithoutContexts(const CUDA_MEMCPY3D_PEER& copy);

bool HasArray(const CUDA_MEMCPY3D& copy);

// One side alone, which is memory: `box` already has its size. False: no memory can have that form.
bool LocateDestination(const CUDA_MEMCPY3D& copy, StridedCopy& box);
bool LocateSource(const CUDA_MEMCPY3D& copy, StridedCopy& box);

// INVALID_VALUE where no memory can have that form, NOT_SUPPORTED for arrays. Says nothing of what is at the addresses.
CUresult ReadDescription(const CUDA_MEMCPY3D& copy, StridedCopy& box);
CUDA_MEMCPY3D Describe(const StridedCopy& box);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_COPY_DESCRIPTIONS_H_
