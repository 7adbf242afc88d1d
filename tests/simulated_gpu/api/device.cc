// The devices and what they say of themselves. All are alike but for their memory and their names.
#include <cstdio>
#include <cstring>
#include <string>

#include "tests/simulated_gpu/allocations.h"
#include "tests/simulated_gpu/api/common.h"

namespace paella::simulated_gpu {
namespace {

constexpr char kName[] = "Simulated GPU";
// Room for any of them.
constexpr std::size_t kBusIdBytes = 32;

void WriteBusId(CUdevice device, char* text, std::size_t bytes) { std::snprintf(text, bytes, "0000:%02x:00.0", device); }

struct Attribute {
  CUdevice_attribute attribute;
  int value;
};

// What does not depend on the settings; an attribute that is not listed is 0. PTX of every architecture up to 9.0 loads.
constexpr Attribute kFixed[] = {
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, 9}, {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0},
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, kMaxThreadsPerBlock},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024}, {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64}, {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 0x7fffffff},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535}, {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, kMaxSharedPerBlockDefault},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, kMaxSharedPerBlockOptIn},
    {CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK, 1024},
    {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 65536}, {CU_DEVICE_ATTRIBUTE_WARP_SIZE, kWarpSize},
    {CU_DEVICE_ATTRIBUTE_MAX_PITCH, 0x7fffffff}, {CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT, 512},
    {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536}, {CU_DEVICE_ATTRIBUTE_GPU_OVERLAP, 1},
    {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 2}, {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1},
    {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1}, {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
    {CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, 1}, {CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, 1},
    {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1}, {CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 1},
    {CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS, 1},
    {CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR, 1},
    {CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 1}, {CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, 1}, {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 1'000'000},
    {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 256}, {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 8 << 20},
    {CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED, 1}, {CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO, 2},
};

int ValueOf(CUdevice_attribute attribute) {
  const Settings& settings = Engine::Get().settings();
  switch (attribute) {
    case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: return static_cast<int>(settings.sms);
    case CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR: return static_cast<int>(settings.threads_per_sm);
    case CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR: return static_cast<int>(settings.blocks_per_sm);
    case CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR: return static_cast<int>(settings.registers_per_sm);
    case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR: return static_cast<int>(settings.shared_memory_per_sm);
    case CU_DEVICE_ATTRIBUTE_CLOCK_RATE: return static_cast<int>(settings.clock_khz);
    default: break;
  }
  for (const Attribute& row : kFixed) {
    if (row.attribute == attribute) return row.value;
  }
  return 0;
}

}  // namespace

CUresult UseDevice(CUdevice device) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  const int devices = static_cast<int>(Engine::Get().settings().devices);
  return device >= 0 && device < devices ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

}  // namespace paella::simulated_gpu

using namespace paella::simulated_gpu;

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  PAELLA_RETURN_IF_ERROR(UseDevice(ordinal));
  PAELLA_RETURN_IF_NULL(device);
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int* count) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  PAELLA_RETURN_IF_NULL(count);
  *count = static_cast<int>(Engine::Get().settings().devices);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int len, CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  PAELLA_RETURN_IF_NULL(name);
  std::snprintf(name, static_cast<std::size_t>(len), "%s", kName);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  PAELLA_RETURN_IF_NULL(uuid);
  std::snprintf(uuid->bytes, sizeof uuid->bytes, "simulated gpu %d", dev);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char* pciBusId, int len, CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  PAELLA_RETURN_IF_NULL(pciBusId);
  WriteBusId(dev, pciBusId, static_cast<std::size_t>(len));
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetByPCIBusId(CUdevice* dev, const char* pciBusId) {
  PAELLA_RETURN_IF_ERROR(UseDriver());
  for (CUdevice device = 0; UseDevice(device) == CUDA_SUCCESS; ++device) {
    char text[kBusIdBytes];
    WriteBusId(device, text, sizeof text);
    if (std::strcmp(pciBusId, text) != 0) continue;
    *dev = device;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuDeviceTotalMem(size_t* bytes, CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  PAELLA_RETURN_IF_NULL(bytes);
  *bytes = Budget::Of(dev).total_bytes();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetAttribute(int* pi, CUdevice_attribute attrib, CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  if (pi == nullptr || attrib <= 0 || attrib >= CU_DEVICE_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
  *pi = ValueOf(attrib);
  return CUDA_SUCCESS;
}

CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice dev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  *major = 9;
  *minor = 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceCanAccessPeer(int* canAccessPeer, CUdevice dev, CUdevice peerDev) {
  PAELLA_RETURN_IF_ERROR(UseDevice(dev));
  PAELLA_RETURN_IF_ERROR(UseDevice(peerDev));
  PAELLA_RETURN_IF_NULL(canAccessPeer);
  *canAccessPeer = 0;
  return CUDA_SUCCESS;
}
