// Host functions in streams: in order with what stands before and behind them.
#include <atomic>

#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

using examples::Check;

constexpr unsigned kCount = 32;
constexpr std::size_t kBytes = kCount * sizeof(unsigned);
constexpr unsigned kStreams = 4;
constexpr unsigned kSteps = 10;

// What one stream's host functions work on: each adds 1 to what the kernel before it left.
struct Board {
  examples::PinnedArray<unsigned> values{kCount};
  unsigned calls = 0;
};

void AddOne(void* data) {
  Board& board = *static_cast<Board*>(data);
  for (unsigned i = 0; i < kCount; ++i) ++board.values.data()[i];
  ++board.calls;
}

unsigned Expected(unsigned value) {
  for (unsigned step = 0; step < kSteps; ++step) value = Mixed(value, 1) + 1;
  return value;
}

void InTurn(const Kernels& kernels) {
  std::vector<Board> boards(kStreams);
  std::vector<Stream> streams(kStreams);
  for (unsigned step = 0; step < kSteps; ++step) {
    for (unsigned i = 0; i < kStreams; ++i) {
      const CUdeviceptr values = boards[i].values.device_address();
      if (step == 0) kernels.Fill(values, kCount, i, streams[i]);
      kernels.Mix(values, kCount, 1, streams[i]);
      Check(cuLaunchHostFunc(streams[i], AddOne, &boards[i]), "cuLaunchHostFunc");
    }
  }
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  for (unsigned i = 0; i < kStreams; ++i) {
    Expect(boards[i].calls == kSteps, "a host function was not called once");
    for (unsigned k = 0; k < kCount; ++k) Expect(boards[i].values.data()[k] == Expected(i + k), "a host function's turn");
  }
}

// A host function holds its own stream, and whoever waits for it, and no other.
void OthersGoOn(const Kernels& kernels) {
  struct Gate {
    std::atomic<bool> open{false};
  } gate;
  const Stream held(CU_STREAM_NON_BLOCKING), waiting(CU_STREAM_NON_BLOCKING), free(CU_STREAM_NON_BLOCKING);
  const examples::DeviceBuffer values(kBytes);
  CUevent event = nullptr;
  Check(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  Check(cuLaunchHostFunc(held, [](void* data) { static_cast<Gate*>(data)->open.wait(false); }, &gate), "cuLaunchHostFunc");
  Check(cuEventRecord(event, held), "cuEventRecord");
  Check(cuStreamWaitEvent(waiting, event, 0), "cuStreamWaitEvent");
  kernels.Mix(values.address(), kCount, 1, waiting);
  kernels.Fill(values.address(), kCount, 20, free);
  free.Synchronize();
  ExpectResult(cuStreamQuery(held), CUDA_ERROR_NOT_READY, "a stream passed its host function");
  ExpectResult(cuStreamQuery(waiting), CUDA_ERROR_NOT_READY, "a wait passed a host function");
  gate.open = true;
  gate.open.notify_all();
  waiting.Synchronize();
  std::vector<unsigned> host(kCount);
  Check(cuMemcpyDtoH(host.data(), values.address(), kBytes), "cuMemcpyDtoH");
  for (unsigned i = 0; i < kCount; ++i) Expect(host[i] == Mixed(20 + i, 1), "what waited for a host function");
  cuEventDestroy(event);
}

void OldForm() {
  struct Seen {
    CUstream stream = nullptr;
    CUresult status = CUDA_ERROR_UNKNOWN;
  } seen;
  const Stream stream;
  const auto note = [](CUstream in, CUresult status, void* data) { *static_cast<Seen*>(data) = {in, status}; };
  Check(cuStreamAddCallback(stream, note, &seen, 0), "cuStreamAddCallback");
  stream.Synchronize();
  Expect(seen.stream == stream && seen.status == CUDA_SUCCESS, "what a callback is told");
}

}  // namespace

int HostCallbacks(Arguments) {
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  InTurn(kernels);
  OthersGoOn(kernels);
  OldForm();
  Say("host_callbacks: each in its turn");
  return 0;
}

}  // namespace paella::integration
