#include "shim/array_copies.h"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

#include "ipc/arrays.h"
#include "shim/copies.h"
#include "shim/copy_descriptions.h"
#include "shim/streaming_copy.h"
#include "shim/unsupported.h"

namespace paella::shim {
namespace {

// What goes through the staging area at once: whole elements, of whatever size.
constexpr std::uint64_t kPieceBytes = 512 << 10;
// The GPU fetches some while others are read. They are allotted together: who waits for room holds none.
constexpr std::size_t kPiecesInFlight = 4;

// A copy as it was read: sides that are arrays are in the record already, a side that is memory is in `memory`.
struct ArrayCopy {
  ipc::CopyArray record;
  StridedCopy memory;  // its size is the whole copy's
  std::shared_ptr<const Array> destination, source;  // null: memory
};

// A part of the box, from its corner.
struct Piece {
  std::uint64_t x_bytes, y, z;
  std::uint64_t width_bytes, height, depth;

  std::uint64_t rows() const { return height * depth; }
  std::uint64_t bytes() const { return width_bytes * rows(); }
};

std::uint32_t Number(ipc::CopySideKind kind) { return static_cast<std::uint32_t>(kind); }

bool Holds(std::uint64_t extent, std::uint64_t offset, std::uint64_t size) {
  return offset <= extent && size <= extent - offset;
}

// What an array's side is to say.
struct Corner {
  CUarray handle;
  std::size_t level_of_detail, x_bytes, y, z;
};

CUresult ReadArray(const Client& client, const Corner& corner, const StridedCopy& box,
                   std::shared_ptr<const Array>& array) {
  if (corner.handle == nullptr || corner.level_of_detail != 0) return CUDA_ERROR_INVALID_VALUE;
  array = client.arrays.Find(corner.handle);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const bool is_whole = corner.x_bytes % array->element_bytes == 0 && box.width_bytes % array->element_bytes == 0;
  const bool is_inside = Holds(array->width_bytes(), corner.x_bytes, box.width_bytes) &&
                         Holds(array->rows(), corner.y, box.height_rows) &&
                         Holds(array->slices(), corner.z, box.depth_slices);
  return is_whole && is_inside ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult ReadDestination(const Client& client, const CUDA_MEMCPY3D& from, ArrayCopy& copy) {
  if (from.dstMemoryType != CU_MEMORYTYPE_ARRAY) {
    return LocateDestination(from, copy.memory) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }
  const Corner corner{from.dstArray, from.dstLOD, from.dstXInBytes, from.dstY, from.dstZ};
  const CUresult result = ReadArray(client, corner, copy.memory, copy.destination);
  if (result != CUDA_SUCCESS) return result;
  copy.record.destination_kind = Number(ipc::CopySideKind::kArray);
  copy.record.destination = copy.destination->number;
  copy.record.destination_x_bytes = corner.x_bytes;
  copy.record.destination_y = corner.y;
  copy.record.destination_z = corner.z;
  return CUDA_SUCCESS;
}

CUresult ReadSource(const Client& client, const CUDA_MEMCPY3D& from, ArrayCopy& copy) {
  if (from.srcMemoryType != CU_MEMORYTYPE_ARRAY) {
    return LocateSource(from, copy.memory) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }
  const Corner corner{from.srcArray, from.srcLOD, from.srcXInBytes, from.srcY, from.srcZ};
  const CUresult result = ReadArray(client, corner, copy.memory, copy.source);
  if (result != CUDA_SUCCESS) return result;
  copy.record.source_kind = Number(ipc::CopySideKind::kArray);
  copy.record.source = copy.source->number;
  copy.record.source_x_bytes = corner.x_bytes;
  copy.record.source_y = corner.y;
  copy.record.source_z = corner.z;
  return CUDA_SUCCESS;
}

CUresult Read(const Client& client, const CUDA_MEMCPY3D& description, ArrayCopy& copy) {
  copy.memory.width_bytes = description.WidthInBytes;
  copy.memory.height_rows = description.Height;
  copy.memory.depth_slices = description.Depth;
  if (const CUresult result = ReadDestination(client, description, copy); result != CUDA_SUCCESS) return result;
  if (const CUresult result = ReadSource(client, description, copy); result != CUDA_SUCCESS) return result;
  const bool both = copy.destination != nullptr && copy.source != nullptr;
  const bool fit = !both || copy.destination->element_bytes == copy.source->element_bytes;
  return fit ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

// Whole slices, or whole rows of one slice, or a part of one row.
std::vector<Piece> Cut(const StridedCopy& box) {
  const std::uint64_t width = std::min(box.width_bytes, kPieceBytes);
  const std::uint64_t height = std::clamp<std::uint64_t>(kPieceBytes / box.width_bytes, 1, box.height_rows);
  const std::uint64_t slice_bytes = box.width_bytes * box.height_rows;
  const std::uint64_t depth = std::clamp<std::uint64_t>(kPieceBytes / slice_bytes, 1, box.depth_slices);
  std::vector<Piece> pieces;
  for (std::uint64_t z = 0; z < box.depth_slices; z += depth) {
    for (std::uint64_t y = 0; y < box.height_rows; y += height) {
      for (std::uint64_t x = 0; x < box.width_bytes; x += width) {
        pieces.push_back({x, y, z, std::min(width, box.width_bytes - x), std::min(height, box.height_rows - y),
                          std::min(depth, box.depth_slices - z)});
      }
    }
  }
  return pieces;
}

// The command that moves a piece between its array and the staging area.
ipc::CopyArray RecordOf(const ArrayCopy& copy, const Stream& stream, const Piece& piece, std::uint64_t offset) {
  ipc::CopyArray record = copy.record;
  record.stream = stream.number;
  record.width_bytes = piece.width_bytes;
  record.height_rows = piece.height;
  record.depth_slices = piece.depth;
  if (copy.destination != nullptr) {
    record.destination_x_bytes += piece.x_bytes;
    record.destination_y += piece.y;
    record.destination_z += piece.z;
    record.source_kind = Number(ipc::CopySideKind::kStaging);
    record.source = offset;
    record.source_pitch_bytes = piece.width_bytes;
    record.source_slice_bytes = piece.width_bytes * piece.height;
  } else {
    record.source_x_bytes += piece.x_bytes;
    record.source_y += piece.y;
    record.source_z += piece.z;
    record.destination_kind = Number(ipc::CopySideKind::kStaging);
    record.destination = offset;
    record.destination_pitch_bytes = piece.width_bytes;
    record.destination_slice_bytes = piece.width_bytes * piece.height;
  }
  return record;
}

// A row of a piece in the program's memory.
std::byte* Row(std::uint64_t corner, std::uint64_t pitch_bytes, std::uint64_t slice_bytes, const Piece& piece,
               std::uint64_t row) {
  const std::uint64_t z = piece.z + row / piece.height, y = piece.y + row % piece.height;
  return reinterpret_cast<std::byte*>(corner + z * slice_bytes + y * pitch_bytes + piece.x_bytes);
}

CUresult FromPageable(Client& client, const Stream& stream, const ArrayCopy& copy) {
  const StridedCopy& memory = copy.memory;
  for (const Piece& piece : Cut(memory)) {
    StagingRange range;
    if (const CUresult result = AllotStaging(client, piece.bytes(), range); result != CUDA_SUCCESS) return result;
    std::byte* const staged = client.channel.staging().data() + range.offset;
    for (std::uint64_t row = 0; row < piece.rows(); ++row) {
      StreamingCopy(staged + row * piece.width_bytes,
                    Row(memory.corner.source, memory.source_pitch_bytes, memory.source_slice_bytes, piece, row),
                    piece.width_bytes);
    }
    ipc::CopyArray record = RecordOf(copy, stream, piece, range.offset);
    if (const CUresult posted = client.submission.PostCommand(record); posted != CUDA_SUCCESS) {
      client.staging.FreeNow(range);
      return posted;
    }
    client.staging.FreeAfter(range, stream.number, record.sequence);
  }
  return CUDA_SUCCESS;
}

// One group of pieces. After a failure nothing is staged any more, so what was allotted does not matter then.
CUresult Fetch(Client& client, const Stream& stream, const ArrayCopy& copy, std::span<const Piece> pieces) {
  const StridedCopy& memory = copy.memory;
  StagingRange range;
  if (const CUresult result = AllotStaging(client, pieces.size() * kPieceBytes, range); result != CUDA_SUCCESS) {
    return result;
  }
  std::uint64_t sequences[kPiecesInFlight];
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    ipc::CopyArray record = RecordOf(copy, stream, pieces[i], range.offset + i * kPieceBytes);
    if (const CUresult posted = client.submission.PostCommand(record); posted != CUDA_SUCCESS) return posted;
    sequences[i] = record.sequence;
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const CUresult result = client.submission.WaitFor(stream.number, sequences[i], client.wait_style());
    if (result != CUDA_SUCCESS) return result;
    const std::byte* const staged = client.channel.staging().data() + range.offset + i * kPieceBytes;
    for (std::uint64_t row = 0; row < pieces[i].rows(); ++row) {
      StreamingCopy(Row(memory.corner.destination, memory.destination_pitch_bytes, memory.destination_slice_bytes,
                        pieces[i], row),
                    staged + row * pieces[i].width_bytes, pieces[i].width_bytes);
    }
  }
  client.staging.FreeNow(range);
  return client.submission.Failure();
}

CUresult ToPageable(Client& client, const Stream& stream, const ArrayCopy& copy) {
  const std::vector<Piece> pieces = Cut(copy.memory);
  for (std::size_t first = 0; first < pieces.size(); first += kPiecesInFlight) {
    const auto group = std::span(pieces).subspan(first, std::min(kPiecesInFlight, pieces.size() - first));
    if (const CUresult result = Fetch(client, stream, copy, group); result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

// What the GPU does alone; waits for just that if the host looks at the bytes next.
CUresult OnGpu(Client& client, const Stream& stream, ArrayCopy& copy, bool wait) {
  ipc::CopyArray& record = copy.record;
  record.stream = stream.number;
  record.width_bytes = copy.memory.width_bytes;
  record.height_rows = copy.memory.height_rows;
  record.depth_slices = copy.memory.depth_slices;
  if (copy.destination == nullptr) {
    record.destination = copy.memory.corner.destination;
    record.destination_pitch_bytes = copy.memory.destination_pitch_bytes;
    record.destination_slice_bytes = copy.memory.destination_slice_bytes;
  }
  if (copy.source == nullptr) {
    record.source = copy.memory.corner.source;
    record.source_pitch_bytes = copy.memory.source_pitch_bytes;
    record.source_slice_bytes = copy.memory.source_slice_bytes;
  }
  if (const CUresult posted = client.submission.PostCommand(record); posted != CUDA_SUCCESS || !wait) return posted;
  const CUresult result = client.submission.WaitFor(stream.number, record.sequence, client.wait_style());
  return result != CUDA_SUCCESS ? result : client.submission.Failure();
}

}  // namespace

CUresult PostArrayCopy(Client& client, Stream& stream, const CUDA_MEMCPY3D& description, bool synchronous) {
  ArrayCopy copy;
  if (const CUresult result = Read(client, description, copy); result != CUDA_SUCCESS) return result;
  const StridedCopy& box = copy.memory;
  if (box.width_bytes == 0 || box.height_rows == 0 || box.depth_slices == 0) return CUDA_SUCCESS;
  if (!stream.IsOrdinary()) {
    return synchronous ? client.captures.Refuse(stream) : UnsupportedForm("a copy of an array in a graph");
  }
  if (copy.destination != nullptr && copy.source != nullptr) return OnGpu(client, stream, copy, false);
  const bool from_memory = copy.source == nullptr;
  const Reach reach = from_memory ? ReachOfSource(client, box) : ReachOfDestination(client, box);
  switch (reach) {
    case Reach::kInvalid: return CUDA_ERROR_INVALID_VALUE;
    case Reach::kPageable:
      return from_memory ? FromPageable(client, stream, copy) : ToPageable(client, stream, copy);
    case Reach::kDevice:
    case Reach::kPinned: break;
  }
  return OnGpu(client, stream, copy, synchronous && reach == Reach::kPinned);
}

}  // namespace paella::shim
