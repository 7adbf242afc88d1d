// Order: streams beside each other, the legacy default stream between them, events, and host functions.
#include <chrono>
#include <memory>

#include "tests/gpu/cudart/check.h"
#include "tests/gpu/cudart/checks.h"

namespace paella::gpu_test {
namespace {

constexpr unsigned kThreads = 128;

// A chain of multiplications: slow enough that a missing wait shows, and its result tells the order of its calls.
__global__ void Mix(unsigned* values, unsigned count, unsigned salt, unsigned rounds) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  unsigned x = values[i];
#pragma unroll 1
  for (unsigned round = 0; round < rounds; ++round) x = x * 1664525u + salt;
  values[i] = x;
}

void LaunchMix(unsigned* values, unsigned count, unsigned salt, unsigned rounds, cudaStream_t stream) {
  Mix<<<(count + kThreads - 1) / kThreads, kThreads, 0, stream>>>(values, count, salt, rounds);
  Check(cudaGetLastError(), "launch");
}

unsigned Mixed(unsigned x, unsigned salt, unsigned rounds) {
  for (unsigned round = 0; round < rounds; ++round) x = x * 1664525u + salt;
  return x;
}

constexpr unsigned kCount = 4096;
constexpr unsigned kRounds = 20'000;

void ExpectAll(const std::vector<unsigned>& values, unsigned expected) {
  for (const unsigned value : values) Expect(value == expected, "the commands ran in another order");
}

struct Steps {
  std::vector<int> seen;
};

void CUDART_CB NoteOne(void* data) { static_cast<Steps*>(data)->seen.push_back(1); }
void CUDART_CB NoteTwo(void* data) { static_cast<Steps*>(data)->seen.push_back(2); }

}  // namespace

