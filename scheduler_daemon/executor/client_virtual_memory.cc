#include "scheduler_daemon/executor/client_virtual_memory.h"

#include <bit>
#include <iterator>

#include "scheduler_daemon/executor/mapped_memory.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::uint64_t kGranule = ipc::kPhysicalGranularityBytes;
constexpr std::uint64_t kPage = ipc::kPageBytes;

bool IsWhole(std::uint64_t bytes) { return bytes % kGranule == 0; }

// Whether [address, address + size) lies in [base, base + length).
bool IsInside(std::uint64_t address, std::uint64_t size, std::uint64_t base, std::uint64_t length) {
  return address >= base && address - base <= length && size <= length - (address - base);
}

bool IsKnown(std::uint32_t access) {
  return access == CU_MEM_ACCESS_FLAGS_PROT_NONE || access == CU_MEM_ACCESS_FLAGS_PROT_READ ||
         access == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
}

}  // namespace

ClientVirtualMemory::~ClientVirtualMemory() {
  for (const auto& [address, mapping] : mappings_) driver_.cuMemUnmap(address, mapping.size_bytes);
  for (const auto& [number, physical] : physical_) memory_.ReleasePhysical(physical.memory);
  for (const auto& [address, size] : reservations_) memory_.FreeAddresses(address);
}

ClientVirtualMemory::Physical* ClientVirtualMemory::FindUsable(std::uint64_t number) {
  const auto found = physical_.find(number);
  return found == physical_.end() || found->second.references == 0 ? nullptr : &found->second;
}

void ClientVirtualMemory::DropIfUnused(std::uint64_t number) {
  const auto found = physical_.find(number);
  if (found->second.references != 0 || found->second.mappings != 0) return;
  memory_.ReleasePhysical(found->second.memory);
  physical_.erase(found);
}

bool ClientVirtualMemory::IsReserved(std::uint64_t address, std::uint64_t size_bytes) const {
  const auto after = reservations_.upper_bound(address);
  if (after == reservations_.begin()) return false;
  const auto& [base, length] = *std::prev(after);
  return IsInside(address, size_bytes, base, length);
}

bool ClientVirtualMemory::IsMapped(std::uint64_t address, std::uint64_t size_bytes) const {
  const auto after = mappings_.lower_bound(address);
  if (after != mappings_.end() && after->first - address < size_bytes) return true;
  if (after == mappings_.begin()) return false;
  const auto& [start, mapping] = *std::prev(after);
  return address - start < mapping.size_bytes;
}

ClientVirtualMemory::Span ClientVirtualMemory::Exactly(std::uint64_t address, std::uint64_t size_bytes) {
  const auto first = mappings_.find(address);
  std::uint64_t filled = 0;
  for (auto it = first; it != mappings_.end() && it->first == address + filled; ++it) {
    filled += it->second.size_bytes;
    if (filled == size_bytes) return {first, std::next(it)};
    if (filled > size_bytes) break;
  }
  return {mappings_.end(), mappings_.end()};
}

