// Memory and events that processes of one tenant share.
#include "driver_api.h"
#include "shim/client.h"
#include "shim/ipc_handle.h"

using namespace paella::shim;
namespace ipc = paella::ipc;

namespace {

CUresult OpenMemory(CUdeviceptr* address, const CUipcMemHandle& handle, unsigned flags) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (address == nullptr || flags != CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS) return CUDA_ERROR_INVALID_VALUE;
  if (const CUresult result = client->captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  std::uint64_t opened = 0;
  const CUresult result = client->opened_memory.Open(handle, current_context, opened);
  if (result == CUDA_SUCCESS) *address = opened;
  return result;
}

}  // namespace

// Any address in an allocation stands for all of it, and opening gives its start, as the driver has it.
CUresult paella_cuIpcGetMemHandle(CUipcMemHandle* pHandle, CUdeviceptr dptr) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (pHandle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  const auto allocation = client->allocations.Find(dptr);
  if (!allocation || !allocation->IsShareable() || client->graph_memories.IsGraphs(allocation->base)) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  ipc::MemoryShare message;
  message.address = allocation->base;
  ipc::MemoryShareReply reply;
  const CUresult result = client->submission.Call(message, reply);
  if (result == CUDA_SUCCESS) WriteToken(reply, *pHandle);
  return result;
}

CUresult paella_cuIpcOpenMemHandle(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  return OpenMemory(pdptr, handle, Flags);
}

CUresult paella_cuIpcOpenMemHandle_v2(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  return OpenMemory(pdptr, handle, Flags);
}

CUresult paella_cuIpcCloseMemHandle(CUdeviceptr dptr) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (const CUresult result = client->captures.CheckUnsafe(); result != CUDA_SUCCESS) return result;
  return client->opened_memory.Close(dptr);
}

CUresult paella_cuIpcGetEventHandle(CUipcEventHandle* pHandle, CUevent event) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  const Event* const found = client->events.Find(event);
  if (found == nullptr || !found->IsShared() || found->opened) return CUDA_ERROR_INVALID_HANDLE;
  if (pHandle == nullptr) return CUDA_ERROR_INVALID_VALUE;
  WriteToken(*found, *pHandle);
  return CUDA_SUCCESS;
}

CUresult paella_cuIpcOpenEventHandle(CUevent* phEvent, CUipcEventHandle handle) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (phEvent == nullptr) return CUDA_ERROR_INVALID_VALUE;
  ipc::SharedEventOpen message;
  ReadToken(handle, message);
  return client->events.Open(message, *phEvent);
}
