// cuda.h with every function under the very name of its symbol: no macro turns cuMemAlloc into cuMemAlloc_v2 here.
// Everything in the shim that names the driver's functions or types includes this instead of cuda.h.
#ifndef PAELLA_SHIM_CUDA_API_H_
#define PAELLA_SHIM_CUDA_API_H_

#define __CUDA_API_VERSION_INTERNAL
#include <cuda.h>
#include <cudaProfiler.h>

#endif  // PAELLA_SHIM_CUDA_API_H_