void ClientVirtualMemory::Publish(std::uint64_t address, const Mapping& mapping) {
  if (mapping.access == CU_MEM_ACCESS_FLAGS_PROT_NONE) {
    ranges_.Remove(address);
  } else {
    ranges_.SetMapping(address, mapping.size_bytes, mapping.access == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  }
}

CUresult ClientVirtualMemory::Handle(const ipc::PhysicalCreate& call, ipc::PhysicalCreateReply& reply) {
  if (call.size_bytes == 0 || !IsWhole(call.size_bytes)) return CUDA_ERROR_INVALID_VALUE;
  Physical physical;
  physical.handle_types = call.handle_types;
  const CUresult result = memory_.CreatePhysical(call.size_bytes, physical.memory);
  if (result != CUDA_SUCCESS) return result;
  reply.physical = next_number_++;
  physical_.emplace(reply.physical, physical);
  return CUDA_SUCCESS;
}

CUresult ClientVirtualMemory::Handle(const ipc::PhysicalRelease& call, ipc::PhysicalReleaseReply&) {
  Physical* const physical = FindUsable(call.physical);
  if (physical == nullptr) return CUDA_ERROR_INVALID_VALUE;
  --physical->references;
  DropIfUnused(call.physical);
  return CUDA_SUCCESS;
}

CUresult ClientVirtualMemory::Handle(const ipc::PhysicalRetain& call, ipc::PhysicalRetainReply& reply) {
  const auto after = mappings_.upper_bound(call.address);
  if (after == mappings_.begin()) return CUDA_ERROR_INVALID_VALUE;
  const auto& [start, mapping] = *std::prev(after);
  if (call.address - start >= mapping.size_bytes) return CUDA_ERROR_INVALID_VALUE;
  ++physical_.at(mapping.number).references;
  reply.physical = mapping.number;
  return CUDA_SUCCESS;
}

CUresult ClientVirtualMemory::Handle(const ipc::PhysicalProperties& call, ipc::PhysicalPropertiesReply& reply) {
  const Physical* const physical = FindUsable(call.physical);
  if (physical == nullptr) return CUDA_ERROR_INVALID_VALUE;
  reply.handle_types = physical->handle_types;
  return CUDA_SUCCESS;
}

CUresult ClientVirtualMemory::Handle(const ipc::AddressReserve& call, ipc::AddressReserveReply& reply) {
  const std::uint64_t alignment = call.alignment_bytes == 0 ? kGranule : call.alignment_bytes;
  if (call.size_bytes == 0 || call.size_bytes % kPage != 0 || call.hint % kPage != 0 ||
      !std::has_single_bit(alignment)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  const auto address = memory_.ReserveAddresses(call.size_bytes, alignment, call.hint);
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  reservations_.emplace(*address, call.size_bytes);
  reply.address = *address;
  return CUDA_SUCCESS;
}

CUresult ClientVirtualMemory::Handle(const ipc::AddressFree& call, ipc::AddressFreeReply&) {
  const auto reservation = reservations_.find(call.address);
  if (reservation == reservations_.end() || reservation->second != call.size_bytes ||
      IsMapped(call.address, call.size_bytes)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  memory_.FreeAddresses(call.address);
  reservations_.erase(reservation);
  return CUDA_SUCCESS;
}

// For memory that is mapped in part only: no mapping of the client's reaches all of it.
CUresult ClientVirtualMemory::ClearElsewhere(Physical& physical) {
  const std::uint64_t size = physical.memory.size_bytes;
  const auto address = memory_.ReserveAddresses(size, kGranule, 0);
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  CUresult result = driver_.cuMemMap(*address, size, 0, physical.memory.handle, 0);
  if (result == CUDA_SUCCESS) {
    result = SetAccess(driver_, memory_.device(), *address, size, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    if (result == CUDA_SUCCESS) result = StartClearing(driver_, *address, size);
    if (result == CUDA_SUCCESS) result = FinishClearing(driver_);
    driver_.cuMemUnmap(*address, size);
  }
  memory_.FreeAddresses(*address);
  physical.cleared = result == CUDA_SUCCESS;
  return result;
}

CUresult ClientVirtualMemory::Handle(const ipc::AddressMap& call, ipc::AddressMapReply&) {
  Physical* const physical = FindUsable(call.physical);
  if (physical == nullptr || call.size_bytes == 0 || !IsWhole(call.size_bytes) || !IsWhole(call.address) ||
      !IsWhole(call.offset_bytes) || !IsInside(call.offset_bytes, call.size_bytes, 0, physical->memory.size_bytes) ||
      !IsReserved(call.address, call.size_bytes) || IsMapped(call.address, call.size_bytes)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (!physical->cleared && call.size_bytes != physical->memory.size_bytes) {
    if (const CUresult result = ClearElsewhere(*physical); result != CUDA_SUCCESS) return result;
  }
  const CUresult result =
      driver_.cuMemMap(call.address, call.size_bytes, call.offset_bytes, physical->memory.handle, 0);
  if (result != CUDA_SUCCESS) return result;
  ++physical->mappings;
  mappings_.emplace(call.address, Mapping{call.size_bytes, call.physical});
  return CUDA_SUCCESS;
}

CUresult ClientVirtualMemory::Handle(const ipc::AddressUnmap& call, ipc::AddressUnmapReply&) {
  const Span span = Exactly(call.address, call.size_bytes);
  if (span.empty()) return CUDA_ERROR_INVALID_VALUE;
  // No copy that is read from now on may name it.
  for (auto it = span.first; it != span.end; ++it) ranges_.Remove(it->first);
  if (const CUresult result = driver_.cuMemUnmap(call.address, call.size_bytes); result != CUDA_SUCCESS) {
    for (auto it = span.first; it != span.end; ++it) Publish(it->first, it->second);
    return result;
  }
  for (auto it = span.first; it != span.end; it = mappings_.erase(it)) {
    const std::uint64_t number = it->second.number;
    --physical_.at(number).mappings;
    DropIfUnused(number);
  }
  return CUDA_SUCCESS;
}

// The range comes with all rights to the GPU, but is not yet published to the client.
CUresult ClientVirtualMemory::ClearWhatIsNew(const Span& span, std::uint64_t address, std::uint64_t size_bytes,
                                             bool& any) {
  any = false;
  for (auto it = span.first; it != span.end; ++it) any |= !physical_.at(it->second.number).cleared;
  if (!any) return CUDA_SUCCESS;
  CUresult result = SetAccess(driver_, memory_.device(), address, size_bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  for (auto it = span.first; it != span.end && result == CUDA_SUCCESS; ++it) {
    // Memory that is not cleared is mapped as a whole: AddressMap saw to it.
    if (!physical_.at(it->second.number).cleared) result = StartClearing(driver_, it->first, it->second.size_bytes);
  }
  if (const CUresult finished = FinishClearing(driver_); result == CUDA_SUCCESS) result = finished;
  if (result != CUDA_SUCCESS) return result;
  for (auto it = span.first; it != span.end; ++it) physical_.at(it->second.number).cleared = true;
  return CUDA_SUCCESS;
}

CUresult ClientVirtualMemory::Handle(const ipc::AddressSetAccess& call, ipc::AddressSetAccessReply&) {
  const Span span = Exactly(call.address, call.size_bytes);
  if (span.empty() || !IsKnown(call.access)) return CUDA_ERROR_INVALID_VALUE;
  const auto access = static_cast<CUmemAccess_flags>(call.access);
  // A copy that is read from now on may count on the new rights only.
  if (access != CU_MEM_ACCESS_FLAGS_PROT_READWRITE) {
    for (auto it = span.first; it != span.end; ++it) ranges_.Remove(it->first);
  }
  bool all_rights = false;
  CUresult result = CUDA_SUCCESS;
  if (access != CU_MEM_ACCESS_FLAGS_PROT_NONE) result = ClearWhatIsNew(span, call.address, call.size_bytes, all_rights);
  const bool is_done = all_rights && access == CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  if (result == CUDA_SUCCESS && !is_done) result = SetAccess(driver_, memory_.device(), call.address, call.size_bytes, access);
  if (result != CUDA_SUCCESS) {  // as it was
    for (auto it = span.first; it != span.end; ++it) {
      SetAccess(driver_, memory_.device(), it->first, it->second.size_bytes, it->second.access);
      Publish(it->first, it->second);
    }
    return result;
  }
  for (auto it = span.first; it != span.end; ++it) {
    it->second.access = access;
    Publish(it->first, it->second);
  }
  return CUDA_SUCCESS;
}

}  // namespace paella::scheduler_daemon
