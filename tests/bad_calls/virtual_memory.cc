#include <cstdint>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

constexpr std::size_t kBytes = 2 << 20;  // the granularity of every GPU that has virtual memory management

CUmemAllocationProp OnTheDevice() {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = 0;
  return properties;
}

void Create(Row& row, const CUmemAllocationProp& properties, std::size_t bytes, unsigned long long flags) {
  CUmemGenericAllocationHandle handle = 0;
  row.Call(DRIVER(cuMemCreate), &handle, bytes, &properties, flags);
}

void SetAccess(Row& row, CUdeviceptr address, std::size_t bytes) {
  CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, 0}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  row.Call(DRIVER(cuMemSetAccess), address, bytes, &access, 1);
}

// Addresses with memory behind them, taken away again at the end of the row; access is given only if asked for.
class Mapping {
 public:
  explicit Mapping(Row& row) : row_(row) {
    const CUmemAllocationProp properties = OnTheDevice();
    row.Prepare(DRIVER(cuMemAddressReserve), &address, 2 * kBytes, 0, 0, 0);
    row.Prepare(DRIVER(cuMemCreate), &handle, kBytes, &properties, 0);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    row_.Quietly(DRIVER(cuMemUnmap), address, kBytes);
    row_.Quietly(DRIVER(cuMemRelease), handle);
    row_.Quietly(DRIVER(cuMemAddressFree), address, 2 * kBytes);
  }

  void Map() { row_.Prepare(DRIVER(cuMemMap), address, kBytes, 0, handle, 0); }

  CUdeviceptr address = 0;
  CUmemGenericAllocationHandle handle = 0;

 private:
  Row& row_;
};

