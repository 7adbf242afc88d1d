// The device: one, ordinal 0, as the daemon described it in its welcome. Nothing here leaves the process.
#include <algorithm>
#include <cstdio>
#include <cstring>

#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

constexpr CUdevice kDevice = 0;

CUresult EnterDevice(Client*& client, CUdevice device) {
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  return device == kDevice ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

int Attribute(const Client& client, int attribute) {
  const auto& attributes = client.welcome.attributes;
  return static_cast<std::size_t>(attribute) < attributes.size() ? attributes[attribute] : 0;
}

// Domain, bus, device and function of "0000:3b:00.0", of "3b:00.0" or of "0000:3b:00".
bool ParseBusId(const char* text, unsigned (&parts)[4]) {
  std::fill(std::begin(parts), std::end(parts), 0u);
  if (std::sscanf(text, "%x:%x:%x.%x", &parts[0], &parts[1], &parts[2], &parts[3]) >= 3) return true;
  parts[0] = 0;
  return std::sscanf(text, "%x:%x.%x", &parts[1], &parts[2], &parts[3]) >= 2;
}

// At most `capacity` bytes, ended by a zero, as the driver's string queries do.
CUresult GiveString(const std::string& text, char* out, int capacity) {
  if (out == nullptr || capacity <= 0) return CUDA_ERROR_INVALID_VALUE;
  std::snprintf(out, capacity, "%s", text.c_str());
  return CUDA_SUCCESS;
}

CUresult GiveUuid(Client& client, CUuuid* uuid) {
  if (uuid == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *uuid = {};
  std::memcpy(uuid->bytes, client.welcome.uuid.data(), std::min(client.welcome.uuid.size(), sizeof uuid->bytes));
  return CUDA_SUCCESS;
}

}  // namespace

CUresult paella_cuDeviceGet(CUdevice* device, int ordinal) {
  Client* client;
  if (const CUresult result = EnterDevice(client, ordinal); result != CUDA_SUCCESS) return result;
  if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *device = kDevice;
  return CUDA_SUCCESS;
}

CUresult paella_cuDeviceGetCount(int* count) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *count = 1;
  return CUDA_SUCCESS;
}

CUresult paella_cuDeviceGetName(char* name, int len, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  return GiveString(client->welcome.device_name, name, len);
}

CUresult paella_cuDeviceGetUuid(CUuuid* uuid, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  return GiveUuid(*client, uuid);
}

CUresult paella_cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev) { return paella_cuDeviceGetUuid(uuid, dev); }

