#include "scheduler_daemon/executor/transfers.h"

#include "scheduler_daemon/executor/client_objects.h"

namespace paella::scheduler_daemon {
namespace {

TransferVerdict Owned(bool owned) { return owned ? TransferVerdict::kGood : TransferVerdict::kNotOwned; }

}  // namespace

std::optional<std::uint64_t> TransferExtent(std::uint64_t width, std::uint64_t pitch, std::uint64_t height,
                                            std::uint64_t slice, std::uint64_t depth) {
  if (width == 0 || height == 0 || depth == 0) return 0;
  std::uint64_t rows = 0;
  std::uint64_t slices = 0;
  std::uint64_t total = 0;
  if (__builtin_mul_overflow(pitch, height - 1, &rows) || __builtin_mul_overflow(slice, depth - 1, &slices) ||
      __builtin_add_overflow(rows, slices, &total) || __builtin_add_overflow(total, width, &total)) {
    return std::nullopt;
  }
  return total;
}

TransferVerdict CheckTransfer(const ipc::Copy& copy, const ClientObjects& objects) {
  return Owned(objects.Owns(copy.destination, copy.size_bytes, RangeUse::kWrite) &&
               objects.Owns(copy.source, copy.size_bytes, RangeUse::kRead));
}

TransferVerdict CheckTransfer(const ipc::CopyStrided& copy, const ClientObjects& objects) {
  const auto to = TransferExtent(copy.width_bytes, copy.destination_pitch_bytes, copy.height_rows,
                                 copy.destination_slice_bytes, copy.depth_slices);
  const auto from = TransferExtent(copy.width_bytes, copy.source_pitch_bytes, copy.height_rows,
                                   copy.source_slice_bytes, copy.depth_slices);
  // The driver counts slices in rows.
  const auto whole_rows = [](std::uint64_t slice, std::uint64_t pitch) { return pitch == 0 || slice % pitch == 0; };
  if (!to || !from || !whole_rows(copy.destination_slice_bytes, copy.destination_pitch_bytes) ||
      !whole_rows(copy.source_slice_bytes, copy.source_pitch_bytes)) {
    return TransferVerdict::kFormless;
  }
  return Owned(objects.Owns(copy.destination, *to, RangeUse::kWrite) &&
               objects.Owns(copy.source, *from, RangeUse::kRead));
}

TransferVerdict CheckTransfer(const ipc::Memset& memset, const ClientObjects& objects) {
  std::uint64_t width_bytes = 0;
  if (__builtin_mul_overflow(memset.width_elements, std::uint64_t{memset.element_bytes}, &width_bytes)) {
    return TransferVerdict::kFormless;
  }
  const auto extent = TransferExtent(width_bytes, memset.pitch_bytes, memset.height_rows, 0, 1);
  if (!extent) return TransferVerdict::kFormless;
  return Owned(objects.Owns(memset.destination, *extent, RangeUse::kWrite));
}

CUDA_MEMCPY3D DescribeTransfer(const ipc::Copy& copy) {
  CUDA_MEMCPY3D described{};
  // What an address is, the driver finds out itself.
  described.srcMemoryType = described.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  described.srcDevice = copy.source;
  described.dstDevice = copy.destination;
  described.srcPitch = described.dstPitch = described.WidthInBytes = copy.size_bytes;
  described.srcHeight = described.dstHeight = described.Height = described.Depth = 1;
  return described;
}

CUDA_MEMCPY3D DescribeTransfer(const ipc::CopyStrided& copy) {
  const auto rows = [](std::uint64_t slice, std::uint64_t pitch) { return pitch == 0 ? 0 : slice / pitch; };
  CUDA_MEMCPY3D described{};
  described.srcMemoryType = described.dstMemoryType = CU_MEMORYTYPE_UNIFIED;
  described.srcDevice = copy.source;
  described.srcPitch = copy.source_pitch_bytes;
  described.srcHeight = rows(copy.source_slice_bytes, copy.source_pitch_bytes);
  described.dstDevice = copy.destination;
  described.dstPitch = copy.destination_pitch_bytes;
  described.dstHeight = rows(copy.destination_slice_bytes, copy.destination_pitch_bytes);
  described.WidthInBytes = copy.width_bytes;
  described.Height = copy.height_rows;
  described.Depth = copy.depth_slices;
  return described;
}

CUDA_MEMSET_NODE_PARAMS DescribeTransfer(const ipc::Memset& memset) {
  CUDA_MEMSET_NODE_PARAMS described{};
  described.dst = memset.destination;
  described.pitch = memset.pitch_bytes;
  described.value = memset.value;
  described.elementSize = memset.element_bytes;
  described.width = memset.width_elements;
  described.height = memset.height_rows;
  return described;
}

}  // namespace paella::scheduler_daemon
