// Copies between any two of: device memory, pinned host memory, and memory that the GPU cannot address, whose bytes pass
// through the staging area. Any thread. Owns nothing.
#ifndef PAELLA_SHIM_COPIES_H_
#define PAELLA_SHIM_COPIES_H_

#include <cstddef>
#include <cstdint>

#include "shim/client.h"

namespace paella::shim {

// What a function's name says about an address; kAny: what it is decides.
enum class Place { kDevice, kHost, kAny };

struct Copy {
  Place destination_place = Place::kAny;
  std::uint64_t destination = 0;
  Place source_place = Place::kAny;
  std::uint64_t source = 0;
  std::uint64_t size_bytes = 0;
};

// A box of rows and slices on each side.
struct StridedCopy {
  Copy corner;  // its size_bytes is not used
  std::uint64_t destination_pitch_bytes = 0, source_pitch_bytes = 0;
  std::uint64_t destination_slice_bytes = 0, source_slice_bytes = 0;
  std::uint64_t width_bytes = 0, height_rows = 1, depth_slices = 1;
};

// How the bytes of a copy travel.
enum class Route {
  kInvalid,
  kNothing,  // there are none
  kGpu,
  kFromPageable,
  kToPageable,
  kInHost,  // from pageable memory to pageable memory
};
Route RouteOf(const Client& client, const StridedCopy& copy);
bool IsLinear(const StridedCopy& copy);

// What is at an address. The host sees kPinned as well as the GPU does (managed memory too): a synchronous copy waits.
enum class Reach { kDevice, kPinned, kPageable, kInvalid };
// Of one side of a copy that is not empty.
Reach ReachOfDestination(const Client& client, const StridedCopy& copy);
Reach ReachOfSource(const Client& client, const StridedCopy& copy);

// A piece of the staging area, when there is room.
CUresult AllotStaging(Client& client, std::uint64_t size_bytes, StagingRange& range);

// The record of a copy that the GPU does alone.
ipc::Copy LinearRecord(const StridedCopy& copy);  // of one that IsLinear
ipc::CopyStrided StridedRecord(const StridedCopy& copy);

// `synchronous`: the form without Async, which returns when host memory may be used again.
CUresult PostCopy(Client& client, Stream& stream, const Copy& copy, bool synchronous);
CUresult PostStridedCopy(Client& client, Stream& stream, const StridedCopy& copy, bool synchronous);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_COPIES_H_
