#include <cstdint>

#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

constexpr BadCall kRows[] = {
    {"memset.null", [](Row& row) { row.Call(DRIVER(cuMemsetD8), 0, 1, 64); }},
    {"memset.null_nothing", [](Row& row) { row.Call(DRIVER(cuMemsetD8), 0, 1, 0); }},
    {"memset.freed", [](Row& row) { row.Call(DRIVER(cuMemsetD8), row.AllocateAndFree(), 1, 64); }},
    {"memset.freed_async",
     [](Row& row) {
       row.Call(DRIVER(cuMemsetD8Async), row.AllocateAndFree(), 1, 64, row.state.stream);
       row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
     }},
    {"memset.rubbish", [](Row& row) { row.Call(DRIVER(cuMemsetD32), 0x1234560000, 1, 64); }},
    {"memset.ordinary_host_memory",
     [](Row& row) { row.Call(DRIVER(cuMemsetD8), reinterpret_cast<CUdeviceptr>(row.state.host), 1, 64); }},
    {"memset.past_the_end",
     [](Row& row) {
       const CUdeviceptr to = row.Allocate(kLargeBytes);
       row.Call(DRIVER(cuMemsetD8), to, 1, kLargeBytes + 4096);
       row.Quietly(DRIVER(cuMemFree), to);
     }},
    {"memset.words_past_the_end",
     [](Row& row) {
       const CUdeviceptr to = row.Allocate(kLargeBytes);
       row.Call(DRIVER(cuMemsetD32), to, 1, kLargeBytes);
       row.Quietly(DRIVER(cuMemFree), to);
     }},
    {"memset.count_overflows", [](Row& row) { row.Call(DRIVER(cuMemsetD32), row.state.memory, 1, SIZE_MAX / 2); }},
    {"memset.halves_misaligned", [](Row& row) { row.Call(DRIVER(cuMemsetD16), row.state.memory + 1, 1, 8); }},
    {"memset.words_misaligned", [](Row& row) { row.Call(DRIVER(cuMemsetD32), row.state.memory + 2, 1, 8); }},
    {"memset.words_misaligned_async",
     [](Row& row) { row.Call(DRIVER(cuMemsetD32Async), row.state.memory + 2, 1, 8, row.state.stream); }},
    {"memset.rows_pitch_too_small", [](Row& row) { row.Call(DRIVER(cuMemsetD2D8), row.state.memory, 32, 1, 64, 4); }},
    {"memset.rows_past_the_end",
     [](Row& row) { row.Call(DRIVER(cuMemsetD2D8), row.state.memory, 1024, 1, 64, 1 << 20); }},
    {"memset.rows_of_words_pitch_misaligned",
     [](Row& row) { row.Call(DRIVER(cuMemsetD2D32), row.state.memory, 1022, 1, 8, 4); }},
    {"memset.rows_of_halves_misaligned",
     [](Row& row) { row.Call(DRIVER(cuMemsetD2D16), row.state.memory + 1, 1024, 1, 8, 4); }},
    {"memset.no_rows", [](Row& row) { row.Call(DRIVER(cuMemsetD2D8), row.state.memory, 1024, 1, 64, 0); }},
};

}  // namespace

BadCalls MemsetBadCalls() { return kRows; }

}  // namespace paella::bad_calls
