// integration_linker: a program that links PTX text, as Numba and PyCUDA do, and runs what comes of it. Natively and
// through Paella. Exits with 0 if all holds.
#include <cstdio>
#include <cstring>
#include <string>

#include "examples/common/check.h"
#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

using examples::Check;

constexpr char kText[] =
    ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .entry AddTo(.param .u64 p0, .param .u32 p1)\n{\n.reg .b32 %r<4>; .reg .b64 %rd<3>;\n"
    "ld.param.u64 %rd1, [p0]; ld.param.u32 %r1, [p1];\nld.global.u32 %r2, [%rd1]; add.u32 %r3, %r1, %r2;\n"
    "st.global.u32 [%rd1], %r3;\nret;\n}\n";

struct Logs {
  char info[2048] = "untouched", error[2048] = "untouched";
  CUjit_option options[5] = {CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES, CU_JIT_ERROR_LOG_BUFFER,
                             CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, CU_JIT_MAX_REGISTERS};
  void* values[5] = {info, reinterpret_cast<void*>(sizeof info), error, reinterpret_cast<void*>(sizeof error),
                     reinterpret_cast<void*>(32)};
};

CUresult Add(CUlinkState link, const std::string& text) {
  return cuLinkAddData(link, CU_JIT_INPUT_PTX, const_cast<char*>(text.c_str()), text.size() + 1, "text.ptx", 0, nullptr,
                       nullptr);
}

void RunLinked(const void* image) {
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  Check(cuModuleLoadData(&module, image), "cuModuleLoadData");
  Check(cuModuleGetFunction(&function, module, "AddTo"), "cuModuleGetFunction");
  CUdeviceptr value = 0;
  Check(cuMemAlloc(&value, sizeof(unsigned)), "cuMemAlloc");
  Check(cuMemsetD32(value, 40, 1), "cuMemsetD32");
  unsigned two = 2, result = 0;
  void* parameters[] = {&value, &two, nullptr};
  Check(cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr), "cuLaunchKernel");
  Check(cuMemcpyDtoH(&result, value, sizeof result), "cuMemcpyDtoH");
  Expect(result == 42, "what was linked computes something else");
  Check(cuModuleUnload(module), "cuModuleUnload");
}

void Links(const std::string& text) {
  Logs logs;
  CUlinkState link = nullptr;
  Check(cuLinkCreate(5, logs.options, logs.values, &link), "cuLinkCreate");
  Check(Add(link, text), "cuLinkAddData");
  void* image = nullptr;
  std::size_t size = 0;
  Check(cuLinkComplete(link, &image, &size), "cuLinkComplete");
  Expect(image != nullptr && size != 0, "the image is empty");
  RunLinked(image);
  Check(cuLinkDestroy(link), "cuLinkDestroy");
}

// The driver looks at each piece when it is added, Paella when all is linked.
void RefusesRubbish() {
  CUlinkState link = nullptr;
  Check(cuLinkCreate(0, nullptr, nullptr, &link), "cuLinkCreate");
  CUresult result = Add(link, ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry K() { rubbish; }\n");
  void* image = nullptr;
  std::size_t size = 0;
  if (result == CUDA_SUCCESS) result = cuLinkComplete(link, &image, &size);
  ExpectResult(result, CUDA_ERROR_INVALID_PTX, "linking rubbish");
  Check(cuLinkDestroy(link), "cuLinkDestroy");
}

void ChecksArguments() {
  CUlinkState link = nullptr;
  ExpectResult(cuLinkCreate(0, nullptr, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE, "cuLinkCreate into nothing");
  Check(cuLinkCreate(0, nullptr, nullptr, &link), "cuLinkCreate");
  ExpectResult(cuLinkAddFile(link, CU_JIT_INPUT_PTX, "/nonexistent.ptx", 0, nullptr, nullptr),
               CUDA_ERROR_FILE_NOT_FOUND, "cuLinkAddFile of no file");
  ExpectResult(cuLinkAddData(link, CU_JIT_INPUT_PTX, nullptr, 10, "x", 0, nullptr, nullptr), CUDA_ERROR_INVALID_VALUE,
               "cuLinkAddData of nothing");
  Check(cuLinkDestroy(link), "cuLinkDestroy");
}

}  // namespace
}  // namespace paella::integration

int main() {
  using namespace paella::integration;
  Check(cuInit(0), "cuInit");
  CUdevice device = 0;
  CUcontext context = nullptr;
  Check(cuDeviceGet(&device, 0), "cuDeviceGet");
  Check(cuDevicePrimaryCtxRetain(&context, device), "cuDevicePrimaryCtxRetain");
  Check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
  Links(kText);
  Links(std::string(kText) + "// " + std::string(100'000, '-') + "\n");  // longer than a reply of the daemon
  RefusesRubbish();
  ChecksArguments();
  std::puts("linker: all holds");
  return 0;
}
