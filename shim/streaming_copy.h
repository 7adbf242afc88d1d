// A copy of host memory for bytes that this core does not look at again: its stores go past the caches, which spares
// the reading of the lines that they overwrite. One thread of an H100's host copies 12 to 15 GB/s so, and 8 to 9 with memcpy
// (tests/benchmark/README.md). Used for what goes through the staging area.
#ifndef PAELLA_SHIM_STREAMING_COPY_H_
#define PAELLA_SHIM_STREAMING_COPY_H_

#include <cstddef>

namespace paella::shim {

// The ranges must not overlap. When it returns, every other core and the GPU see the bytes.
void StreamingCopy(std::byte* destination, const std::byte* source, std::size_t size_bytes);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_STREAMING_COPY_H_
