// What clients are told about the GPU, asked once from the driver.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_DEVICE_DESCRIPTION_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_DEVICE_DESCRIPTION_H_

#include "messages.h"
#include "scheduler_daemon/driver.h"

namespace paella::scheduler_daemon {

using DeviceDescription = ipc::ExecutorReady;

// Needs a current context, for the range of priorities.
DeviceDescription DescribeDevice(const Driver& driver, CUdevice device);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_DEVICE_DESCRIPTION_H_
