#include "tests/integration/programs/values.h"

#include <cstring>
#include <memory>
#include <vector>

#include "tests/integration/programs/sharing_peer.h"

namespace paella::integration {
namespace {

using examples::Check;

// Done when it returns: a copy from pageable memory may be on its way only, and non-blocking streams do not wait for
// it.
void WriteNow(CUdeviceptr address, unsigned value) {
  Check(cuMemcpyHtoD(address, &value, sizeof value), "cuMemcpyHtoD");
  Check(cuStreamSynchronize(nullptr), "cuStreamSynchronize");
}

unsigned ReadNow(CUdeviceptr address) {
  unsigned value = 0;
  Check(cuMemcpyDtoH(&value, address, sizeof value), "cuMemcpyDtoH");
  return value;
}

// A wait in one stream, ended by a write in another one, by the host, or by a kernel.
void WaitsEnd(CUdeviceptr word, CUdeviceptr result, const Kernels& kernels) {
  const Stream waits(CU_STREAM_NON_BLOCKING), writes(CU_STREAM_NON_BLOCKING);
  const auto mark = [&](unsigned value) { Check(cuMemsetD32Async(result, value, 1, waits), "cuMemsetD32Async"); };
  WriteNow(word, 0);
  WriteNow(result, 0);
  Check(cuStreamWaitValue32(waits, word, 5, CU_STREAM_WAIT_VALUE_GEQ), "cuStreamWaitValue32");
  mark(1);
  ExpectResult(cuStreamQuery(waits), CUDA_ERROR_NOT_READY, "a stream that waits for a value");
  Expect(ReadNow(result) == 0, "what is behind the wait came first");
  Check(cuStreamWriteValue32(writes, word, 6, CU_STREAM_WRITE_VALUE_DEFAULT), "cuStreamWriteValue32");
  waits.Synchronize();
  Expect(ReadNow(result) == 1, "what is behind the wait");

  Check(cuStreamWaitValue32(waits, word, 9, CU_STREAM_WAIT_VALUE_EQ), "cuStreamWaitValue32");
  mark(2);
  ExpectResult(cuStreamQuery(waits), CUDA_ERROR_NOT_READY, "a stream that waits for the host");
  WriteNow(word, 9);
  waits.Synchronize();
  Expect(ReadNow(result) == 2, "what is behind the wait for the host");

  WriteNow(word, 0);
  Check(cuStreamWaitValue32(waits, word, 1, CU_STREAM_WAIT_VALUE_AND), "cuStreamWaitValue32");
  mark(3);
  kernels.WriteTo(word, writes);
  waits.Synchronize();
  Expect(ReadNow(result) == 3, "what is behind the wait for a kernel");
}

// A value that its own stream writes first.
void AStreamSeesItsOwnWrites(CUdeviceptr word) {
  const Stream stream(CU_STREAM_NON_BLOCKING);
  for (cuuint64_t value = 1; value < 20; ++value) {
    Check(cuStreamWriteValue64(stream, word, value << 33, CU_STREAM_WRITE_VALUE_DEFAULT), "cuStreamWriteValue64");
    Check(cuStreamWaitValue64(stream, word, value << 33, CU_STREAM_WAIT_VALUE_EQ), "cuStreamWaitValue64");
  }
  stream.Synchronize();
}

}  // namespace

int Values() {
  const examples::Gpu gpu(integration_sharing_kernels);
  const Kernels kernels(gpu);
  const examples::DeviceBuffer device(64);
  examples::PinnedArray<unsigned> pinned(16);
  std::memset(pinned.data(), 0, 64);
  Check(cuMemsetD8(device.address(), 0, 64), "cuMemsetD8");
  const CUdeviceptr result = device.address() + 32;
  for (const CUdeviceptr word : {pinned.device_address(), device.address()}) {
    WaitsEnd(word, result, kernels);
    AStreamSeesItsOwnWrites(word + 8);
  }
  Say("values: written and waited for");
  return 0;
}

int ManyWaits() {
  constexpr int kStreams = 40;
  const examples::Gpu gpu(integration_sharing_kernels);
  const Kernels kernels(gpu);
  const examples::DeviceBuffer result(64);
  for (const bool in_device_memory : {false, true}) {
    examples::PinnedArray<unsigned> pinned(16);
    const CUdeviceptr word = in_device_memory ? result.address() + 32 : pinned.device_address();
    WriteNow(word, 0);
    std::vector<std::unique_ptr<Stream>> waits;
    for (int i = 0; i < kStreams; ++i) {
      waits.push_back(std::make_unique<Stream>(CU_STREAM_NON_BLOCKING));
      Check(cuStreamWaitValue32(*waits.back(), word, 1, CU_STREAM_WAIT_VALUE_EQ), "cuStreamWaitValue32");
    }
    const Stream works(CU_STREAM_NON_BLOCKING);
    kernels.Fill(result.address(), 1, 77, works);
    works.Synchronize();
    Expect(ReadNow(result.address()) == 77, "work beside streams that wait");
    for (const auto& stream : waits) ExpectResult(cuStreamQuery(*stream), CUDA_ERROR_NOT_READY, "a stream that waits");
    Check(cuStreamWriteValue32(works, word, 1, CU_STREAM_WRITE_VALUE_DEFAULT), "cuStreamWriteValue32");
    for (const auto& stream : waits) stream->Synchronize();
  }
  Say("values: many streams waited");
  return 0;
}

}  // namespace paella::integration
