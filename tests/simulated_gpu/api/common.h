// What every function of the API begins with: the calling thread's context, and handles turned into objects.
//
// Each Use function returns what the API function must return at once if it is not CUDA_SUCCESS.
#ifndef PAELLA_TESTS_SIMULATED_GPU_API_COMMON_H_
#define PAELLA_TESTS_SIMULATED_GPU_API_COMMON_H_

#include <cuda.h>

#include <memory>

#include "tests/simulated_gpu/engine.h"
#include "tests/simulated_gpu/objects.h"

namespace paella::simulated_gpu {

#define PAELLA_RETURN_IF_ERROR(expression)                                   \
  do {                                                                       \
    if (const CUresult early_result = (expression); early_result != CUDA_SUCCESS) return early_result; \
  } while (false)

#define PAELLA_RETURN_IF_NULL(pointer)                        \
  do {                                                        \
    if ((pointer) == nullptr) return CUDA_ERROR_INVALID_VALUE; \
  } while (false)

// NOT_INITIALIZED before cuInit.
CUresult UseDriver();
// The current context; its sticky error, or INVALID_CONTEXT if there is none.
CUresult UseContext(Context*& context);
CUresult UseDevice(CUdevice device);
// Null, CU_STREAM_LEGACY and CU_STREAM_PER_THREAD belong to the current context.
CUresult UseStream(CUstream handle, std::shared_ptr<Stream>& stream);
CUresult UseEvent(CUevent handle, std::shared_ptr<Event>& event);
CUresult UseKernel(const void* handle, std::shared_ptr<Kernel>& kernel);

// Bytes of dynamic shared memory that a launch may ask for.
int MaxDynamicShared(const Kernel& kernel);

// Appends to the stream and, if asked to, waits for the end.
CUresult Submit(const std::shared_ptr<Stream>& stream, const std::shared_ptr<Operation>& operation, bool wait);

inline void* Pointer(CUdeviceptr address) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(address)); }

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_API_COMMON_H_