std::uint64_t ManyStreams() {
  constexpr unsigned kStreams = 16;
  constexpr unsigned kLaunches = 32;
  const std::unique_ptr<Stream[]> streams(new Stream[kStreams]);
  const DeviceArray<unsigned> device(std::vector<unsigned>(kStreams * kCount, 1));
  for (unsigned launch = 0; launch < kLaunches; ++launch) {
    for (unsigned s = 0; s < kStreams; ++s) {
      LaunchMix(device.data() + s * kCount, kCount, launch * kStreams + s, 100, streams[s]);
    }
  }
  Check(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  const std::vector<unsigned> result = device.Read();
  for (unsigned s = 0; s < kStreams; ++s) {
    unsigned expected = 1;
    for (unsigned launch = 0; launch < kLaunches; ++launch) expected = Mixed(expected, launch * kStreams + s, 100);
    ExpectAll({result.begin() + s * kCount, result.begin() + (s + 1) * kCount}, expected);
  }
  return Fingerprint(result);
}

// A blocking stream, then the default stream, then another blocking stream: each waits for the one before.
std::uint64_t LegacyDefaultStream() {
  cudaStream_t first = nullptr;
  cudaStream_t second = nullptr;
  Check(cudaStreamCreate(&first), "cudaStreamCreate");
  Check(cudaStreamCreate(&second), "cudaStreamCreate");
  const DeviceArray<unsigned> device(std::vector<unsigned>(kCount, 1));
  LaunchMix(device.data(), kCount, 3, kRounds, first);
  LaunchMix(device.data(), kCount, 5, kRounds, nullptr);
  LaunchMix(device.data(), kCount, 7, kRounds, second);
  const std::vector<unsigned> result = device.Read();
  Check(cudaStreamDestroy(first), "cudaStreamDestroy");
  Check(cudaStreamDestroy(second), "cudaStreamDestroy");
  ExpectAll(result, Mixed(Mixed(Mixed(1, 3, kRounds), 5, kRounds), 7, kRounds));
  return Fingerprint(result);
}

std::uint64_t WaitForEvent() {
  const Stream producer, consumer;
  const Event produced(cudaEventDisableTiming), consumed(cudaEventDisableTiming);
  const DeviceArray<unsigned> device(std::vector<unsigned>(kCount, 1));
  unsigned expected = 1;
  for (unsigned round = 0; round < 10; ++round) {
    LaunchMix(device.data(), kCount, 3 + round, kRounds, producer);
    Check(cudaEventRecord(produced, producer), "cudaEventRecord");
    Check(cudaStreamWaitEvent(consumer, produced, 0), "cudaStreamWaitEvent");
    LaunchMix(device.data(), kCount, 100 + round, 10, consumer);
    Check(cudaEventRecord(consumed, consumer), "cudaEventRecord");
    Check(cudaStreamWaitEvent(producer, consumed, 0), "cudaStreamWaitEvent");
    expected = Mixed(Mixed(expected, 3 + round, kRounds), 100 + round, 10);
  }
  Check(cudaEventSynchronize(consumed), "cudaEventSynchronize");
  Check(cudaStreamQuery(consumer), "cudaStreamQuery after the wait");
  const std::vector<unsigned> result = device.Read();
  ExpectAll(result, expected);
  return Fingerprint(result);
}

// The GPU's time between two events is positive and lies within the host's time around them.
std::uint64_t EventTiming() {
  using Milliseconds = std::chrono::duration<float, std::milli>;
  const Stream stream;
  const Event start, stop;
  const DeviceArray<unsigned> device(std::vector<unsigned>(kCount, 1));
  LaunchMix(device.data(), kCount, 1, 1, stream);  // loads the code
  stream.Wait();
  const auto before = std::chrono::steady_clock::now();
  Check(cudaEventRecord(start, stream), "cudaEventRecord");
  LaunchMix(device.data(), kCount, 3, 50 * kRounds, stream);
  Check(cudaEventRecord(stop, stream), "cudaEventRecord");
  Check(cudaEventSynchronize(stop), "cudaEventSynchronize");
  const float host_ms = Milliseconds(std::chrono::steady_clock::now() - before).count();
  float gpu_ms = 0;
  Check(cudaEventElapsedTime(&gpu_ms, start, stop), "cudaEventElapsedTime");
  Expect(gpu_ms > 0 && gpu_ms <= host_ms,
         "the events say " + std::to_string(gpu_ms) + " ms, the host " + std::to_string(host_ms));
  return Fingerprint(device.Read());
}

std::uint64_t HostFunctions() {
  const Stream stream;
  const DeviceArray<unsigned> device(std::vector<unsigned>(kCount, 1));
  Steps steps;
  std::vector<int> expected;
  for (unsigned round = 0; round < 20; ++round) {
    LaunchMix(device.data(), kCount, round, 1000, stream);
    Check(cudaLaunchHostFunc(stream, NoteOne, &steps), "cudaLaunchHostFunc");
    LaunchMix(device.data(), kCount, round, 1000, stream);
    Check(cudaLaunchHostFunc(stream, NoteTwo, &steps), "cudaLaunchHostFunc");
    expected.insert(expected.end(), {1, 2});
  }
  stream.Wait();
  Expect(steps.seen == expected,
         "the host functions ran " + std::to_string(steps.seen.size()) + " times or in another order");
  return Fingerprint(device.Read());
}

// A capture that forks and joins, updated by another one of the same form between launches.
std::uint64_t CapturedGraph() {
  constexpr unsigned kLaunches = 10;
  const Stream main, side;
  const Event fork(cudaEventDisableTiming), join(cudaEventDisableTiming);
  const DeviceArray<unsigned> left(std::vector<unsigned>(kCount, 1)), right(std::vector<unsigned>(kCount, 1));
  const auto capture = [&](unsigned salt) {
    cudaGraph_t graph = nullptr;
    Check(cudaStreamBeginCapture(main, cudaStreamCaptureModeGlobal), "cudaStreamBeginCapture");
    LaunchMix(left.data(), kCount, salt, 100, main);
    Check(cudaEventRecord(fork, main), "cudaEventRecord");
    Check(cudaStreamWaitEvent(side, fork, 0), "cudaStreamWaitEvent");
    LaunchMix(right.data(), kCount, salt + 1, 100, side);
    Check(cudaEventRecord(join, side), "cudaEventRecord");
    LaunchMix(left.data(), kCount, salt + 2, 100, main);
    Check(cudaStreamWaitEvent(main, join, 0), "cudaStreamWaitEvent");
    Check(cudaStreamEndCapture(main, &graph), "cudaStreamEndCapture");
    return graph;
  };
  const cudaGraph_t first = capture(3), second = capture(7);
  cudaGraphExec_t exec = nullptr;
  Check(cudaGraphInstantiate(&exec, first, 0), "cudaGraphInstantiate");
  for (unsigned i = 0; i < kLaunches; ++i) Check(cudaGraphLaunch(exec, main), "cudaGraphLaunch");
  cudaGraphExecUpdateResultInfo info{};
  Check(cudaGraphExecUpdate(exec, second, &info), "cudaGraphExecUpdate");
  for (unsigned i = 0; i < kLaunches; ++i) Check(cudaGraphLaunch(exec, main), "cudaGraphLaunch");
  main.Wait();
  Check(cudaGraphExecDestroy(exec), "cudaGraphExecDestroy");
  Check(cudaGraphDestroy(first), "cudaGraphDestroy");
  Check(cudaGraphDestroy(second), "cudaGraphDestroy");
  unsigned expected_left = 1, expected_right = 1;
  for (unsigned i = 0; i < 2 * kLaunches; ++i) {
    const unsigned salt = i < kLaunches ? 3 : 7;
    expected_left = Mixed(Mixed(expected_left, salt, 100), salt + 2, 100);
    expected_right = Mixed(expected_right, salt + 1, 100);
  }
  ExpectAll(left.Read(), expected_left);
  ExpectAll(right.Read(), expected_right);
  return Fingerprint(left.Read()) ^ Fingerprint(right.Read());
}

}  // namespace paella::gpu_test