// A thing of Windows: the driver says so here too.
CUresult paella_cuDeviceGetLuid(char*, unsigned int*, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult paella_cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (bytes == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *bytes = client->welcome.total_memory_bytes;
  return CUDA_SUCCESS;
}

CUresult paella_cuDeviceGetAttribute(int* pi, CUdevice_attribute attrib, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  const auto& attributes = client->welcome.attributes;
  if (pi == nullptr || attrib <= 0 || static_cast<std::size_t>(attrib) >= attributes.size()) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *pi = attributes[attrib];
  return CUDA_SUCCESS;
}

CUresult paella_cuDeviceGetProperties(CUdevprop* prop, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (prop == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto value = [client](int attribute) { return Attribute(*client, attribute); };
  prop->maxThreadsPerBlock = value(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  for (int i = 0; i < 3; ++i) {
    prop->maxThreadsDim[i] = value(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + i);
    prop->maxGridSize[i] = value(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + i);
  }
  prop->sharedMemPerBlock = value(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK);
  prop->totalConstantMemory = value(CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY);
  prop->SIMDWidth = value(CU_DEVICE_ATTRIBUTE_WARP_SIZE);
  prop->memPitch = value(CU_DEVICE_ATTRIBUTE_MAX_PITCH);
  prop->regsPerBlock = value(CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK);
  prop->clockRate = value(CU_DEVICE_ATTRIBUTE_CLOCK_RATE);
  prop->textureAlign = value(CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT);
  return CUDA_SUCCESS;
}

CUresult paella_cuDeviceComputeCapability(int* major, int* minor, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (major == nullptr || minor == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *major = Attribute(*client, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  *minor = Attribute(*client, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  return CUDA_SUCCESS;
}

CUresult paella_cuDeviceGetPCIBusId(char* pciBusId, int len, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  return GiveString(client->welcome.pci_bus_id, pciBusId, len);
}

CUresult paella_cuDeviceGetByPCIBusId(CUdevice* dev, const char* pciBusId) {
  Client* client;
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  unsigned asked[4], own[4];
  if (dev == nullptr || pciBusId == nullptr || !ParseBusId(pciBusId, asked)) return CUDA_ERROR_INVALID_VALUE;
  if (!ParseBusId(client->welcome.pci_bus_id.c_str(), own) || !std::equal(asked, asked + 4, own)) {
    return CUDA_ERROR_INVALID_DEVICE;
  }
  *dev = kDevice;
  return CUDA_SUCCESS;
}

CUresult paella_cuDeviceGetTexture1DLinearMaxWidth(size_t* maxWidthInElements, CUarray_format, unsigned,
                                                   CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (maxWidthInElements == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *maxWidthInElements = Attribute(*client, CU_DEVICE_ATTRIBUTE_MAXIMUM_TEXTURE1D_LINEAR_WIDTH);
  return CUDA_SUCCESS;
}

CUresult paella_cuDeviceCanAccessPeer(int* canAccessPeer, CUdevice dev, CUdevice peerDev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (peerDev != kDevice) return CUDA_ERROR_INVALID_DEVICE;
  if (canAccessPeer == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *canAccessPeer = 0;  // a device is no peer of itself, and there is no other
  return CUDA_SUCCESS;
}

// Where a real driver is here it knows what the link of its device can; else: nothing natively, as on most machines.
CUresult paella_cuDeviceGetHostAtomicCapabilities(unsigned int* capabilities, const CUatomicOperation* operations,
                                                  unsigned int count, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (capabilities == nullptr || operations == nullptr || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (unsigned i = 0; i < count; ++i) {
    if (operations[i] < 0 || operations[i] >= CU_ATOMIC_OPERATION_MAX) return CUDA_ERROR_INVALID_VALUE;
  }
  if (client->real != nullptr) {
    using Function = decltype(&cuDeviceGetHostAtomicCapabilities);
    const auto ask = reinterpret_cast<Function>(client->real->Find("cuDeviceGetHostAtomicCapabilities"));
    if (ask != nullptr) return ask(capabilities, operations, count, dev);
  }
  std::fill_n(capabilities, count, 0u);
  return CUDA_SUCCESS;
}

// There is no other device.
CUresult paella_cuDeviceGetP2PAtomicCapabilities(unsigned int*, const CUatomicOperation*, unsigned int, CUdevice,
                                                 CUdevice) {
  Client* client;
  const CUresult result = Enter(client);
  return result != CUDA_SUCCESS ? result : CUDA_ERROR_INVALID_DEVICE;
}

CUresult paella_cuDeviceGetP2PAttribute(int*, CUdevice_P2PAttribute, CUdevice srcDevice, CUdevice) {
  Client* client;
  if (const CUresult result = EnterDevice(client, srcDevice); result != CUDA_SUCCESS) return result;
  return CUDA_ERROR_INVALID_DEVICE;  // both are the same device, which is what CUDA answers then
}

CUresult paella_cuDeviceGetExecAffinitySupport(int* pi, CUexecAffinityType, CUdevice dev) {
  Client* client;
  if (const CUresult result = EnterDevice(client, dev); result != CUDA_SUCCESS) return result;
  if (pi == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pi = 0;
  return CUDA_SUCCESS;
}
