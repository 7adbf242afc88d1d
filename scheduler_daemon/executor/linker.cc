#include "scheduler_daemon/executor/linker.h"

namespace paella::scheduler_daemon {
namespace {

CUresult LinkAll(const Driver& driver, CUlinkState state, std::vector<LinkInput>& inputs,
                 std::vector<std::byte>& image) {
  for (LinkInput& input : inputs) {
    // PTX ends with one zero, which counts.
    const bool is_text = input.type == CU_JIT_INPUT_PTX;
    while (is_text && input.data.size() > 1 && input.data[input.data.size() - 2] == std::byte{0}) input.data.pop_back();
    const std::size_t size = input.data.size() - (is_text ? 0 : 1);
    JitOptions jit(input.options, JitOptions::Logs::kNone);
    const CUresult result = driver.cuLinkAddData(state, input.type, input.data.data(), size, input.name.c_str(),
                                                 jit.count(), jit.options(), jit.values());
    if (result != CUDA_SUCCESS) return result;
  }
  void* linked = nullptr;
  std::size_t size = 0;
  const CUresult result = driver.cuLinkComplete(state, &linked, &size);
  if (result != CUDA_SUCCESS) return result;
  const auto* const bytes = static_cast<const std::byte*>(linked);
  image.assign(bytes, bytes + size);  // it goes with the state
  return CUDA_SUCCESS;
}

}  // namespace

Linked Link(const Driver& driver, const JitNumbers& options, std::vector<LinkInput>& inputs) {
  Linked linked;
  if (driver.cuLinkCreate == nullptr || driver.cuLinkAddData == nullptr || driver.cuLinkComplete == nullptr ||
      driver.cuLinkDestroy == nullptr) {
    linked.result = CUDA_ERROR_NOT_SUPPORTED;
    return linked;
  }
  JitOptions jit(options);  // the linker writes into its logs until it is destroyed
  CUlinkState state = nullptr;
  linked.result = driver.cuLinkCreate(jit.count(), jit.options(), jit.values(), &state);
  if (linked.result != CUDA_SUCCESS) return linked;
  linked.result = LinkAll(driver, state, inputs, linked.image);
  driver.cuLinkDestroy(state);
  linked.error_log = jit.error_log();
  linked.info_log = jit.info_log();
  return linked;
}

}  // namespace paella::scheduler_daemon
