#include <cstdint>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

CUdeviceptr Address(const void* pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

constexpr std::size_t kPastTheEnd = kLargeBytes + 4096;

constexpr BadCall kRows[] = {
    {"copy.up_past_the_end",
     [](Row& row) {
       const CUdeviceptr to = row.Allocate(kLargeBytes);
       row.Call(DRIVER(cuMemcpyHtoD), to, row.state.host, kPastTheEnd);
       row.Quietly(DRIVER(cuMemFree), to);
     }},
    {"copy.down_past_the_end",
     [](Row& row) {
       const CUdeviceptr from = row.Allocate(kLargeBytes);
       row.Call(DRIVER(cuMemcpyDtoH), row.state.host, from, kPastTheEnd);
       row.Quietly(DRIVER(cuMemFree), from);
     }},
    {"copy.across_past_the_end",
     [](Row& row) {
       const CUdeviceptr from = row.Allocate(kLargeBytes), to = row.Allocate(2 * kLargeBytes);
       row.Call(DRIVER(cuMemcpyDtoD), to, from, kPastTheEnd);
       row.Quietly(DRIVER(cuMemFree), from);
       row.Quietly(DRIVER(cuMemFree), to);
     }},
    {"copy.starts_inside_and_ends_outside",
     [](Row& row) {
       const CUdeviceptr to = row.Allocate(kLargeBytes);
       row.Call(DRIVER(cuMemcpyHtoD), to + kLargeBytes - 16, row.state.host, 32);
       row.Quietly(DRIVER(cuMemFree), to);
     }},
    {"copy.up_past_the_end_async",
     [](Row& row) {
       const CUdeviceptr to = row.Allocate(kLargeBytes);
       row.Call(DRIVER(cuMemcpyHtoDAsync), to, row.state.host, kPastTheEnd, row.state.stream);
       row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
       row.Quietly(DRIVER(cuMemFree), to);
     }},
    {"copy.more_than_the_address_space",
     [](Row& row) { row.Call(DRIVER(cuMemcpyDtoD), row.state.memory, row.state.other, SIZE_MAX - 4096); }},
    {"copy.up_to_freed", [](Row& row) { row.Call(DRIVER(cuMemcpyHtoD), row.AllocateAndFree(), row.state.host, 64); }},
    {"copy.down_from_freed",
     [](Row& row) { row.Call(DRIVER(cuMemcpyDtoH), row.state.host, row.AllocateAndFree(), 64); }},
    {"copy.across_to_freed",
     [](Row& row) { row.Call(DRIVER(cuMemcpyDtoD), row.AllocateAndFree(), row.state.memory, 64); }},
    {"copy.across_from_freed",
     [](Row& row) { row.Call(DRIVER(cuMemcpyDtoD), row.state.memory, row.AllocateAndFree(), 64); }},
    {"copy.up_to_freed_async",
     [](Row& row) {
       row.Call(DRIVER(cuMemcpyHtoDAsync), row.AllocateAndFree(), row.state.host, 64, row.state.stream);
       row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
     }},
    {"copy.down_from_freed_async",
     [](Row& row) {
       row.Call(DRIVER(cuMemcpyDtoHAsync), row.state.host, row.AllocateAndFree(), 64, row.state.stream);
       row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
     }},
    {"copy.up_to_null", [](Row& row) { row.Call(DRIVER(cuMemcpyHtoD), 0, row.state.host, 64); }},
    {"copy.up_from_null", [](Row& row) { row.Call(DRIVER(cuMemcpyHtoD), row.state.memory, nullptr, 64); }},
    {"copy.down_to_null", [](Row& row) { row.Call(DRIVER(cuMemcpyDtoH), nullptr, row.state.memory, 64); }},
    {"copy.down_from_null", [](Row& row) { row.Call(DRIVER(cuMemcpyDtoH), row.state.host, 0, 64); }},
    {"copy.across_to_null", [](Row& row) { row.Call(DRIVER(cuMemcpyDtoD), 0, row.state.memory, 64); }},
    {"copy.across_from_null", [](Row& row) { row.Call(DRIVER(cuMemcpyDtoD), row.state.memory, 0, 64); }},
    {"copy.unified_from_null", [](Row& row) { row.Call(DRIVER(cuMemcpy), row.state.memory, 0, 64); }},
    {"copy.unified_to_null", [](Row& row) { row.Call(DRIVER(cuMemcpy), 0, row.state.memory, 64); }},
    {"copy.up_to_null_nothing", [](Row& row) { row.Call(DRIVER(cuMemcpyHtoD), 0, row.state.host, 0); }},
    {"copy.nothing_to_freed",
     [](Row& row) { row.Call(DRIVER(cuMemcpyHtoD), row.AllocateAndFree(), row.state.host, 0); }},
    {"copy.up_to_ordinary_host_memory",
     [](Row& row) { row.Call(DRIVER(cuMemcpyHtoD), Address(row.state.host), row.state.host + 4096, 64); }},
    {"copy.down_from_ordinary_host_memory",
     [](Row& row) { row.Call(DRIVER(cuMemcpyDtoH), row.state.host + 4096, Address(row.state.host), 64); }},
    {"copy.across_from_ordinary_host_memory",
     [](Row& row) { row.Call(DRIVER(cuMemcpyDtoD), row.state.memory, Address(row.state.host), 64); }},
    {"copy.across_to_rubbish", [](Row& row) { row.Call(DRIVER(cuMemcpyDtoD), 0x1234560000, row.state.memory, 64); }},
    {"copy.past_the_end_of_pinned_memory",
     [](Row& row) {
       void* pinned = nullptr;
       row.Prepare(DRIVER(cuMemHostAlloc), &pinned, kLargeBytes, 0);
       row.Call(DRIVER(cuMemcpyDtoD), Address(pinned) + kLargeBytes - 16, row.state.memory, 64);
       row.Quietly(DRIVER(cuMemFreeHost), pinned);
     }},
};

}  // namespace

BadCalls CopyBadCalls() { return kRows; }

}  // namespace paella::bad_calls
