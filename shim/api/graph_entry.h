// The gates of functions about graphs: from handles to objects, with the lock that they need until their end.
#ifndef PAELLA_SHIM_API_GRAPH_ENTRY_H_
#define PAELLA_SHIM_API_GRAPH_ENTRY_H_

#include <mutex>

#include "shim/client.h"

namespace paella::shim {

// Building graphs needs no context that is alive and no work: just cuInit, and not to be in a callback.
struct GraphEntry {
  Client* client = nullptr;
  std::unique_lock<std::mutex> lock;  // of Graphs

  CUresult Enter() {
    if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
    lock = std::unique_lock(client->graphs.mutex());
    return CUDA_SUCCESS;
  }

  CUresult Enter(CUgraph handle, Graph*& graph) {
    if (const CUresult result = Enter(); result != CUDA_SUCCESS) return result;
    graph = client->graphs.Find(handle);
    return graph != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }

  CUresult Enter(CUgraphNode handle, GraphNode*& node) {
    if (const CUresult result = Enter(); result != CUDA_SUCCESS) return result;
    node = client->graphs.FindNode(handle);
    return node != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }

  // A node that does `Kind`.
  template <typename Kind>
  CUresult Enter(CUgraphNode handle, GraphNode*& node, Kind*& work) {
    if (const CUresult result = Enter(handle, node); result != CUDA_SUCCESS) return result;
    work = std::get_if<Kind>(&node->work);
    return work != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }
};

// An executable graph and the copy in it that stands for a node of the program's. Locks in their order.
struct ExecEntry {
  Client* client = nullptr;
  std::unique_lock<std::mutex> exec_lock;
  std::unique_lock<std::mutex> graphs_lock;

  CUresult Enter(CUgraphExec handle, GraphExec*& exec) {
    if (const CUresult result = EnterWork(client); result != CUDA_SUCCESS) return result;
    exec = client->graph_execs.Find(handle);
    if (exec == nullptr) return CUDA_ERROR_INVALID_VALUE;
    exec_lock = std::unique_lock(exec->mutex);
    graphs_lock = std::unique_lock(client->graphs.mutex());
    return CUDA_SUCCESS;
  }

  CUresult Enter(CUgraphExec handle, GraphExec*& exec, CUgraphNode node_handle, GraphNode*& ours) {
    if (const CUresult result = Enter(handle, exec); result != CUDA_SUCCESS) return result;
    const GraphNode* const node = client->graphs.FindNode(node_handle);
    ours = node == nullptr ? nullptr : GraphExecs::NodeFor(*exec, *node);
    return ours != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  }

  template <typename Kind>
  CUresult Enter(CUgraphExec handle, GraphExec*& exec, CUgraphNode node_handle, GraphNode*& ours, Kind& work) {
    if (const CUresult result = Enter(handle, exec, node_handle, ours); result != CUDA_SUCCESS) return result;
    const Kind* const now = std::get_if<Kind>(&ours->work);
    if (now == nullptr) return CUDA_ERROR_INVALID_VALUE;
    work = *now;
    return CUDA_SUCCESS;
  }
};

}  // namespace paella::shim

#endif  // PAELLA_SHIM_API_GRAPH_ENTRY_H_
