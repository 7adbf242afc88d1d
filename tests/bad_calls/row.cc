#include "tests/bad_calls/row.h"

namespace paella::bad_calls {

std::string NameOf(CUresult result) {
  const char* name = nullptr;
  if (cuGetErrorName(result, &name) == CUDA_SUCCESS && name != nullptr) return name;
  return "CUresult " + std::to_string(static_cast<int>(result));
}

CUdeviceptr Row::Allocate(std::size_t bytes) {
  CUdeviceptr address = 0;
  Prepare(DRIVER(cuMemAlloc), &address, bytes);
  return address;
}

CUdeviceptr Row::AllocateAndFree(std::size_t bytes) {
  const CUdeviceptr address = Allocate(bytes);
  Prepare(DRIVER(cuMemFree), address);
  return address;
}

CUfunction Row::Function(const char* name) {
  CUfunction function = nullptr;
  Prepare(DRIVER(cuModuleGetFunction), &function, state.module, name);
  return function;
}

}  // namespace paella::bad_calls
