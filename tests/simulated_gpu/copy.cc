#include "tests/simulated_gpu/copy.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

#include "tests/simulated_gpu/memory_map.h"
#include "tests/simulated_gpu/raw_memory.h"

namespace paella::simulated_gpu {
namespace {

constexpr std::size_t kPieceBytes = 1 << 20;  // the memory gate is held this long at a time

CUresult ForRows(const Place3& place, const Box& box, const std::function<CUresult(std::uintptr_t, std::size_t)>& row) {
  std::size_t index = 0;
  for (std::size_t z = 0; z < box.depth; ++z) {
    for (std::size_t y = 0; y < box.height; ++y) {
      const CUresult result = row(place.address + z * place.layer + y * place.pitch, index++);
      if (result != CUDA_SUCCESS) return result;
    }
  }
  return CUDA_SUCCESS;
}

bool Covered(const Place3& place, const Box& box, bool write) {
  const MemoryMap::SharedHold hold(MemoryMap::Get());
  return ForRows(place, box, [&](std::uintptr_t address, std::size_t) {
           return MemoryMap::Get().Covers(address, box.width, write) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
         }) == CUDA_SUCCESS;
}

bool IsKnown(std::uintptr_t address) {
  Range range;
  return MemoryMap::Get().Lookup(address, range);
}

CUresult CheckSide(const Place3& place, const Box& box, Side side, bool write, bool& pageable) {
  pageable = false;
  if (Covered(place, box, write)) return CUDA_SUCCESS;
  if (side == Side::kDevice || place.address == 0) return CUDA_ERROR_INVALID_VALUE;
  // Memory that is known in part only is a mistake; host memory may be registered in part.
  if (side == Side::kAny && IsKnown(place.address)) return CUDA_ERROR_INVALID_VALUE;
  pageable = true;
  return CUDA_SUCCESS;
}

using Transfer = ssize_t (*)(pid_t, const iovec*, unsigned long, const iovec*, unsigned long, unsigned long);

// All bytes or an error.
CUresult TransferHost(Transfer transfer, void* device, std::uintptr_t host, std::size_t bytes) {
  while (bytes > 0) {
    const iovec local{device, bytes};
    const iovec remote{reinterpret_cast<void*>(host), bytes};
    const ssize_t moved = transfer(getpid(), &local, 1, &remote, 1, 0);
    if (moved <= 0) return CUDA_ERROR_INVALID_VALUE;
    device = static_cast<char*>(device) + moved;
    host += static_cast<std::uintptr_t>(moved);
    bytes -= static_cast<std::size_t>(moved);
  }
  return CUDA_SUCCESS;
}

}  // namespace

CUresult Copy::Check(Side to, Side from) {
  const CUresult result = CheckSide(to_, box_, to, true, to_pageable_);
  if (result != CUDA_SUCCESS) return result;
  return CheckSide(from_, box_, from, false, from_pageable_);
}

CUresult Copy::Stage() {
  staged_.resize(box_.width * box_.height * box_.depth);
  const CUresult result = ForRows(from_, box_, [&](std::uintptr_t address, std::size_t index) {
    return TransferHost(process_vm_readv, staged_.data() + index * box_.width, address, box_.width);
  });
  from_ = {reinterpret_cast<std::uintptr_t>(staged_.data()), box_.width, box_.width * box_.height};
  return result;
}

CUresult Copy::Run() const {
  return ForRows(to_, box_, [&](std::uintptr_t to, std::size_t index) {
    return CopyRow(to, from_.address + index / box_.height * from_.layer + index % box_.height * from_.pitch);
  });
}

CUresult Copy::CopyRow(std::uintptr_t to, std::uintptr_t from) const {
  const bool from_process = from_pageable_ && staged_.empty();
  for (std::size_t done = 0; done < box_.width;) {
    const std::size_t bytes = std::min(kPieceBytes, box_.width - done);
    const MemoryMap::SharedHold hold(MemoryMap::Get());
    const MemoryMap& map = MemoryMap::Get();
    if (!to_pageable_ && !map.Covers(to + done, bytes, true)) return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (!from_pageable_ && !map.Covers(from + done, bytes, false)) return CUDA_ERROR_ILLEGAL_ADDRESS;
    void* const target = reinterpret_cast<void*>(to + done);
    void* const source = reinterpret_cast<void*>(from + done);
    CUresult result = CUDA_SUCCESS;
    if (from_process) {
      result = TransferHost(process_vm_readv, target, from + done, bytes);
    } else if (to_pageable_) {
      result = TransferHost(process_vm_writev, source, to + done, bytes);
    } else {
      CopyRaw(target, source, bytes);
    }
    if (result != CUDA_SUCCESS) return result;
    done += bytes;
  }
  return CUDA_SUCCESS;
}

CUresult Fill::Check() const {
  if (to.address % element_bytes != 0 || to.pitch % element_bytes != 0) return CUDA_ERROR_INVALID_VALUE;
  return Covered(to, box, true) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult Fill::Run() const {
  return ForRows(to, box, [&](std::uintptr_t address, std::size_t) {
    for (std::size_t done = 0; done < box.width;) {
      const std::size_t bytes = std::min(kPieceBytes, box.width - done);
      const MemoryMap::SharedHold hold(MemoryMap::Get());
      if (!MemoryMap::Get().Covers(address + done, bytes, true)) return CUDA_ERROR_ILLEGAL_ADDRESS;
      void* const target = reinterpret_cast<void*>(address + done);
      if (element_bytes == 1) FillRaw(target, static_cast<std::uint8_t>(value), bytes);
      if (element_bytes == 2) FillRaw(target, static_cast<std::uint16_t>(value), bytes / 2);
      if (element_bytes == 4) FillRaw(target, value, bytes / 4);
      done += bytes;
    }
    return CUDA_SUCCESS;
  });
}

}  // namespace paella::simulated_gpu
