#include "tests/bad_calls/bad_call.h"
#include "tests/bad_calls/launch_shape.h"

namespace paella::bad_calls {
namespace {

void LaunchEmpty(Row& row, const LaunchShape& shape) { Launch(row, "Empty", shape, nullptr); }

void LaunchWithIndex(Row& row, const char* kernel, const LaunchShape& shape) {
  CUdeviceptr to = row.state.memory;
  unsigned index = 0;
  void* parameters[] = {&to, &index};
  Launch(row, kernel, shape, parameters);
}

void LaunchWithPointer(Row& row, const char* kernel, const LaunchShape& shape) {
  CUdeviceptr to = row.state.memory;
  void* parameters[] = {&to};
  Launch(row, kernel, shape, parameters);
}

void LaunchCooperatively(Row& row, unsigned blocks) {
  row.Call(DRIVER(cuLaunchCooperativeKernel), row.Function("Empty"), blocks, 1, 1, 1024, 1, 1, 0, row.state.stream,
           nullptr);
}

constexpr BadCall kRows[] = {
    {"launch.null_function",
     [](Row& row) {
       row.Call(DRIVER(cuLaunchKernel), nullptr, 1, 1, 1, 1, 1, 1, 0, row.state.stream, nullptr, nullptr);
     }},
    {"launch.grid_x_zero", [](Row& row) { LaunchEmpty(row, {.grid = {0, 1, 1}}); }},
    {"launch.grid_y_zero", [](Row& row) { LaunchEmpty(row, {.grid = {1, 0, 1}}); }},
    {"launch.grid_z_zero", [](Row& row) { LaunchEmpty(row, {.grid = {1, 1, 0}}); }},
    {"launch.grid_x_too_large", [](Row& row) { LaunchEmpty(row, {.grid = {0x80000000, 1, 1}}); }},
    {"launch.grid_y_too_large", [](Row& row) { LaunchEmpty(row, {.grid = {1, 65536, 1}}); }},
    {"launch.grid_z_too_large", [](Row& row) { LaunchEmpty(row, {.grid = {1, 1, 65536}}); }},
    {"launch.block_x_zero", [](Row& row) { LaunchEmpty(row, {.block = {0, 1, 1}}); }},
    {"launch.block_y_zero", [](Row& row) { LaunchEmpty(row, {.block = {1, 0, 1}}); }},
    {"launch.block_z_zero", [](Row& row) { LaunchEmpty(row, {.block = {1, 1, 0}}); }},
    {"launch.block_x_too_large", [](Row& row) { LaunchEmpty(row, {.block = {1025, 1, 1}}); }},
    {"launch.block_y_too_large", [](Row& row) { LaunchEmpty(row, {.block = {1, 1025, 1}}); }},
    {"launch.block_z_too_large", [](Row& row) { LaunchEmpty(row, {.block = {1, 1, 65}}); }},
    {"launch.block_too_many_threads", [](Row& row) { LaunchEmpty(row, {.block = {32, 32, 2}}); }},
    {"launch.block_and_grid_too_large",
     [](Row& row) { LaunchEmpty(row, {.grid = {1, 65536, 1}, .block = {2048, 1, 1}}); }},
    {"launch.block_over_launch_bounds",
     [](Row& row) { LaunchWithPointer(row, "AtMost64Threads", {.block = {128, 1, 1}}); }},
    {"launch.block_over_registers", [](Row& row) { LaunchWithPointer(row, "ManyRegisters", {.block = {1024, 1, 1}}); }},
    {"launch.shared_memory_over_default",
     [](Row& row) { LaunchWithIndex(row, "DynamicShared", {.shared_bytes = 48 * 1024 + 4}); }},
    {"launch.shared_memory_over_device",
     [](Row& row) { LaunchWithIndex(row, "DynamicShared", {.shared_bytes = 1 << 20}); }},
    {"launch.shared_memory_beside_static",
     [](Row& row) { LaunchWithIndex(row, "StaticShared", {.shared_bytes = 16 * 1024}); }},
    {"launch.cooperative_null_function",
     [](Row& row) {
       row.Call(DRIVER(cuLaunchCooperativeKernel), nullptr, 1, 1, 1, 1, 1, 1, 0, row.state.stream, nullptr);
     }},
    {"launch.cooperative_too_large", [](Row& row) { LaunchCooperatively(row, 100'000); }},
    {"launch.cooperative_no_blocks", [](Row& row) { LaunchCooperatively(row, 0); }},
};

}  // namespace

BadCalls LaunchBadCalls() { return kRows; }

}  // namespace paella::bad_calls
