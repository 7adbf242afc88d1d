// The driver's linker: several pieces of code become one image. On a client's worker; waits as long as the driver does.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_LINKER_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_LINKER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/jit_options.h"

namespace paella::scheduler_daemon {

struct LinkInput {
  CUjitInputType type;
  std::vector<std::byte> data;  // ends with a zero that is not counted
  std::string name;
  JitNumbers options;
};

struct Linked {
  CUresult result = CUDA_SUCCESS;
  std::vector<std::byte> image;
  std::string error_log;  // the linker's own words, whatever the result
  std::string info_log;
};

Linked Link(const Driver& driver, const JitNumbers& options, std::vector<LinkInput>& inputs);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_LINKER_H_
