// The one line that says which driver call failed and why.
#ifndef EXAMPLES_COMMON_CHECK_H_
#define EXAMPLES_COMMON_CHECK_H_

#include <cuda.h>

namespace examples {

// Returns on CUDA_SUCCESS; otherwise prints "program: call: CUDA_ERROR_X (what it means)" and exits with kExitCudaError.
void Check(CUresult result, const char* call);

}  // namespace examples

#endif  // EXAMPLES_COMMON_CHECK_H_
