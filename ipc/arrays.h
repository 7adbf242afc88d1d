// What both sides know about arrays: how large an element is, and what a side of a copy can be. Values only.
#ifndef PAELLA_IPC_ARRAYS_H_
#define PAELLA_IPC_ARRAYS_H_

#include <cstdint>

namespace paella::ipc {

// What CopyArray's `destination` and `source` are.
enum class CopySideKind : std::uint32_t {
  kMemory,   // an address of the client that the GPU can use
  kArray,    // the client's number of an array, or of a level
  kStaging,  // an offset in the channel's staging area
};

// Bytes of one element of a CUarray_format with so many channels. 0: the format is not supported (compressed, planar),
// is none, or has no such number of channels.
inline std::uint64_t ArrayElementBytes(std::uint32_t format, std::uint32_t channels) {
  if (channels != 1 && channels != 2 && channels != 4) return 0;
  switch (format) {
    case 0x01: case 0x08: return channels;                      // integers of 8 bits
    case 0x02: case 0x09: case 0x10: return 2ull * channels;    // integers of 16 bits, half
    case 0x03: case 0x0a: case 0x20: return 4ull * channels;    // integers of 32 bits, float
    case 0x50: return channels == 4 ? 4 : 0;                    // 10, 10, 10 and 2 bits
    default: break;
  }
  // UNORM_INT8X1, X2, X4, the same of 16 bits, and the same again of SNORM: the channels are in the name.
  if (format < 0xc0 || format > 0xcb) return 0;
  const std::uint32_t which = (format - 0xc0) % 6;
  const std::uint64_t component_bytes = which < 3 ? 1 : 2;
  return channels == 1u << which % 3 ? component_bytes * channels : 0;
}

}  // namespace paella::ipc

#endif  // PAELLA_IPC_ARRAYS_H_
