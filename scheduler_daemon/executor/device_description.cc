#include "scheduler_daemon/executor/device_description.h"

#include <cstring>

namespace paella::scheduler_daemon {

DeviceDescription DescribeDevice(const Driver& driver, CUdevice device) {
  DeviceDescription description;
  int number = 0;
  driver.cuDriverGetVersion(&number);
  description.driver_version = number;
  char text[256] = {};
  driver.cuDeviceGetName(text, sizeof text - 1, device);
  description.device_name = text;
  std::memset(text, 0, sizeof text);
  driver.cuDeviceGetPCIBusId(text, sizeof text - 1, device);
  description.pci_bus_id = text;
  CUuuid uuid{};
  driver.cuDeviceGetUuid(&uuid, device);
  description.uuid.resize(sizeof uuid);
  std::memcpy(description.uuid.data(), &uuid, sizeof uuid);
  std::size_t total = 0;
  driver.cuDeviceTotalMem(&total, device);
  description.total_memory_bytes = total;
  for (int attribute = 0; attribute < CU_DEVICE_ATTRIBUTE_MAX; ++attribute) {
    number = 0;  // one that this driver does not know
    driver.cuDeviceGetAttribute(&number, static_cast<CUdevice_attribute>(attribute), device);
    description.attributes.push_back(number);
  }
  int least = 0;
  int greatest = 0;
  driver.cuCtxGetStreamPriorityRange(&least, &greatest);
  description.least_priority = least;
  description.greatest_priority = greatest;
  return description;
}

}  // namespace paella::scheduler_daemon
