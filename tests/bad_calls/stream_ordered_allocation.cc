#include <cstdint>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

CUmemoryPool DefaultPool(Row& row) {
  CUmemoryPool pool = nullptr;
  row.Prepare(DRIVER(cuDeviceGetDefaultMemPool), &pool, row.state.device);
  return pool;
}

CUdeviceptr AllocateInOrder(Row& row) {
  CUdeviceptr address = 0;
  row.Prepare(DRIVER(cuMemAllocAsync), &address, kLargeBytes, row.state.stream);
  return address;
}

constexpr BadCall kRows[] = {
    {"stream_ordered.allocate_to_null",
     [](Row& row) { row.Call(DRIVER(cuMemAllocAsync), nullptr, 1024, row.state.stream); }},
    {"stream_ordered.allocate_nothing",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAllocAsync), &address, 0, row.state.stream); }},
    {"stream_ordered.allocate_too_much",
     [](Row& row) {
       CUdeviceptr address;
       row.Call(DRIVER(cuMemAllocAsync), &address, std::size_t{1} << 45, row.state.stream);
     }},
    {"stream_ordered.allocate_from_null_pool",
     [](Row& row) {
       CUdeviceptr address;
       row.Call(DRIVER(cuMemAllocFromPoolAsync), &address, 1024, nullptr, row.state.stream);
     }},
    {"stream_ordered.free_null", [](Row& row) { row.Call(DRIVER(cuMemFreeAsync), 0, row.state.stream); }},
    {"stream_ordered.free_twice",
     [](Row& row) {
       const CUdeviceptr address = AllocateInOrder(row);
       row.Call(DRIVER(cuMemFreeAsync), address, row.state.stream);
       row.Call(DRIVER(cuMemFreeAsync), address, row.state.stream);
       row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
     }},
    {"stream_ordered.free_twice_at_once",
     [](Row& row) {
       const CUdeviceptr address = AllocateInOrder(row);
       row.Call(DRIVER(cuMemFreeAsync), address, row.state.stream);
       row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
       row.Call(DRIVER(cuMemFree), address);
     }},
    {"stream_ordered.free_inside",
     [](Row& row) {
       const CUdeviceptr address = AllocateInOrder(row);
       row.Call(DRIVER(cuMemFreeAsync), address + 256, row.state.stream);
       row.Quietly(DRIVER(cuMemFreeAsync), address, row.state.stream);
     }},
    {"stream_ordered.free_ordinary_host_memory",
     [](Row& row) {
       row.Call(DRIVER(cuMemFreeAsync), reinterpret_cast<CUdeviceptr>(row.state.host), row.state.stream);
     }},
    {"stream_ordered.free_rubbish",
     [](Row& row) { row.Call(DRIVER(cuMemFreeAsync), 0x1234560000, row.state.stream); }},
    {"stream_ordered.copy_after_free",
     [](Row& row) {
       const CUdeviceptr address = AllocateInOrder(row);
       row.Call(DRIVER(cuMemFreeAsync), address, row.state.stream);
       row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
       row.Call(DRIVER(cuMemcpyDtoH), row.state.host, address, 64);
     }},
    {"stream_ordered.default_pool_to_null",
     [](Row& row) { row.Call(DRIVER(cuDeviceGetDefaultMemPool), nullptr, row.state.device); }},
    {"stream_ordered.pool_attribute_unknown",
     [](Row& row) {
       std::uint64_t value = 0;
       row.Call(DRIVER(cuMemPoolGetAttribute), DefaultPool(row), static_cast<CUmemPool_attribute>(1000), &value);
     }},
    {"stream_ordered.pool_attribute_to_null",
     [](Row& row) {
       row.Call(DRIVER(cuMemPoolGetAttribute), DefaultPool(row), CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, nullptr);
     }},
    {"stream_ordered.pool_attribute_of_null",
     [](Row& row) {
       std::uint64_t value = 0;
       row.Call(DRIVER(cuMemPoolGetAttribute), nullptr, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value);
     }},
    {"stream_ordered.pool_set_read_only_attribute",
     [](Row& row) {
       std::uint64_t value = 0;
       row.Call(DRIVER(cuMemPoolSetAttribute), DefaultPool(row), CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &value);
     }},
    {"stream_ordered.pool_high_mark_not_zero",
     [](Row& row) {
       std::uint64_t value = 4096;
       row.Call(DRIVER(cuMemPoolSetAttribute), DefaultPool(row), CU_MEMPOOL_ATTR_USED_MEM_HIGH, &value);
     }},
    {"stream_ordered.pool_trim_null", [](Row& row) { row.Call(DRIVER(cuMemPoolTrimTo), nullptr, 0); }},
    {"stream_ordered.pool_own_access_taken_away",
     [](Row& row) {
       CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, 0}, CU_MEM_ACCESS_FLAGS_PROT_NONE};
       row.Call(DRIVER(cuMemPoolSetAccess), DefaultPool(row), &access, 1);
     }},
    {"stream_ordered.pool_access_of_unknown_device",
     [](Row& row) {
       CUmemAccess_flags flags{};
       CUmemLocation location{};
       location.type = CU_MEM_LOCATION_TYPE_DEVICE;
       location.id = 99;
       row.Call(DRIVER(cuMemPoolGetAccess), &flags, DefaultPool(row), &location);
     }},
};

}  // namespace

BadCalls StreamOrderedAllocationBadCalls() { return kRows; }

}  // namespace paella::bad_calls
