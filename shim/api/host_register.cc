// Registering memory that the program has already.
#include "driver_api.h"
#include "shim/client.h"
#include "shim/tear_down.h"
#include "shim/unsupported.h"

using namespace paella::shim;

namespace {

// A program must be able to give the memory's own address to kernels, which CUDA promises where this says so.
bool DeviceTakesHostPointers(const Client& client) {
  const auto& attributes = client.welcome.attributes;
  constexpr std::size_t kNumber = CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM;
  return attributes.size() > kNumber && attributes[kNumber] != 0;
}

CUresult RegisterHost(void* p, std::size_t size_bytes, unsigned flags) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  constexpr unsigned kOrdinary = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP;
  constexpr unsigned kKnown = kOrdinary | CU_MEMHOSTREGISTER_IOMEMORY | CU_MEMHOSTREGISTER_READ_ONLY;
  if (p == nullptr || size_bytes == 0 || (flags & ~kKnown) != 0) return CUDA_ERROR_INVALID_VALUE;
  if ((flags & ~kOrdinary) != 0) return UnsupportedForm("registering device memory, or memory that is only read");
  if (!DeviceTakesHostPointers(*client)) return UnsupportedForm("registering memory on this GPU");
  if (const CUresult result = client->captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  return client->registered_memory.Register(reinterpret_cast<std::uintptr_t>(p), size_bytes, flags);
}

}  // namespace

CUresult paella_cuMemHostRegister_v2(void* p, size_t bytesize, unsigned int Flags) {
  return RegisterHost(p, bytesize, Flags);
}
CUresult paella_cuMemHostRegister(void* p, size_t bytesize, unsigned int Flags) {
  return RegisterHost(p, bytesize, Flags);
}

// What was posted may still use the memory, so everything is waited for first.
CUresult paella_cuMemHostUnregister(void* p) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (p == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto allocation = client->allocations.FindStart(reinterpret_cast<std::uintptr_t>(p));
  if (!allocation || !allocation->registered) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  if (const CUresult result = client->captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  const CUresult result = client->streams.SynchronizeAll(client->wait_style());
  return result == CUDA_SUCCESS ? GiveBack(*client, *allocation) : result;
}
