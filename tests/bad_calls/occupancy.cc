#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

void ActiveBlocks(Row& row, const char* kernel, int threads, std::size_t shared_bytes) {
  int blocks = -1;
  row.Call(DRIVER(cuOccupancyMaxActiveBlocksPerMultiprocessor), &blocks, row.Function(kernel), threads, shared_bytes);
  row.Note(blocks < 0 ? "unchanged" : blocks == 0 ? "none" : "some");
}

constexpr BadCall kRows[] = {
    {"occupancy.no_threads", [](Row& row) { ActiveBlocks(row, "Store", 0, 0); }},
    {"occupancy.negative_threads", [](Row& row) { ActiveBlocks(row, "Store", -1, 0); }},
    {"occupancy.2048_threads", [](Row& row) { ActiveBlocks(row, "Store", 2048, 0); }},
    {"occupancy.more_threads_than_the_kernel_allows", [](Row& row) { ActiveBlocks(row, "AtMost64Threads", 128, 0); }},
    {"occupancy.more_shared_memory_than_there_is",
     [](Row& row) { ActiveBlocks(row, "Store", 64, std::size_t{1} << 30); }},
    {"occupancy.of_null",
     [](Row& row) {
       int blocks;
       row.Call(DRIVER(cuOccupancyMaxActiveBlocksPerMultiprocessor), &blocks, nullptr, 64, 0);
     }},
    {"occupancy.to_null",
     [](Row& row) {
       row.Call(DRIVER(cuOccupancyMaxActiveBlocksPerMultiprocessor), nullptr, row.Function("Store"), 64, 0);
     }},
    {"occupancy.flags_unknown",
     [](Row& row) {
       int blocks;
       row.Call(DRIVER(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags), &blocks, row.Function("Store"), 64, 0,
                0x1000);
     }},
    {"occupancy.block_size_of_null",
     [](Row& row) {
       int grid, block;
       row.Call(DRIVER(cuOccupancyMaxPotentialBlockSize), &grid, &block, nullptr, nullptr, 0, 0);
     }},
    {"occupancy.block_size_to_null",
     [](Row& row) {
       row.Call(DRIVER(cuOccupancyMaxPotentialBlockSize), nullptr, nullptr, row.Function("Store"), nullptr, 0, 0);
     }},
    {"occupancy.block_size_negative_limit",
     [](Row& row) {
       int grid, block;
       row.Call(DRIVER(cuOccupancyMaxPotentialBlockSize), &grid, &block, row.Function("Store"), nullptr, 0, -1);
     }},
    {"occupancy.shared_memory_of_no_blocks",
     [](Row& row) {
       std::size_t bytes;
       row.Call(DRIVER(cuOccupancyAvailableDynamicSMemPerBlock), &bytes, row.Function("Store"), 0, 64);
     }},
    {"occupancy.shared_memory_of_too_many_blocks",
     [](Row& row) {
       std::size_t bytes;
       row.Call(DRIVER(cuOccupancyAvailableDynamicSMemPerBlock), &bytes, row.Function("Store"), 1000, 64);
     }},
};

}  // namespace

BadCalls OccupancyBadCalls() { return kRows; }

}  // namespace paella::bad_calls
