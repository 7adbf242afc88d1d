// Questions about kernels, answered from what the daemon told at the first lookup, and their settings. CUkernel and
// CUfunction are the same handle here, and each function takes either.
#include "driver_api.h"
#include "shim/client.h"

using namespace paella::shim;

namespace {

CUresult EnterKernel(Client*& client, const void* handle, Kernel*& kernel) {
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  kernel = client->libraries.FindKernel(handle);
  return kernel != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult GetAttribute(int* value, CUfunction_attribute attribute, const void* handle) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, handle, kernel); result != CUDA_SUCCESS) return result;
  if (value == nullptr || attribute < 0 || attribute >= kernel->attribute_count) return CUDA_ERROR_INVALID_VALUE;
  *value = kernel->attribute(attribute);
  return CUDA_SUCCESS;
}

bool MayBeSet(CUfunction_attribute attribute) {
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE: return true;
    default: return false;
  }
}

CUresult SetAttribute(CUfunction_attribute attribute, int value, const void* handle) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, handle, kernel); result != CUDA_SUCCESS) return result;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  if (!MayBeSet(attribute)) return CUDA_ERROR_INVALID_VALUE;
  const std::lock_guard lock(kernel->mutex);
  if (attribute < kernel->attribute_count && kernel->attribute(attribute) == value) return CUDA_SUCCESS;
  paella::ipc::KernelSetAttribute message;
  message.kernel = kernel->number;
  message.attribute = attribute;
  message.value = value;
  paella::ipc::KernelSetAttributeReply reply;
  const CUresult result = client->submission.Call(message, reply);
  if (result != CUDA_SUCCESS) return result;
  kernel->attributes[attribute] = value;
  kernel->occupancy.clear();
  return CUDA_SUCCESS;
}

// A preference that the driver may ignore, and that one client must not set for others.
CUresult SetCacheConfig(const void* handle, CUfunc_cache config) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, handle, kernel); result != CUDA_SUCCESS) return result;
  const bool valid = config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL;
  return valid ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult GetParameter(const void* handle, std::size_t index, std::size_t* offset, std::size_t* size) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, handle, kernel); result != CUDA_SUCCESS) return result;
  if (offset == nullptr || index >= kernel->parameters.size()) return CUDA_ERROR_INVALID_VALUE;
  *offset = kernel->parameters[index].offset_bytes;
  if (size != nullptr) *size = kernel->parameters[index].size_bytes;
  return CUDA_SUCCESS;
}

CUresult GetName(const char** name, const void* handle) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, handle, kernel); result != CUDA_SUCCESS) return result;
  if (name == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *name = kernel->name.c_str();
  return CUDA_SUCCESS;
}

template <typename Handle>
CUresult GetLibrary(Handle* library, const void* handle) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, handle, kernel); result != CUDA_SUCCESS) return result;
  if (library == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *library = reinterpret_cast<Handle>(kernel->library->handle);
  return CUDA_SUCCESS;
}

}  // namespace

CUresult paella_cuKernelGetFunction(CUfunction* pFunc, CUkernel kernel) {
  Client* client;
  Kernel* found;
  if (const CUresult result = EnterKernel(client, kernel, found); result != CUDA_SUCCESS) return result;
  if (pFunc == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *pFunc = reinterpret_cast<CUfunction>(found->handle);
  return CUDA_SUCCESS;
}

CUresult paella_cuKernelGetLibrary(CUlibrary* pLib, CUkernel kernel) { return GetLibrary(pLib, kernel); }
CUresult paella_cuFuncGetModule(CUmodule* hmod, CUfunction hfunc) {
  return hfunc == nullptr ? CUDA_ERROR_INVALID_VALUE : GetLibrary(hmod, hfunc);
}

CUresult paella_cuKernelGetName(const char** name, CUkernel hfunc) { return GetName(name, hfunc); }
CUresult paella_cuFuncGetName(const char** name, CUfunction hfunc) {
  return hfunc == nullptr ? CUDA_ERROR_INVALID_VALUE : GetName(name, hfunc);
}


CUresult paella_cuKernelGetParamInfo(CUkernel kernel, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  return GetParameter(kernel, paramIndex, paramOffset, paramSize);
}

CUresult paella_cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  return GetParameter(func, paramIndex, paramOffset, paramSize);
}

CUresult paella_cuKernelGetAttribute(int* pi, CUfunction_attribute attrib, CUkernel kernel, CUdevice dev) {
  return dev == 0 ? GetAttribute(pi, attrib, kernel) : CUDA_ERROR_INVALID_DEVICE;
}

CUresult paella_cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) {
  return GetAttribute(pi, attrib, hfunc);
}

CUresult paella_cuKernelSetAttribute(CUfunction_attribute attrib, int val, CUkernel kernel, CUdevice dev) {
  return dev == 0 ? SetAttribute(attrib, val, kernel) : CUDA_ERROR_INVALID_DEVICE;
}

CUresult paella_cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  return SetAttribute(attrib, value, hfunc);
}

CUresult paella_cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config, CUdevice dev) {
  return dev == 0 ? SetCacheConfig(kernel, config) : CUDA_ERROR_INVALID_DEVICE;
}

CUresult paella_cuFuncSetCacheConfig(CUfunction hfunc, CUfunc_cache config) { return SetCacheConfig(hfunc, config); }

CUresult paella_cuFuncSetSharedMemConfig(CUfunction hfunc, CUsharedconfig) {
  Client* client;
  Kernel* kernel;
  return EnterKernel(client, hfunc, kernel);  // no GPU of today has banks to configure
}

CUresult paella_cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction function) {
  Client* client;
  Kernel* kernel;
  if (const CUresult result = EnterKernel(client, function, kernel); result != CUDA_SUCCESS) return result;
  if (state == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *state = CU_FUNCTION_LOADING_STATE_LOADED;
  return CUDA_SUCCESS;
}

CUresult paella_cuFuncLoad(CUfunction function) {
  Client* client;
  Kernel* kernel;
  return EnterKernel(client, function, kernel);
}
