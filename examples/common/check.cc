#include "examples/common/check.h"

#include <string>

#include "examples/common/fail.h"

namespace examples {

void Check(CUresult result, const char* call) {
  if (result == CUDA_SUCCESS) return;
  // Both work before cuInit; a code that the driver does not know leaves the pointers null.
  const char* name = nullptr;
  const char* meaning = nullptr;
  cuGetErrorName(result, &name);
  cuGetErrorString(result, &meaning);
  const std::string code = name != nullptr ? name : "CUresult " + std::to_string(result);
  Fail(kExitCudaError, std::string(call) + ": " + code + " (" + (meaning != nullptr ? meaning : "no description") + ")");
}

}  // namespace examples
