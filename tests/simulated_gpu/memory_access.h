// From an address that a kernel computed to the host memory behind it, or to a fault.
//
// For the handlers of loads, stores and atomics, on the worker that runs the warp, which holds the memory gate shared.
#ifndef PAELLA_TESTS_SIMULATED_GPU_MEMORY_ACCESS_H_
#define PAELLA_TESTS_SIMULATED_GPU_MEMORY_ACCESS_H_

#include <cstdint>

#include "tests/simulated_gpu/block.h"
#include "tests/simulated_gpu/ptx_module.h"
#include "tests/simulated_gpu/warp.h"

namespace paella::simulated_gpu {

enum class Access : std::uint8_t { kRead, kWrite };

// Null after raising a fault. `bytes` is the whole access, vectors included.
inline std::uint8_t* GlobalMemory(Warp& warp, const Instruction& in, std::uint64_t address, std::uint32_t bytes,
                                  Access access) {
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Range& range = warp.recent[0];
    if (address >= range.start && address < range.end && bytes <= range.end - address &&
        (access == Access::kWrite ? range.writable : range.readable)) {
      return reinterpret_cast<std::uint8_t*>(address);
    }
    std::swap(warp.recent[0], warp.recent[1]);
  }
  const Range* const found = MemoryMap::Get().Find(address);
  // Neighbouring mappings may be crossed, as one access never is on the real part: accesses are aligned.
  if (found == nullptr || bytes > found->end - address || !(access == Access::kWrite ? found->writable : found->readable)) {
    warp.RaiseFault(Fault::kIllegalAddress, in, address);
    return nullptr;
  }
  warp.recent[1] = warp.recent[0];
  warp.recent[0] = *found;
  return reinterpret_cast<std::uint8_t*>(address);
}

inline std::uint8_t* Within(Warp& warp, const Instruction& in, std::uint8_t* area, std::uint64_t size,
                            std::uint64_t offset, std::uint32_t bytes) {
  if (offset <= size && bytes <= size - offset) return area + offset;
  warp.RaiseFault(Fault::kIllegalAddress, in, offset);
  return nullptr;
}

inline std::uint8_t* ParameterMemory(Warp& warp, const Instruction& in, std::uint64_t offset, std::uint32_t bytes) {
  const auto& arguments = warp.block->launch->arguments;
  return Within(warp, in, const_cast<std::uint8_t*>(arguments.data()), arguments.size(), offset, bytes);
}

// The memory of one lane's access. `in.space` is a Space.
inline std::uint8_t* Translate(Warp& warp, const Instruction& in, std::uint32_t lane, std::uint64_t address,
                               std::uint32_t bytes, Access access) {
  if ((address & (bytes - 1)) != 0) {
    warp.RaiseFault(Fault::kMisaligned, in, address);
    return nullptr;
  }
  Space space = static_cast<Space>(in.space);
  if (space == Space::kGeneric) {
    switch (address & kWindowMask) {
      case kSharedWindow: space = Space::kShared; break;
      case kLocalWindow: space = Space::kLocal; break;
      case kParamWindow: space = Space::kParam; break;
      default: return GlobalMemory(warp, in, address, bytes, access);
    }
    address &= ~kWindowMask;
  }
  switch (space) {
    case Space::kShared: return Within(warp, in, warp.block->shared.data(), warp.block->shared_bytes, address, bytes);
    case Space::kLocal: return Within(warp, in, warp.LocalOf(lane), warp.local_stride, address, bytes);
    case Space::kParam:
      if (access == Access::kRead) return ParameterMemory(warp, in, address, bytes);
      warp.RaiseFault(Fault::kInvalidAddressSpace, in, address);
      return nullptr;
    default: return GlobalMemory(warp, in, address, bytes, access);
  }
}

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_MEMORY_ACCESS_H_
