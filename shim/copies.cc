#include "shim/copies.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "shim/copy_descriptions.h"
#include "shim/streaming_copy.h"

namespace paella::shim {
namespace {

// A copy goes through the staging area in chunks, so that the GPU moves one while the host copies the next: small ones
// where there are few, and else few calls.
constexpr std::uint64_t kLargeChunkBytes = 512 << 10;
constexpr std::uint64_t kSmallChunkBytes = 128 << 10;
// How many chunks of a device-to-host copy are on their way at once: the GPU fills one while we empty another.
constexpr std::uint64_t kChunksInFlight = 4;
// How much one keeps its slots for: the copies of other threads get their turn in between.
constexpr std::uint64_t kPartBytes = 64 << 20;
constexpr int kSpinsForStaging = 2000;

std::uint64_t ChunkBytes(std::uint64_t copy_bytes) {
  return copy_bytes < 8 * kLargeChunkBytes ? kSmallChunkBytes : kLargeChunkBytes;
}

Reach ReachOf(const Client& client, Place place, std::uint64_t address, std::uint64_t size_bytes, MemoryUse use) {
  if (const auto allocation = client.allocations.FindRange(address, size_bytes, use)) {
    if (allocation->IsHost()) return Reach::kPinned;
    return place == Place::kHost ? Reach::kInvalid : Reach::kDevice;
  }
  if (place == Place::kDevice || address == 0 || client.OwnsAddress(address)) return Reach::kInvalid;
  return Reach::kPageable;
}

void* HostPointer(std::uint64_t address) { return reinterpret_cast<void*>(address); }

CUresult FromPageable(Client& client, const Stream& stream, std::uint64_t destination, const std::byte* source,
                      std::uint64_t size_bytes) {
  const std::uint64_t chunk = ChunkBytes(size_bytes);
  while (size_bytes != 0) {
    const std::uint64_t piece = std::min(size_bytes, chunk);
    StagingRange range;
    if (const CUresult result = AllotStaging(client, piece, range); result != CUDA_SUCCESS) return result;
    StreamingCopy(client.channel.staging().data() + range.offset, source, piece);
    ipc::CopyFromStaging message;
    message.stream = stream.number;
    message.destination = destination;
    message.staging_offset = range.offset;
    message.size_bytes = piece;
    if (const CUresult posted = client.submission.PostCommand(message); posted != CUDA_SUCCESS) {
      client.staging.FreeNow(range);
      return posted;
    }
    client.staging.FreeAfter(range, stream.number, message.sequence);
    source += piece;
    destination += piece;
    size_bytes -= piece;
  }
  return CUDA_SUCCESS;
}

// One chunk on its way to pageable memory.
struct Fetch {
  std::uint64_t sequence = 0;
  const std::byte* staged = nullptr;
  std::byte* destination = nullptr;
  std::uint64_t size_bytes = 0;
};

CUresult Finish(Client& client, const Stream& stream, const Fetch& fetch) {
  const CUresult result = client.submission.WaitFor(stream.number, fetch.sequence, client.wait_style());
  if (result == CUDA_SUCCESS) StreamingCopy(fetch.destination, fetch.staged, fetch.size_bytes);
  return result;
}

// Through a few slots that are used again and again: the GPU then writes to lines that are still in the host's cache.
CUresult PartToPageable(Client& client, const Stream& stream, std::byte* destination, std::uint64_t source,
                        std::uint64_t size_bytes) {
  const std::uint64_t chunk = std::min(size_bytes, ChunkBytes(size_bytes));
  const std::uint64_t chunks = (size_bytes + chunk - 1) / chunk;
  const std::uint64_t slots = std::min<std::uint64_t>(chunks, kChunksInFlight);
  StagingRange range;
  if (const CUresult result = AllotStaging(client, slots * chunk, range); result != CUDA_SUCCESS) return result;
  Fetch fetches[kChunksInFlight];
  for (std::uint64_t i = 0; i < chunks + slots; ++i) {
    Fetch& fetch = fetches[i % slots];
    if (i >= slots) {
      // After a failure nothing is staged any more, so the range does not matter.
      if (const CUresult result = Finish(client, stream, fetch); result != CUDA_SUCCESS) return result;
    }
    if (i >= chunks) continue;
    ipc::CopyToStaging message;
    message.stream = stream.number;
    message.source = source + i * chunk;
    message.staging_offset = range.offset + i % slots * chunk;
    message.size_bytes = std::min(chunk, size_bytes - i * chunk);
    if (const CUresult result = client.submission.PostCommand(message); result != CUDA_SUCCESS) return result;
    fetch = {message.sequence, client.channel.staging().data() + message.staging_offset, destination + i * chunk,
             message.size_bytes};
  }
  client.staging.FreeNow(range);
  return CUDA_SUCCESS;
}

CUresult ToPageable(Client& client, const Stream& stream, std::byte* destination, std::uint64_t source,
                    std::uint64_t size_bytes) {
  for (std::uint64_t done = 0; done < size_bytes; done += kPartBytes) {
    const std::uint64_t part = std::min(kPartBytes, size_bytes - done);
    const CUresult result = PartToPageable(client, stream, destination + done, source + done, part);
    if (result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

CUresult WaitForStream(Client& client, const Stream& stream) {
  return client.streams.Synchronize(stream, client.wait_style());
}

// Posts what the GPU does alone, and waits for just that if the host looks at the bytes next.
template <typename Message>
CUresult PostGpuCopy(Client& client, Message& message, bool wait) {
  if (const CUresult posted = client.submission.PostCommand(message); posted != CUDA_SUCCESS) return posted;
  if (!wait) return CUDA_SUCCESS;
  const CUresult result = client.submission.WaitFor(message.stream, message.sequence, client.wait_style());
  return result != CUDA_SUCCESS ? result : client.submission.Failure();
}

CUresult GpuCopy(Client& client, const Stream& stream, const Copy& copy, bool wait) {
  ipc::Copy message;
  message.stream = stream.number;
  message.destination = copy.destination;
  message.source = copy.source;
  message.size_bytes = copy.size_bytes;
  return PostGpuCopy(client, message, wait);
}

// From the first byte to the last; nothing if no memory can be that large.
std::optional<std::uint64_t> Extent(std::uint64_t pitch, std::uint64_t slice, const StridedCopy& copy) {
  std::uint64_t slices, rows, extent;
  if (__builtin_mul_overflow(copy.depth_slices - 1, slice, &slices) ||
      __builtin_mul_overflow(copy.height_rows - 1, pitch, &rows) || __builtin_add_overflow(slices, rows, &extent) ||
      __builtin_add_overflow(extent, copy.width_bytes, &extent)) {
    return std::nullopt;
  }
  return extent;
}

// Row by row: right for every mixture of memories, and only used where one side is pageable.
CUresult CopyRows(Client& client, Stream& stream, const StridedCopy& copy, bool synchronous) {
  for (std::uint64_t slice = 0; slice < copy.depth_slices; ++slice) {
    for (std::uint64_t row = 0; row < copy.height_rows; ++row) {
      Copy part = copy.corner;
      part.destination += slice * copy.destination_slice_bytes + row * copy.destination_pitch_bytes;
      part.source += slice * copy.source_slice_bytes + row * copy.source_pitch_bytes;
      part.size_bytes = copy.width_bytes;
      if (const CUresult result = PostCopy(client, stream, part, synchronous); result != CUDA_SUCCESS) return result;
    }
  }
  return CUDA_SUCCESS;
}

CUresult Capture(Client& client, Stream& stream, const StridedCopy& copy, bool synchronous) {
  const Route route = RouteOf(client, copy);
  if (route == Route::kInvalid) return CUDA_ERROR_INVALID_VALUE;
  if (synchronous) return client.captures.Refuse(stream);
  return client.captures.Add(stream, CopyWork{Describe(copy)});
}

StridedCopy AsBox(const Copy& copy) {
  StridedCopy box;
  box.corner = copy;
  box.width_bytes = copy.size_bytes;
  box.destination_pitch_bytes = box.source_pitch_bytes = copy.size_bytes;
  box.destination_slice_bytes = box.source_slice_bytes = copy.size_bytes;
  return box;
}

}  // namespace

CUresult AllotStaging(Client& client, std::uint64_t size_bytes, StagingRange& range) {
  for (int turn = 0;; ++turn) {
    if (const auto allotted = client.staging.Allot(size_bytes)) {
      range = *allotted;
      return CUDA_SUCCESS;
    }
    if (const CUresult failure = client.submission.Failure(); failure != CUDA_SUCCESS) return failure;
    if (turn < kSpinsForStaging) {
      ipc::CpuRelax();
      continue;
    }
    // Another thread's range is at the front, or work that takes long. A call also finds out whether the daemon lives.
    ipc::PingReply pong;
    ipc::Ping ping;
    if (const CUresult result = client.submission.Call(ping, pong); result != CUDA_SUCCESS) return result;
    usleep(100);
  }
}

bool IsLinear(const StridedCopy& copy) {
  const bool rows = copy.height_rows == 1 || (copy.destination_pitch_bytes == copy.width_bytes &&
                                              copy.source_pitch_bytes == copy.width_bytes);
  const std::uint64_t slice = copy.width_bytes * copy.height_rows;
  return rows && (copy.depth_slices == 1 ||
                  (copy.destination_slice_bytes == slice && copy.source_slice_bytes == slice));
}

Reach ReachOfDestination(const Client& client, const StridedCopy& copy) {
  const auto bytes = Extent(copy.destination_pitch_bytes, copy.destination_slice_bytes, copy);
  const Copy& corner = copy.corner;
  return bytes ? ReachOf(client, corner.destination_place, corner.destination, *bytes, MemoryUse::kWrite)
               : Reach::kInvalid;
}

Reach ReachOfSource(const Client& client, const StridedCopy& copy) {
  const auto bytes = Extent(copy.source_pitch_bytes, copy.source_slice_bytes, copy);
  return bytes ? ReachOf(client, copy.corner.source_place, copy.corner.source, *bytes, MemoryUse::kRead)
               : Reach::kInvalid;
}

Route RouteOf(const Client& client, const StridedCopy& copy) {
  if (copy.width_bytes == 0 || copy.height_rows == 0 || copy.depth_slices == 0) return Route::kNothing;
  const Reach destination = ReachOfDestination(client, copy);
  const Reach source = ReachOfSource(client, copy);
  if (destination == Reach::kInvalid || source == Reach::kInvalid) return Route::kInvalid;
  if (destination == Reach::kPageable) return source == Reach::kPageable ? Route::kInHost : Route::kToPageable;
  return source == Reach::kPageable ? Route::kFromPageable : Route::kGpu;
}

ipc::Copy LinearRecord(const StridedCopy& copy) {
  ipc::Copy record;
  record.destination = copy.corner.destination;
  record.source = copy.corner.source;
  record.size_bytes = copy.width_bytes * copy.height_rows * copy.depth_slices;
  return record;
}

ipc::CopyStrided StridedRecord(const StridedCopy& copy) {
  ipc::CopyStrided record;
  record.destination = copy.corner.destination;
  record.source = copy.corner.source;
  record.destination_pitch_bytes = copy.destination_pitch_bytes;
  record.source_pitch_bytes = copy.source_pitch_bytes;
  record.destination_slice_bytes = copy.destination_slice_bytes;
  record.source_slice_bytes = copy.source_slice_bytes;
  record.width_bytes = copy.width_bytes;
  record.height_rows = copy.height_rows;
  record.depth_slices = copy.depth_slices;
  return record;
}

CUresult PostCopy(Client& client, Stream& stream, const Copy& copy, bool synchronous) {
  if (copy.size_bytes == 0) return CUDA_SUCCESS;
  if (!stream.IsOrdinary()) [[unlikely]] return Capture(client, stream, AsBox(copy), synchronous);
  const Reach destination = ReachOf(client, copy.destination_place, copy.destination, copy.size_bytes, MemoryUse::kWrite);
  const Reach source = ReachOf(client, copy.source_place, copy.source, copy.size_bytes, MemoryUse::kRead);
  if (destination == Reach::kInvalid || source == Reach::kInvalid) return CUDA_ERROR_INVALID_VALUE;
  if (destination == Reach::kPageable && source == Reach::kPageable) {
    if (const CUresult result = WaitForStream(client, stream); result != CUDA_SUCCESS) return result;
    std::memmove(HostPointer(copy.destination), HostPointer(copy.source), copy.size_bytes);
    return CUDA_SUCCESS;
  }
  if (source == Reach::kPageable) {
    const auto* from = static_cast<const std::byte*>(HostPointer(copy.source));
    return FromPageable(client, stream, copy.destination, from, copy.size_bytes);
  }
  if (destination == Reach::kPageable) {
    auto* to = static_cast<std::byte*>(HostPointer(copy.destination));
    return ToPageable(client, stream, to, copy.source, copy.size_bytes);
  }
  const bool host_is_involved = destination == Reach::kPinned || source == Reach::kPinned;
  return GpuCopy(client, stream, copy, synchronous && host_is_involved);
}

CUresult PostStridedCopy(Client& client, Stream& stream, const StridedCopy& copy, bool synchronous) {
  if (copy.width_bytes == 0 || copy.height_rows == 0 || copy.depth_slices == 0) return CUDA_SUCCESS;
  if (!stream.IsOrdinary()) return Capture(client, stream, copy, synchronous);
  if (!Extent(copy.destination_pitch_bytes, copy.destination_slice_bytes, copy) ||
      !Extent(copy.source_pitch_bytes, copy.source_slice_bytes, copy)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (IsLinear(copy)) {
    Copy linear = copy.corner;
    linear.size_bytes = copy.width_bytes * copy.height_rows * copy.depth_slices;
    return PostCopy(client, stream, linear, synchronous);
  }
  const Reach destination = ReachOfDestination(client, copy);
  const Reach source = ReachOfSource(client, copy);
  if (destination == Reach::kInvalid || source == Reach::kInvalid) return CUDA_ERROR_INVALID_VALUE;
  if (destination == Reach::kPageable || source == Reach::kPageable) return CopyRows(client, stream, copy, synchronous);
  ipc::CopyStrided message = StridedRecord(copy);
  message.stream = stream.number;
  const bool host_is_involved = destination == Reach::kPinned || source == Reach::kPinned;
  return PostGpuCopy(client, message, synchronous && host_is_involved);
}

}  // namespace paella::shim
