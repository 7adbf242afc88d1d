#include <cstdint>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

constexpr BadCall kRows[] = {
    {"host_memory.allocate_nothing", [](Row& row) { void* host; row.Call(DRIVER(cuMemAllocHost), &host, 0); }},
    {"host_memory.allocate_to_null", [](Row& row) { row.Call(DRIVER(cuMemAllocHost), nullptr, 1024); }},
    {"host_memory.allocate_too_much",
     [](Row& row) { void* host; row.Call(DRIVER(cuMemAllocHost), &host, std::size_t{1} << 45); }},
    {"host_memory.flags_unknown", [](Row& row) { void* host; row.Call(DRIVER(cuMemHostAlloc), &host, 1024, 0x1000); }},
    {"host_memory.flagged_nothing", [](Row& row) { void* host; row.Call(DRIVER(cuMemHostAlloc), &host, 0, 0); }},
    {"host_memory.flagged_to_null", [](Row& row) { row.Call(DRIVER(cuMemHostAlloc), nullptr, 1024, 0); }},
    {"host_memory.free_null", [](Row& row) { row.Call(DRIVER(cuMemFreeHost), nullptr); }},
    {"host_memory.free_twice",
     [](Row& row) {
       void* host = nullptr;
       row.Prepare(DRIVER(cuMemAllocHost), &host, kLargeBytes);
       row.Call(DRIVER(cuMemFreeHost), host);
       row.Call(DRIVER(cuMemFreeHost), host);
     }},
    {"host_memory.free_inside",
     [](Row& row) { row.Call(DRIVER(cuMemFreeHost), static_cast<char*>(row.state.pinned) + 256); }},
    {"host_memory.free_ordinary", [](Row& row) { row.Call(DRIVER(cuMemFreeHost), row.state.host); }},
    {"host_memory.free_device_memory",
     [](Row& row) { row.Call(DRIVER(cuMemFreeHost), reinterpret_cast<void*>(row.state.memory)); }},
    {"host_memory.free_as_device_memory",
     [](Row& row) { row.Call(DRIVER(cuMemFree), reinterpret_cast<CUdeviceptr>(row.state.pinned)); }},
    {"host_memory.device_pointer_of_ordinary",
     [](Row& row) {
       CUdeviceptr address;
       row.Call(DRIVER(cuMemHostGetDevicePointer), &address, row.state.host, 0);
     }},
    {"host_memory.device_pointer_of_null",
     [](Row& row) { CUdeviceptr address; row.Call(DRIVER(cuMemHostGetDevicePointer), &address, nullptr, 0); }},
    {"host_memory.device_pointer_flags",
     [](Row& row) {
       CUdeviceptr address;
       row.Call(DRIVER(cuMemHostGetDevicePointer), &address, row.state.pinned, 0x1000);
     }},
    {"host_memory.device_pointer_to_null",
     [](Row& row) { row.Call(DRIVER(cuMemHostGetDevicePointer), nullptr, row.state.pinned, 0); }},
    {"host_memory.flags_of_ordinary",
     [](Row& row) { unsigned flags; row.Call(DRIVER(cuMemHostGetFlags), &flags, row.state.host); }},
    {"host_memory.flags_to_null", [](Row& row) { row.Call(DRIVER(cuMemHostGetFlags), nullptr, row.state.pinned); }},
};

}  // namespace

BadCalls HostMemoryBadCalls() { return kRows; }

}  // namespace paella::bad_calls
