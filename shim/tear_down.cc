#include "shim/tear_down.h"

namespace paella::shim {

CUresult GiveBack(Client& client, const Allocation& allocation) {
  if (allocation.registered) return client.registered_memory.Unregister(allocation);
  if (allocation.kind == MemoryKind::kOpened) return client.opened_memory.CloseAll(allocation.base);
  if (!client.allocations.Remove(allocation.base)) return CUDA_ERROR_INVALID_VALUE;  // another thread was first
  if (allocation.kind == MemoryKind::kManaged) client.managed_hints.Forget(allocation.base, allocation.size_bytes);
  if (allocation.IsHost()) {
    ipc::FreeHost message;
    message.address = allocation.base;
    ipc::FreeHostReply reply;
    return client.submission.Call(message, reply);
  }
  ipc::FreeDevice message;
  message.address = allocation.base;
  ipc::FreeDeviceReply reply;
  return client.submission.Call(message, reply);
}

CUresult TearDown(Client& client, const Context& context) {
  if (const CUresult result = client.streams.SynchronizeAll(client.wait_style()); result != CUDA_SUCCESS) return result;
  client.captures.EndAll();
  client.streams.DestroyAllOf(context);
  client.libraries.UnloadModulesOf(context);
  for (const Allocation& allocation : client.allocations.All()) {
    // A graph's goes with the graph.
    if (allocation.context != &context || client.graph_memories.IsGraphs(allocation.base)) continue;
    if (const CUresult result = GiveBack(client, allocation); result != CUDA_SUCCESS) return result;
  }
  if (const CUresult result = client.textures.DestroyAllOf(context); result != CUDA_SUCCESS) return result;
  if (const CUresult result = client.arrays.DestroyAllOf(context); result != CUDA_SUCCESS) return result;
  return client.submission.Failure();
}

}  // namespace paella::shim
