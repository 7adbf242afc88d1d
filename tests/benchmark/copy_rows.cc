// Copies, each waited for: pinned and pageable memory to and from the device, and within the device.
#include <algorithm>
#include <span>
#include <vector>

#include "tests/benchmark/batch_timer.h"
#include "tests/benchmark/driver_rows.h"

namespace paella::benchmarks {
namespace {

using examples::DeviceBuffer;
using examples::PinnedArray;

constexpr std::uint64_t kKiB = 1 << 10, kMiB = 1 << 20, kGiB = 1 << 30;
constexpr std::uint64_t kPinnedSizes[] = {4 * kKiB, 64 * kKiB, kMiB, 16 * kMiB, 64 * kMiB, kGiB};
constexpr std::uint64_t kPageableSizes[] = {kMiB, 64 * kMiB, kGiB};

// Memory that the rows share, because to make it takes far longer than to copy it: made at first use, written once so
// that its pages exist, and kept to the end, since a context that ends takes its memory along.
class Buffers {
 public:
  explicit Buffers(std::uint64_t bytes) : bytes_(bytes) {}

  CUdeviceptr device() { return Device(device_); }
  CUdeviceptr other_device() { return Device(other_device_); }

  void* pinned() {
    if (pinned_ == nullptr) {
      pinned_ = new PinnedArray<unsigned>(bytes_ / sizeof(unsigned));
      std::fill_n(pinned_->data(), bytes_ / sizeof(unsigned), 1u);
    }
    return pinned_->data();
  }

  void* pageable() {
    if (pageable_.empty()) pageable_.assign(bytes_ / sizeof(unsigned), 1u);
    return pageable_.data();
  }

 private:
  CUdeviceptr Device(DeviceBuffer*& buffer) const {
    if (buffer == nullptr) buffer = new DeviceBuffer(bytes_);
    return buffer->address();
  }

  const std::uint64_t bytes_;
  DeviceBuffer* device_ = nullptr;
  DeviceBuffer* other_device_ = nullptr;
  PinnedArray<unsigned>* pinned_ = nullptr;
  std::vector<unsigned> pageable_;
};

template <typename Copy>
void TimeCopies(benchmark::State& state, std::uint64_t bytes, Copy copy) {
  copy();
  TimeBatches(state, 1, copy);
  ReportBandwidth(state, static_cast<double>(bytes));
}

void PinnedToDevice(benchmark::State& state, Buffers& buffers, std::uint64_t bytes) {
  const Stream stream;
  const CUdeviceptr device = buffers.device();
  const void* const host = buffers.pinned();
  TimeCopies(state, bytes, [&] {
    Check(cuMemcpyHtoDAsync(device, host, bytes, stream.handle()), "cuMemcpyHtoDAsync");
    stream.Synchronize();
  });
}

void DeviceToPinned(benchmark::State& state, Buffers& buffers, std::uint64_t bytes) {
  const Stream stream;
  const CUdeviceptr device = buffers.device();
  void* const host = buffers.pinned();
  TimeCopies(state, bytes, [&] {
    Check(cuMemcpyDtoHAsync(host, device, bytes, stream.handle()), "cuMemcpyDtoHAsync");
    stream.Synchronize();
  });
}

void PageableToDevice(benchmark::State& state, Buffers& buffers, std::uint64_t bytes) {
  const CUdeviceptr device = buffers.device();
  const void* const host = buffers.pageable();
  TimeCopies(state, bytes, [&] {
    Check(cuMemcpyHtoD(device, host, bytes), "cuMemcpyHtoD");
    Check(cuCtxSynchronize(), "cuCtxSynchronize");  // the call may return when the bytes are staged
  });
}

void DeviceToPageable(benchmark::State& state, Buffers& buffers, std::uint64_t bytes) {
  const CUdeviceptr device = buffers.device();
  void* const host = buffers.pageable();
  TimeCopies(state, bytes, [&] { Check(cuMemcpyDtoH(host, device, bytes), "cuMemcpyDtoH"); });
}

void DeviceToDevice(benchmark::State& state, Buffers& buffers, std::uint64_t bytes) {
  const Stream stream;
  const CUdeviceptr from = buffers.device(), to = buffers.other_device();
  TimeCopies(state, bytes, [&] {
    Check(cuMemcpyDtoDAsync(to, from, bytes, stream.handle()), "cuMemcpyDtoDAsync");
    stream.Synchronize();
  });
}

using CopyFunction = void (*)(benchmark::State&, Buffers&, std::uint64_t);

void AddCopies(const std::string& name, CopyFunction function, std::span<const std::uint64_t> sizes, Buffers& buffers,
               std::uint64_t max_bytes) {
  for (const std::uint64_t bytes : sizes) {
    if (bytes > max_bytes) continue;
    AddRow(name + "/" + SizeName(bytes), [=, &buffers](auto& state) { function(state, buffers, bytes); })
        ->Unit(benchmark::kMicrosecond);
  }
}

}  // namespace

void RegisterCopyRows(const Options& options) {
  static Buffers& buffers = *new Buffers(std::min(options.max_bytes, kGiB));
  AddCopies("copy/pinned_to_device", PinnedToDevice, kPinnedSizes, buffers, options.max_bytes);
  AddCopies("copy/device_to_pinned", DeviceToPinned, kPinnedSizes, buffers, options.max_bytes);
  AddCopies("copy/pageable_to_device", PageableToDevice, kPageableSizes, buffers, options.max_bytes);
  AddCopies("copy/device_to_pageable", DeviceToPageable, kPageableSizes, buffers, options.max_bytes);
  AddCopies("copy/device_to_device", DeviceToDevice, kPinnedSizes, buffers, options.max_bytes);
}

}  // namespace paella::benchmarks
