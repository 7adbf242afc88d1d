// A kernel launch as a client described it, checked, in the form that the driver takes.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_LAUNCH_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_LAUNCH_H_

#include <optional>
#include <vector>

#include "messages.h"
#include "scheduler_daemon/driver.h"
#include "scheduler_daemon/executor/client_objects.h"

namespace paella::scheduler_daemon {

struct Launch {
  CUfunction function;
  bool prints, asserts;  // it may
  std::uint64_t most_dynamic_shared_bytes;  // that this client may use
  CUlaunchConfig config;  // its attributes and stream are set by Issue
  std::vector<CUlaunchAttribute> attributes;
  std::vector<std::byte> parameters;

  CUresult Issue(const Driver& driver, CUstream stream);
};

// What a client's array of CUlaunchAttribute asks for, without what has no effect here. Nothing if one of them is not
// for clients to set.
std::optional<std::vector<CUlaunchAttribute>> CheckAttributes(const std::vector<std::byte>& bytes);

// Nothing if the message contradicts the kernel, or has an attribute that a client may not set: one that names an
// event or a graph node, which would be a pointer of the client's making.
std::optional<Launch> CheckLaunch(ipc::LaunchKernel message, const KernelInfo& kernel);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_LAUNCH_H_
