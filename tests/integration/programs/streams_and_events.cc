// The rules of order between streams, each with a kernel in flight that only the host can end.
#include <thread>

#include "tests/integration/programs/scenarios.h"

namespace paella::integration {
namespace {

using examples::Check;
using examples::DeviceBuffer;
using examples::PinnedArray;

constexpr unsigned kCount = 64;
constexpr std::size_t kBytes = kCount * sizeof(unsigned);

class Event {
 public:
  explicit Event(unsigned flags = CU_EVENT_DEFAULT) { Check(cuEventCreate(&event_, flags), "cuEventCreate"); }
  ~Event() { cuEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator CUevent() const { return event_; }  // NOLINT: as Stream
  void Record(CUstream stream) const { Check(cuEventRecord(event_, stream), "cuEventRecord"); }

 private:
  CUevent event_ = nullptr;
};

void ExpectValues(const DeviceBuffer& device, unsigned first, unsigned rounds, const char* what) {
  std::vector<unsigned> host(kCount);
  Check(cuMemcpyDtoH(host.data(), device.address(), kBytes), "cuMemcpyDtoH");
  for (unsigned i = 0; i < kCount; ++i) Expect(host[i] == Mixed(first + i, rounds), what);
}

void CrossStreamWait(const Kernels& kernels) {
  Flag flag;
  const Stream first(CU_STREAM_NON_BLOCKING), second(CU_STREAM_NON_BLOCKING);
  const Event filled(CU_EVENT_DISABLE_TIMING);
  const DeviceBuffer values(kBytes);
  kernels.AwaitFlag(flag.address(), first);
  kernels.Fill(values.address(), kCount, 5, first);
  filled.Record(first);
  Check(cuStreamWaitEvent(second, filled, 0), "cuStreamWaitEvent");
  kernels.Mix(values.address(), kCount, 3, second);
  ExpectResult(cuStreamQuery(first), CUDA_ERROR_NOT_READY, "cuStreamQuery of a busy stream");
  ExpectResult(cuStreamQuery(second), CUDA_ERROR_NOT_READY, "cuStreamQuery of a stream that waits");
  ExpectResult(cuEventQuery(filled), CUDA_ERROR_NOT_READY, "cuEventQuery before its stream is there");
  flag.Raise();
  second.Synchronize();
  ExpectResult(cuEventQuery(filled), CUDA_SUCCESS, "cuEventQuery of what has happened");
  ExpectValues(values, 5, 3, "a stream did not wait for an event");
}

// A later record of the event does not move a wait that was posted before it.
void WaitKeepsItsRecord(const Kernels& kernels) {
  Flag flag;
  const Stream first(CU_STREAM_NON_BLOCKING), second(CU_STREAM_NON_BLOCKING), third(CU_STREAM_NON_BLOCKING);
  const Event event(CU_EVENT_DISABLE_TIMING);
  const DeviceBuffer values(kBytes);
  kernels.Fill(values.address(), kCount, 9, first);
  event.Record(first);
  Check(cuStreamWaitEvent(second, event, 0), "cuStreamWaitEvent");
  kernels.AwaitFlag(flag.address(), third);
  event.Record(third);
  kernels.Mix(values.address(), kCount, 2, second);
  second.Synchronize();
  ExpectResult(cuEventQuery(event), CUDA_ERROR_NOT_READY, "cuEventQuery after the second record");
  flag.Raise();
  Check(cuEventSynchronize(event), "cuEventSynchronize");
  ExpectValues(values, 9, 2, "a wait followed a record after it");
}

void LegacyStream(const Kernels& kernels) {
  Flag flag;
  const Stream blocking, other_blocking, independent(CU_STREAM_NON_BLOCKING);
  const DeviceBuffer values(kBytes), others(kBytes);
  kernels.AwaitFlag(flag.address(), blocking);
  kernels.Fill(values.address(), kCount, 1, blocking);
  kernels.Mix(values.address(), kCount, 1, nullptr);         // behind every blocking stream
  kernels.Mix(values.address(), kCount, 2, other_blocking);  // behind the legacy stream
  kernels.Fill(others.address(), kCount, 7, independent);
  independent.Synchronize();
  ExpectResult(cuStreamQuery(nullptr), CUDA_ERROR_NOT_READY, "the legacy stream does not wait for a blocking one");
  ExpectResult(cuStreamQuery(other_blocking), CUDA_ERROR_NOT_READY, "a blocking stream does not wait for the legacy one");
  flag.Raise();
  other_blocking.Synchronize();
  ExpectValues(values, 1, 3, "the legacy stream's order");
  ExpectValues(others, 7, 0, "a non-blocking stream's values");
}

void PerThreadStreams(const Kernels& kernels, CUcontext context) {
  const auto work = [&](unsigned first) {
    Check(cuCtxSetCurrent(context), "cuCtxSetCurrent");
    const DeviceBuffer values(kBytes);
    kernels.Fill(values.address(), kCount, first, CU_STREAM_PER_THREAD);
    for (unsigned i = 0; i < 5; ++i) kernels.Mix(values.address(), kCount, 1, CU_STREAM_PER_THREAD);
    Check(cuStreamSynchronize(CU_STREAM_PER_THREAD), "cuStreamSynchronize");
    ExpectValues(values, first, 5, "a thread's own stream");
  };
  std::thread one(work, 11), two(work, 12);
  one.join();
  two.join();
}

void TimingEvents(const Kernels& kernels) {
  Flag flag;
  const Stream stream;
  const Event start, end, untimed(CU_EVENT_DISABLE_TIMING);
  const DeviceBuffer values(kBytes);
  float milliseconds = -1;
  start.Record(stream);
  kernels.AwaitFlag(flag.address(), stream);
  end.Record(stream);
  untimed.Record(stream);
  ExpectResult(cuEventElapsedTime(&milliseconds, start, end), CUDA_ERROR_NOT_READY, "the time of what is not done");
  flag.Raise();
  Check(cuEventSynchronize(end), "cuEventSynchronize");
  Check(cuEventElapsedTime(&milliseconds, start, end), "cuEventElapsedTime");
  Expect(milliseconds > 0, "a kernel took no time");
  stream.Synchronize();
  ExpectResult(cuEventElapsedTime(&milliseconds, start, untimed), CUDA_ERROR_INVALID_HANDLE, "the time of an untimed event");
}

void OddUses(const Kernels& kernels) {
  const Event never(CU_EVENT_DISABLE_TIMING);
  const DeviceBuffer values(kBytes);
  ExpectResult(cuEventQuery(never), CUDA_SUCCESS, "cuEventQuery of an event that was never recorded");
  Flag flag;
  CUstream stream = nullptr;
  Check(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), "cuStreamCreate");
  Check(cuStreamWaitEvent(stream, never, 0), "cuStreamWaitEvent");
  kernels.AwaitFlag(flag.address(), stream);
  kernels.Fill(values.address(), kCount, 3, stream);
  Check(cuStreamDestroy(stream), "cuStreamDestroy");  // what is in it is done all the same
  flag.Raise();
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  ExpectValues(values, 3, 0, "what was in a destroyed stream");
}

void ManyStreams(const Kernels& kernels) {
  constexpr unsigned kStreams = 100;  // more than the GPU has queues
  std::vector<CUstream> streams(kStreams);
  const DeviceBuffer values(kStreams * kBytes);
  for (unsigned i = 0; i < kStreams; ++i) {
    Check(cuStreamCreateWithPriority(&streams[i], CU_STREAM_NON_BLOCKING, i % 2 == 0 ? 0 : -1), "cuStreamCreateWithPriority");
    kernels.Fill(values.address() + i * kBytes, kCount, i, streams[i]);
  }
  Check(cuCtxSynchronize(), "cuCtxSynchronize");
  std::vector<unsigned> host(kStreams * kCount);
  Check(cuMemcpyDtoH(host.data(), values.address(), kStreams * kBytes), "cuMemcpyDtoH");
  for (unsigned i = 0; i < host.size(); ++i) Expect(host[i] == i / kCount + i % kCount, "one of many streams");
  for (const CUstream stream : streams) Check(cuStreamDestroy(stream), "cuStreamDestroy");
}

}  // namespace

int StreamsAndEvents(Arguments) {
  const examples::Gpu gpu(integration_client_kernels);
  const Kernels kernels(gpu);
  CUcontext context = nullptr;
  Check(cuCtxGetCurrent(&context), "cuCtxGetCurrent");
  CrossStreamWait(kernels);
  WaitKeepsItsRecord(kernels);
  LegacyStream(kernels);
  PerThreadStreams(kernels, context);
  TimingEvents(kernels);
  OddUses(kernels);
  ManyStreams(kernels);
  Say("streams_and_events: every order was kept");
  return 0;
}

}  // namespace paella::integration
