// Launches as the rows make them: a kernel of the prepared module, by name, in the prepared stream.
#ifndef PAELLA_TESTS_BAD_CALLS_LAUNCH_SHAPE_H_
#define PAELLA_TESTS_BAD_CALLS_LAUNCH_SHAPE_H_

#include "tests/bad_calls/row.h"

namespace paella::bad_calls {

struct LaunchShape {
  unsigned grid[3] = {1, 1, 1};
  unsigned block[3] = {1, 1, 1};
  unsigned shared_bytes = 0;
};

inline CUresult Launch(Row& row, const char* kernel, const LaunchShape& shape, void** parameters,
                       void** extra = nullptr) {
  const auto& [grid, block, shared_bytes] = shape;
  return row.Call(DRIVER(cuLaunchKernel), row.Function(kernel), grid[0], grid[1], grid[2], block[0], block[1],
                  block[2], shared_bytes, row.state.stream, parameters, extra);
}

}  // namespace paella::bad_calls

#endif  // PAELLA_TESTS_BAD_CALLS_LAUNCH_SHAPE_H_
