#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

CUlaunchConfig OneBlock(const State& state) {
  CUlaunchConfig config{};
  config.gridDimX = config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = config.blockDimY = config.blockDimZ = 1;
  config.hStream = state.stream;
  return config;
}

void LaunchWith(Row& row, CUlaunchAttribute attribute) {
  CUlaunchConfig config = OneBlock(row.state);
  config.attrs = &attribute;
  config.numAttrs = 1;
  row.Call(DRIVER(cuLaunchKernelEx), &config, row.Function("Empty"), nullptr, nullptr);
}

void LaunchInClusters(Row& row, unsigned x, unsigned y, unsigned z) {
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  attribute.value.clusterDim = {x, y, z};
  LaunchWith(row, attribute);
}

constexpr BadCall kRows[] = {
    {"launch_attribute.null_config",
     [](Row& row) { row.Call(DRIVER(cuLaunchKernelEx), nullptr, row.Function("Empty"), nullptr, nullptr); }},
    {"launch_attribute.null_function",
     [](Row& row) {
       const CUlaunchConfig config = OneBlock(row.state);
       row.Call(DRIVER(cuLaunchKernelEx), &config, nullptr, nullptr, nullptr);
     }},
    {"launch_attribute.no_list",
     [](Row& row) {
       CUlaunchConfig config = OneBlock(row.state);
       config.numAttrs = 1;
       row.Call(DRIVER(cuLaunchKernelEx), &config, row.Function("Empty"), nullptr, nullptr);
     }},
    {"launch_attribute.unknown",
     [](Row& row) {
       CUlaunchAttribute attribute{};
       attribute.id = static_cast<CUlaunchAttributeID>(31);  // the greatest that the type can hold
       LaunchWith(row, attribute);
     }},
    {"launch_attribute.cluster_of_nothing", [](Row& row) { LaunchInClusters(row, 0, 1, 1); }},
    {"launch_attribute.cluster_larger_than_grid", [](Row& row) { LaunchInClusters(row, 2, 1, 1); }},
    {"launch_attribute.no_blocks",
     [](Row& row) {
       CUlaunchConfig config = OneBlock(row.state);
       config.gridDimX = 0;
       row.Call(DRIVER(cuLaunchKernelEx), &config, row.Function("Empty"), nullptr, nullptr);
     }},
    {"launch_attribute.block_too_large",
     [](Row& row) {
       CUlaunchConfig config = OneBlock(row.state);
       config.blockDimX = 1025;
       row.Call(DRIVER(cuLaunchKernelEx), &config, row.Function("Empty"), nullptr, nullptr);
     }},
    {"launch_attribute.missing_parameters",
     [](Row& row) {
       const CUlaunchConfig config = OneBlock(row.state);
       row.Call(DRIVER(cuLaunchKernelEx), &config, row.Function("Store"), nullptr, nullptr);
     }},
};

}  // namespace

BadCalls LaunchAttributeBadCalls() { return kRows; }

}  // namespace paella::bad_calls
