// Executable graphs: instantiating, launching and updating them as wholes; and how much memory graphs have.
#include "driver_api.h"
#include "shim/api/graph_entry.h"
#include "shim/unsupported.h"

using namespace paella::shim;

namespace {

constexpr std::uint64_t kKnownFlags = CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH |
                                      CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD | CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH |
                                      CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;

// Uploading happens at every instantiation, and priorities of nodes are the policy's business, like those of launches.
CUresult Instantiate(CUgraphExec* exec, CUgraph graph, std::uint64_t flags, CUgraphNode& culprit) {
  Client* client;
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  if (exec == nullptr || (flags & ~kKnownFlags) != 0) return CUDA_ERROR_INVALID_VALUE;
  if ((flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) != 0) return UnsupportedForm("a graph that the GPU launches");
  return client->graph_execs.Instantiate(graph, flags, *exec, culprit);
}

CUresult InstantiateWithLog(CUgraphExec* exec, CUgraph graph, CUgraphNode* culprit, char* log, std::size_t log_bytes) {
  CUgraphNode failed = nullptr;
  const CUresult result = Instantiate(exec, graph, 0, failed);
  if (culprit != nullptr) *culprit = failed;
  if (log != nullptr && log_bytes != 0) *log = '\0';
  return result;
}

CUresult EnterExec(Client*& client, CUgraphExec handle, CUstream stream_handle, GraphExec*& exec, Stream*& stream) {
  if (const CUresult result = EnterContext(client); result != CUDA_SUCCESS) return result;
  exec = client->graph_execs.Find(handle);
  if (exec == nullptr) return CUDA_ERROR_INVALID_VALUE;
  stream = client->streams.Find(stream_handle);
  return stream != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult Update(CUgraphExec exec_handle, CUgraph handle, CUgraphExecUpdateResultInfo& info) {
  info = {CU_GRAPH_EXEC_UPDATE_ERROR, nullptr, nullptr};
  ExecEntry entry;
  GraphExec* exec;
  if (const CUresult result = entry.Enter(exec_handle, exec); result != CUDA_SUCCESS) return result;
  Graph* const graph = entry.client->graphs.Find(handle);
  if (graph == nullptr || graph->captured_into) return CUDA_ERROR_INVALID_VALUE;
  const UpdateVerdict verdict = entry.client->graph_execs.Update(*exec, *exec->graph, *graph);
  info = {verdict.result, HandleOf(verdict.node), HandleOf(verdict.from)};
  return verdict.result == CU_GRAPH_EXEC_UPDATE_SUCCESS ? CUDA_SUCCESS : CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
}

CUresult EnterGraphMemory(Client*& client, CUdevice device) {
  if (const CUresult result = Enter(client); result != CUDA_SUCCESS) return result;
  return device == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

bool IsGraphMemoryAttribute(CUgraphMem_attribute attribute) {
  return attribute >= CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT && attribute <= CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH;
}

}  // namespace

CUresult paella_cuGraphInstantiate(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode, char* logBuffer,
                                   size_t bufferSize) {
  return InstantiateWithLog(phGraphExec, hGraph, phErrorNode, logBuffer, bufferSize);
}

CUresult paella_cuGraphInstantiate_v2(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode,
                                      char* logBuffer, size_t bufferSize) {
  return InstantiateWithLog(phGraphExec, hGraph, phErrorNode, logBuffer, bufferSize);
}

CUresult paella_cuGraphInstantiateWithFlags(CUgraphExec* phGraphExec, CUgraph hGraph, unsigned long long flags) {
  // Uploading needs a stream, which only the form with parameters names.
  if ((flags & CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD) != 0) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNode culprit = nullptr;
  return Instantiate(phGraphExec, hGraph, flags, culprit);
}

CUresult paella_cuGraphInstantiateWithParams(CUgraphExec* phGraphExec, CUgraph hGraph,
                                             CUDA_GRAPH_INSTANTIATE_PARAMS* instantiateParams) {
  if (instantiateParams == nullptr) return CUDA_ERROR_INVALID_VALUE;
  CUgraphNode culprit = nullptr;
  const CUresult result = Instantiate(phGraphExec, hGraph, instantiateParams->flags, culprit);
  instantiateParams->hErrNode_out = culprit;
  instantiateParams->result_out =
      result == CUDA_SUCCESS ? CUDA_GRAPH_INSTANTIATE_SUCCESS : CUDA_GRAPH_INSTANTIATE_ERROR;
  return result;
}

CUresult paella_cuGraphExecGetFlags(CUgraphExec hGraphExec, cuuint64_t* flags) {
  ExecEntry entry;
  GraphExec* exec;
  if (const CUresult result = entry.Enter(hGraphExec, exec); result != CUDA_SUCCESS) return result;
  if (flags == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *flags = exec->flags;
  return CUDA_SUCCESS;
}

CUresult paella_cuGraphUpload(CUgraphExec hGraphExec, CUstream hStream) {
  Client* client;
  GraphExec* exec;
  Stream* stream;
  if (const CUresult result = EnterExec(client, hGraphExec, hStream, exec, stream); result != CUDA_SUCCESS) {
    return result;
  }
  if (!stream->IsOrdinary()) return client->captures.Refuse(*stream);
  const std::lock_guard lock(exec->mutex);
  return client->graph_execs.Prepare(*exec);
}

CUresult paella_cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) {
  Client* client;
  GraphExec* exec;
  Stream* stream;
  if (const CUresult result = EnterExec(client, hGraphExec, hStream, exec, stream); result != CUDA_SUCCESS) {
    return result;
  }
  if (!stream->IsOrdinary()) return client->captures.Refuse(*stream);
  return client->graph_execs.Launch(*exec, *stream);
}

CUresult paella_cuGraphExecDestroy(CUgraphExec hGraphExec) {
  Client* client;
  if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
  return client->graph_execs.Destroy(hGraphExec);
}

CUresult paella_cuGraphExecUpdate(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphNode* hErrorNode_out,
                                  CUgraphExecUpdateResult* updateResult_out) {
  CUgraphExecUpdateResultInfo info;
  const CUresult result = Update(hGraphExec, hGraph, info);
  if (hErrorNode_out != nullptr) *hErrorNode_out = info.errorNode;
  if (updateResult_out != nullptr) *updateResult_out = info.result;
  return result;
}

CUresult paella_cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphExecUpdateResultInfo* resultInfo) {
  if (resultInfo == nullptr) return CUDA_ERROR_INVALID_VALUE;
  return Update(hGraphExec, hGraph, *resultInfo);
}

// Nothing is kept for graphs that have gone.
CUresult paella_cuDeviceGraphMemTrim(CUdevice device) {
  Client* client;
  return EnterGraphMemory(client, device);
}

CUresult paella_cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void* value) {
  Client* client;
  if (const CUresult result = EnterGraphMemory(client, device); result != CUDA_SUCCESS) return result;
  if (value == nullptr || !IsGraphMemoryAttribute(attr)) return CUDA_ERROR_INVALID_VALUE;
  const GraphMemories::Use use = client->graph_memories.use();
  const bool reserved =
      attr == CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT || attr == CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH;
  *static_cast<cuuint64_t*>(value) = reserved ? use.reserved_bytes : use.used_bytes;
  return CUDA_SUCCESS;
}

// High-water marks are not kept: they are what there is now, as if they were always set back.
CUresult paella_cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void* value) {
  Client* client;
  if (const CUresult result = EnterGraphMemory(client, device); result != CUDA_SUCCESS) return result;
  const bool is_mark = attr == CU_GRAPH_MEM_ATTR_USED_MEM_HIGH || attr == CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH;
  if (value == nullptr || !is_mark || *static_cast<const cuuint64_t*>(value) != 0) return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}
