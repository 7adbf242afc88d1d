#include "tests/bad_calls/process.h"

#include <sys/mman.h>

#include <cstdlib>

extern "C" const unsigned long long bad_calls_kernels[];

namespace paella::bad_calls {
namespace {

// Pages of zeros that cost nothing until somebody reads them.
char* HostArea() {
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* const area = mmap(nullptr, kHostBytes, PROT_READ | PROT_WRITE, kFlags, -1, 0);
  if (area == MAP_FAILED) std::abort();
  return static_cast<char*>(area);
}

}  // namespace

std::vector<std::string> Process::Run(const BadCall& bad_call) {
  Row row(state_);
  try {
    RunPrepared(bad_call, row);
  } catch (const NotPrepared&) {
    usable_ = false;
  }
  if (bad_call.start == Start::kInOwnProcess) usable_ = false;
  return row.answers();
}

void Process::RunPrepared(const BadCall& bad_call, Row& row) {
  if (bad_call.start != Start::kBeforeInit) Initialize(row);
  const bool with_state = bad_call.start == Start::kWithContext || bad_call.start == Start::kInOwnProcess;
  if (with_state) MakeState(row);
  bad_call.run(row);
  row.Call(DRIVER(cuCtxSynchronize));
  if (with_state) DestroyState(row);
}

void Process::Initialize(Row& row) {
  if (initialized_) return;
  row.Prepare(DRIVER(cuInit), 0);
  initialized_ = true;
}

// The context stays for the next row: it is the one thing that is slow to make.
void Process::MakeState(Row& row) {
  if (state_.context == nullptr) {
    row.Prepare(DRIVER(cuDeviceGet), &state_.device, 0);
    row.Prepare(DRIVER(cuDevicePrimaryCtxRetain), &state_.context, state_.device);
    state_.host = HostArea();
  }
  row.Prepare(DRIVER(cuCtxSetCurrent), state_.context);
  row.Prepare(DRIVER(cuMemAlloc), &state_.memory, kMemoryBytes);
  row.Prepare(DRIVER(cuMemAlloc), &state_.other, kMemoryBytes);
  row.Prepare(DRIVER(cuMemHostAlloc), &state_.pinned, kPinnedBytes, 0);
  row.Prepare(DRIVER(cuStreamCreate), &state_.stream, CU_STREAM_NON_BLOCKING);
  row.Prepare(DRIVER(cuEventCreate), &state_.event, CU_EVENT_DEFAULT);
  row.Prepare(DRIVER(cuEventCreate), &state_.untimed_event, CU_EVENT_DISABLE_TIMING);
  row.Prepare(DRIVER(cuModuleLoadData), &state_.module, bad_calls_kernels);
}

void Process::DestroyState(Row& row) {
  row.Quietly(DRIVER(cuCtxSetCurrent), state_.context);
  const auto synchronize = DRIVER(cuCtxSynchronize);
  if (synchronize.get()() != CUDA_SUCCESS) {
    usable_ = false;  // what a failed context holds goes with the process
    return;
  }
  row.Quietly(DRIVER(cuModuleUnload), state_.module);
  row.Quietly(DRIVER(cuEventDestroy), state_.untimed_event);
  row.Quietly(DRIVER(cuEventDestroy), state_.event);
  row.Quietly(DRIVER(cuStreamDestroy), state_.stream);
  row.Quietly(DRIVER(cuMemFreeHost), state_.pinned);
  row.Quietly(DRIVER(cuMemFree), state_.other);
  row.Quietly(DRIVER(cuMemFree), state_.memory);
  row.Quietly(DRIVER(cuCtxSetCurrent), nullptr);
}

}  // namespace paella::bad_calls
