#include "scheduler_daemon/executor/array_transfers.h"

#include "ipc/arrays.h"
#include "scheduler_daemon/executor/client_objects.h"

namespace paella::scheduler_daemon {
namespace {

struct Box {
  std::uint64_t width_bytes, height, depth;
};

// One side, as the client says it and as the driver takes it.
struct Side {
  std::uint32_t kind;
  std::uint64_t place, x_bytes, y, z, pitch_bytes, slice_bytes;
  RangeUse use;
  CUmemorytype type = CU_MEMORYTYPE_UNIFIED;
  CUarray array = nullptr;
  std::byte* host = nullptr;

  std::uint64_t rows() const { return pitch_bytes == 0 ? 0 : slice_bytes / pitch_bytes; }
};

bool Holds(std::uint64_t extent, std::uint64_t offset, std::uint64_t size) {
  return offset <= extent && size <= extent - offset;
}

// The driver would refuse a box that leaves the array, too: but nothing of a client's goes there unchecked.
TransferVerdict ReadArray(Side& side, const Box& box, const ClientObjects& objects) {
  const auto info = objects.arrays().Find(side.place);
  if (!info) return TransferVerdict::kNotOwned;
  if (!Holds(info->width_bytes, side.x_bytes, box.width_bytes) || !Holds(info->height, side.y, box.height) ||
      !Holds(info->depth, side.z, box.depth)) {
    return TransferVerdict::kNotOwned;
  }
  side.type = CU_MEMORYTYPE_ARRAY;
  side.array = info->array;
  return TransferVerdict::kGood;
}

TransferVerdict ReadSide(Side& side, const Box& box, const ClientObjects& objects, std::span<std::byte> staging) {
  const auto kind = static_cast<ipc::CopySideKind>(side.kind);
  if (kind == ipc::CopySideKind::kArray) return ReadArray(side, box, objects);
  const auto extent = TransferExtent(box.width_bytes, side.pitch_bytes, box.height, side.slice_bytes, box.depth);
  const bool whole_rows = side.pitch_bytes == 0 || side.slice_bytes % side.pitch_bytes == 0;
  if (!extent || !whole_rows || (side.x_bytes | side.y | side.z) != 0) return TransferVerdict::kFormless;
  switch (kind) {
    case ipc::CopySideKind::kMemory:
      return objects.Owns(side.place, *extent, side.use) ? TransferVerdict::kGood : TransferVerdict::kNotOwned;
    case ipc::CopySideKind::kStaging:
      if (!Holds(staging.size(), side.place, *extent)) return TransferVerdict::kFormless;
      side.type = CU_MEMORYTYPE_HOST;
      side.host = staging.data() + side.place;
      return TransferVerdict::kGood;
    default: return TransferVerdict::kFormless;
  }
}

}  // namespace

TransferVerdict ReadArrayCopy(const ipc::CopyArray& copy, const ClientObjects& objects, std::span<std::byte> staging,
                              CUDA_MEMCPY3D& described) {
  const Box box{copy.width_bytes, copy.height_rows, copy.depth_slices};
  Side to{copy.destination_kind, copy.destination, copy.destination_x_bytes, copy.destination_y, copy.destination_z,
          copy.destination_pitch_bytes, copy.destination_slice_bytes, RangeUse::kWrite};
  Side from{copy.source_kind, copy.source, copy.source_x_bytes, copy.source_y, copy.source_z,
            copy.source_pitch_bytes, copy.source_slice_bytes, RangeUse::kRead};
  const auto array = static_cast<std::uint32_t>(ipc::CopySideKind::kArray);
  if (to.kind != array && from.kind != array) return TransferVerdict::kFormless;
  const TransferVerdict to_verdict = ReadSide(to, box, objects, staging);
  const TransferVerdict from_verdict = ReadSide(from, box, objects, staging);
  if (to_verdict == TransferVerdict::kFormless || from_verdict == TransferVerdict::kFormless) {
    return TransferVerdict::kFormless;
  }
  if (to_verdict != TransferVerdict::kGood) return to_verdict;
  if (from_verdict != TransferVerdict::kGood) return from_verdict;
  described = {};
  described.dstMemoryType = to.type;
  described.dstArray = to.array;
  described.dstHost = to.host;
  described.dstDevice = to.place;
  described.dstXInBytes = to.x_bytes;
  described.dstY = to.y;
  described.dstZ = to.z;
  described.dstPitch = to.pitch_bytes;
  described.dstHeight = to.rows();
  described.srcMemoryType = from.type;
  described.srcArray = from.array;
  described.srcHost = from.host;
  described.srcDevice = from.place;
  described.srcXInBytes = from.x_bytes;
  described.srcY = from.y;
  described.srcZ = from.z;
  described.srcPitch = from.pitch_bytes;
  described.srcHeight = from.rows();
  described.WidthInBytes = box.width_bytes;
  described.Height = box.height;
  described.Depth = box.depth;
  return TransferVerdict::kGood;
}

}  // namespace paella::scheduler_daemon
