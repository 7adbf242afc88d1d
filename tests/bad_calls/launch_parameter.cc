#include "tests/bad_calls/bad_call.h"
#include "tests/bad_calls/launch_shape.h"

namespace paella::bad_calls {
namespace {

// What Store takes, as a block.
struct StoreBlock {
  CUdeviceptr to;
  int value;
};

void LaunchStore(Row& row, void** parameters, void** extra) {
  Launch(row, "Store", {}, parameters, extra);
  row.Call(DRIVER(cuStreamSynchronize), row.state.stream);
}

constexpr BadCall kRows[] = {
    {"launch_parameter.none", [](Row& row) { LaunchStore(row, nullptr, nullptr); }},
    {"launch_parameter.list_and_block",
     [](Row& row) {
       StoreBlock block{row.state.memory, 1};
       std::size_t bytes = sizeof(block);
       void* parameters[] = {&block.to, &block.value};
       void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &block, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                        CU_LAUNCH_PARAM_END};
       LaunchStore(row, parameters, extra);
     }},
    {"launch_parameter.extra_empty",
     [](Row& row) {
       void* extra[] = {CU_LAUNCH_PARAM_END};
       LaunchStore(row, nullptr, extra);
     }},
    {"launch_parameter.extra_without_size",
     [](Row& row) {
       StoreBlock block{row.state.memory, 1};
       void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &block, CU_LAUNCH_PARAM_END};
       LaunchStore(row, nullptr, extra);
     }},
    {"launch_parameter.extra_without_block",
     [](Row& row) {
       std::size_t bytes = sizeof(StoreBlock);
       void* extra[] = {CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
       LaunchStore(row, nullptr, extra);
     }},
    {"launch_parameter.extra_too_short",
     [](Row& row) {
       StoreBlock block{row.state.memory, 1};
       std::size_t bytes = 4;
       void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &block, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                        CU_LAUNCH_PARAM_END};
       LaunchStore(row, nullptr, extra);
     }},
    {"launch_parameter.extra_of_no_bytes",
     [](Row& row) {
       StoreBlock block{row.state.memory, 1};
       std::size_t bytes = 0;
       void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &block, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                        CU_LAUNCH_PARAM_END};
       LaunchStore(row, nullptr, extra);
     }},
    {"launch_parameter.extra_too_long",
     [](Row& row) {
       StoreBlock blocks[4]{{row.state.memory, 1}, {}, {}, {}};
       std::size_t bytes = sizeof(blocks);
       void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, blocks, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                        CU_LAUNCH_PARAM_END};
       LaunchStore(row, nullptr, extra);
     }},
    {"launch_parameter.extra_key_unknown",
     [](Row& row) {
       void* extra[] = {reinterpret_cast<void*>(0x77), nullptr, CU_LAUNCH_PARAM_END};
       LaunchStore(row, nullptr, extra);
     }},
    {"launch_parameter.superfluous_list",
     [](Row& row) {
       int value = 1;
       void* parameters[] = {&value};
       Launch(row, "Empty", {}, parameters);
     }},
};

}  // namespace

BadCalls LaunchParameterBadCalls() { return kRows; }

}  // namespace paella::bad_calls
