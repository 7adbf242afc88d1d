#include <cstdint>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

constexpr std::size_t kMoreThanAnyGpu = std::size_t{1} << 45;

void AllocatePitch(Row& row, std::size_t width_bytes, std::size_t rows, unsigned element_bytes) {
  CUdeviceptr address = 0;
  std::size_t pitch = 0;
  row.Call(DRIVER(cuMemAllocPitch), &address, &pitch, width_bytes, rows, element_bytes);
}

constexpr BadCall kRows[] = {
    {"memory.allocate_nothing", [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAlloc), &address, 0); }},
    {"memory.allocate_to_null", [](Row& row) { row.Call(DRIVER(cuMemAlloc), nullptr, 1024); }},
    {"memory.allocate_too_much",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAlloc), &address, kMoreThanAnyGpu); }},
    {"memory.allocate_all_of_the_address_space",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAlloc), &address, SIZE_MAX); }},
    {"memory.pitch_no_width", [](Row& row) { AllocatePitch(row, 0, 4, 4); }},
    {"memory.pitch_no_rows", [](Row& row) { AllocatePitch(row, 64, 0, 4); }},
    {"memory.pitch_element_of_3_bytes", [](Row& row) { AllocatePitch(row, 64, 4, 3); }},
    {"memory.pitch_element_of_32_bytes", [](Row& row) { AllocatePitch(row, 64, 4, 32); }},
    {"memory.pitch_overflows", [](Row& row) { AllocatePitch(row, std::size_t{1} << 33, std::size_t{1} << 33, 4); }},
    {"memory.pitch_to_null",
     [](Row& row) { std::size_t pitch; row.Call(DRIVER(cuMemAllocPitch), nullptr, &pitch, 64, 4, 4); }},
    {"memory.managed_nothing",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAllocManaged), &address, 0, CU_MEM_ATTACH_GLOBAL); }},
    {"memory.managed_flags_zero",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAllocManaged), &address, 1024, 0); }},
    {"memory.managed_attached_to_single_stream",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemAllocManaged), &address, 1024, CU_MEM_ATTACH_SINGLE); }},
    {"memory.managed_to_null",
     [](Row& row) { row.Call(DRIVER(cuMemAllocManaged), nullptr, 1024, CU_MEM_ATTACH_GLOBAL); }},
    {"memory.free_null", [](Row& row) { row.Call(DRIVER(cuMemFree), 0); }},
    {"memory.free_twice", [](Row& row) { row.Call(DRIVER(cuMemFree), row.AllocateAndFree()); }},
    {"memory.free_small_twice", [](Row& row) { row.Call(DRIVER(cuMemFree), row.AllocateAndFree(256)); }},
    {"memory.free_inside", [](Row& row) { row.Call(DRIVER(cuMemFree), row.state.memory + 256); }},
    {"memory.free_one_byte_inside", [](Row& row) { row.Call(DRIVER(cuMemFree), row.state.memory + 1); }},
    {"memory.free_ordinary_host_memory",
     [](Row& row) { row.Call(DRIVER(cuMemFree), reinterpret_cast<CUdeviceptr>(row.state.host)); }},
    {"memory.free_stack_memory",
     [](Row& row) { int local = 0; row.Call(DRIVER(cuMemFree), reinterpret_cast<CUdeviceptr>(&local)); }},
    {"memory.free_rubbish", [](Row& row) { row.Call(DRIVER(cuMemFree), 0x1234560000); }},
    {"memory.free_global",
     [](Row& row) {
       CUdeviceptr address = 0;
       row.Prepare(DRIVER(cuModuleGetGlobal), &address, nullptr, row.state.module, "table");
       row.Call(DRIVER(cuMemFree), address);
     }},
    {"memory.info_to_null", [](Row& row) { row.Call(DRIVER(cuMemGetInfo), nullptr, nullptr); }},
    {"memory.range_of_null",
     [](Row& row) {
       CUdeviceptr base;
       std::size_t bytes;
       row.Call(DRIVER(cuMemGetAddressRange), &base, &bytes, 0);
     }},
    {"memory.range_of_freed",
     [](Row& row) {
       CUdeviceptr base;
       std::size_t bytes;
       row.Call(DRIVER(cuMemGetAddressRange), &base, &bytes, row.AllocateAndFree());
     }},
    {"memory.range_of_host",
     [](Row& row) {
       CUdeviceptr base;
       std::size_t bytes;
       row.Call(DRIVER(cuMemGetAddressRange), &base, &bytes, reinterpret_cast<CUdeviceptr>(row.state.host));
     }},
    {"memory.range_to_null",
     [](Row& row) { row.Call(DRIVER(cuMemGetAddressRange), nullptr, nullptr, row.state.memory); }},
};

}  // namespace

BadCalls MemoryBadCalls() { return kRows; }

}  // namespace paella::bad_calls