constexpr BadCall kRows[] = {
    {"virtual_memory.granularity_to_null",
     [](Row& row) {
       const CUmemAllocationProp properties = OnTheDevice();
       row.Call(DRIVER(cuMemGetAllocationGranularity), nullptr, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
     }},
    {"virtual_memory.granularity_of_null",
     [](Row& row) {
       std::size_t bytes;
       row.Call(DRIVER(cuMemGetAllocationGranularity), &bytes, nullptr, CU_MEM_ALLOC_GRANULARITY_MINIMUM);
     }},
    {"virtual_memory.create_nothing", [](Row& row) { Create(row, OnTheDevice(), 0, 0); }},
    {"virtual_memory.create_half_a_page", [](Row& row) { Create(row, OnTheDevice(), kBytes / 2, 0); }},
    {"virtual_memory.create_flags_not_zero", [](Row& row) { Create(row, OnTheDevice(), kBytes, 1); }},
    {"virtual_memory.create_too_much", [](Row& row) { Create(row, OnTheDevice(), std::size_t{1} << 45, 0); }},
    {"virtual_memory.create_on_unknown_device",
     [](Row& row) {
       CUmemAllocationProp properties = OnTheDevice();
       properties.location.id = 99;
       Create(row, properties, kBytes, 0);
     }},
    {"virtual_memory.create_of_unknown_type",
     [](Row& row) {
       CUmemAllocationProp properties = OnTheDevice();
       properties.type = CU_MEM_ALLOCATION_TYPE_INVALID;
       Create(row, properties, kBytes, 0);
     }},
    {"virtual_memory.create_nowhere",
     [](Row& row) {
       CUmemAllocationProp properties = OnTheDevice();
       properties.location.type = CU_MEM_LOCATION_TYPE_INVALID;
       Create(row, properties, kBytes, 0);
     }},
    {"virtual_memory.create_without_properties",
     [](Row& row) {
       CUmemGenericAllocationHandle handle;
       row.Call(DRIVER(cuMemCreate), &handle, kBytes, nullptr, 0);
     }},
    {"virtual_memory.create_to_null",
     [](Row& row) {
       const CUmemAllocationProp properties = OnTheDevice();
       row.Call(DRIVER(cuMemCreate), nullptr, kBytes, &properties, 0);
     }},
    {"virtual_memory.release_null", [](Row& row) { row.Call(DRIVER(cuMemRelease), 0); }},
    {"virtual_memory.reserve_nothing",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAddressReserve), &address, 0, 0, 0, 0); }},
    {"virtual_memory.reserve_half_a_page",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAddressReserve), &address, kBytes / 2 + 1, 0, 0, 0); }},
    {"virtual_memory.reserve_alignment_no_power_of_two",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAddressReserve), &address, kBytes, 3 * kBytes, 0, 0); }},
    {"virtual_memory.reserve_flags_not_zero",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAddressReserve), &address, kBytes, 0, 0, 1); }},
    {"virtual_memory.reserve_to_null",
     [](Row& row) { row.Call(DRIVER(cuMemAddressReserve), nullptr, kBytes, 0, 0, 0); }},
    {"virtual_memory.free_unreserved", [](Row& row) { row.Call(DRIVER(cuMemAddressFree), 0x1234600000, kBytes); }},
    {"virtual_memory.free_half_of_it",
     [](Row& row) {
       CUdeviceptr address = 0;
       row.Prepare(DRIVER(cuMemAddressReserve), &address, 2 * kBytes, 0, 0, 0);
       row.Call(DRIVER(cuMemAddressFree), address, kBytes);
       row.Quietly(DRIVER(cuMemAddressFree), address, 2 * kBytes);
     }},
    {"virtual_memory.free_twice",
     [](Row& row) {
       CUdeviceptr address = 0;
       row.Prepare(DRIVER(cuMemAddressReserve), &address, kBytes, 0, 0, 0);
       row.Call(DRIVER(cuMemAddressFree), address, kBytes);
       row.Call(DRIVER(cuMemAddressFree), address, kBytes);
     }},
    {"virtual_memory.map_unreserved",
     [](Row& row) {
       Mapping mapping(row);
       row.Call(DRIVER(cuMemMap), 0x1234600000, kBytes, 0, mapping.handle, 0);
     }},
    {"virtual_memory.map_nothing",
     [](Row& row) {
       Mapping mapping(row);
       row.Call(DRIVER(cuMemMap), mapping.address, 0, 0, mapping.handle, 0);
     }},
    {"virtual_memory.map_more_than_the_handle",
     [](Row& row) {
       Mapping mapping(row);
       row.Call(DRIVER(cuMemMap), mapping.address, 2 * kBytes, 0, mapping.handle, 0);
     }},
    {"virtual_memory.map_with_offset",
     [](Row& row) {
       Mapping mapping(row);
       row.Call(DRIVER(cuMemMap), mapping.address, kBytes, kBytes, mapping.handle, 0);
     }},
    {"virtual_memory.map_flags_not_zero",
     [](Row& row) {
       Mapping mapping(row);
       row.Call(DRIVER(cuMemMap), mapping.address, kBytes, 0, mapping.handle, 1);
     }},
    {"virtual_memory.map_twice",
     [](Row& row) {
       Mapping mapping(row);
       mapping.Map();
       row.Call(DRIVER(cuMemMap), mapping.address, kBytes, 0, mapping.handle, 0);
     }},
    {"virtual_memory.map_misaligned",
     [](Row& row) {
       Mapping mapping(row);
       row.Call(DRIVER(cuMemMap), mapping.address + 4096, kBytes, 0, mapping.handle, 0);
     }},
    {"virtual_memory.unmap_unmapped",
     [](Row& row) {
       Mapping mapping(row);
       row.Call(DRIVER(cuMemUnmap), mapping.address, kBytes);
     }},
    {"virtual_memory.unmap_half_of_it",
     [](Row& row) {
       Mapping mapping(row);
       mapping.Map();
       row.Call(DRIVER(cuMemUnmap), mapping.address, kBytes / 2);
     }},
    {"virtual_memory.access_of_unmapped",
     [](Row& row) {
       Mapping mapping(row);
       SetAccess(row, mapping.address, kBytes);
     }},
    {"virtual_memory.access_past_the_mapping",
     [](Row& row) {
       Mapping mapping(row);
       mapping.Map();
       SetAccess(row, mapping.address, 2 * kBytes);
     }},
    {"virtual_memory.access_without_list",
     [](Row& row) {
       Mapping mapping(row);
       mapping.Map();
       row.Call(DRIVER(cuMemSetAccess), mapping.address, kBytes, nullptr, 1);
     }},
    {"virtual_memory.access_of_allocated_memory", [](Row& row) { SetAccess(row, row.state.memory, kMemoryBytes); }},
    {"virtual_memory.fill_without_access",
     [](Row& row) {
       Mapping mapping(row);
       mapping.Map();
       row.Call(DRIVER(cuMemsetD8), mapping.address, 1, 64);
     },
     Start::kInOwnProcess},
    {"virtual_memory.fill_unmapped",
     [](Row& row) {
       Mapping mapping(row);
       row.Call(DRIVER(cuMemsetD8), mapping.address, 1, 64);
     },
     Start::kInOwnProcess},
    {"virtual_memory.free_as_allocation",
     [](Row& row) {
       Mapping mapping(row);
       mapping.Map();
       row.Call(DRIVER(cuMemFree), mapping.address);
     }},
};

}  // namespace

BadCalls VirtualMemoryBadCalls() { return kRows; }

}  // namespace paella::bad_calls
