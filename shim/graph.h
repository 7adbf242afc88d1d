// A graph as the program builds it: nodes with copies of their parameters, and the edges between them. It exists in
// this process only; instantiating sends what the GPU has to do to the daemon (graph_execs.h).
//
// Plain data. Made, linked and freed by Graphs, whose mutex guards all of it.
#ifndef PAELLA_SHIM_GRAPH_H_
#define PAELLA_SHIM_GRAPH_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <variant>
#include <vector>

#include "shim/cuda_api.h"
#include "shim/graph_memory.h"
#include "shim/launch_encoding.h"

namespace paella::shim {

struct Graph;
struct GraphNode;

struct EmptyWork {};

struct KernelWork {
  CUfunction function = nullptr;  // looked up again when it is used: its library may be unloaded
  LaunchShape shape{};
  std::vector<CUlaunchAttribute> attributes;
  std::vector<std::byte> parameters;               // as in the kernel's own block of parameters
  std::vector<std::uint32_t> parameter_offsets;
};

struct CopyWork {
  CUDA_MEMCPY3D description{};
};

struct FillWork {
  CUDA_MEMSET_NODE_PARAMS description{};
};

struct HostWork {
  CUhostFn function = nullptr;
  void* user_data = nullptr;
};

struct ChildWork {
  std::shared_ptr<Graph> graph;  // of this node alone; never null
};

struct EventRecordWork {
  CUevent event = nullptr;
};

struct EventWaitWork {
  CUevent event = nullptr;
};

struct AllocWork {
  std::shared_ptr<GraphMemory> memory;  // never null
  CUDA_MEM_ALLOC_NODE_PARAMS description{};
};

struct FreeWork {
  CUdeviceptr address = 0;
};

using Work = std::variant<EmptyWork, KernelWork, CopyWork, FillWork, HostWork, ChildWork, EventRecordWork,
                          EventWaitWork, AllocWork, FreeWork>;

CUgraphNodeType TypeOf(const Work& work);

struct GraphEdge {
  GraphNode* from = nullptr;
  CUgraphEdgeData data{};
};

struct GraphNode {
  Graph* graph = nullptr;
  std::uint64_t id = 0;      // never used again, unlike the address
  std::uint64_t copied_from = 0;  // the id of the node that this one was cloned from
  Work work;
  bool enabled = true;       // of an executable graph's nodes
  std::vector<GraphEdge> dependencies;
  std::vector<GraphNode*> dependents;
  std::vector<void*> parameter_pointers;  // what the program was last given of a kernel node's parameters
};

struct Graph {
  std::uint64_t id = 0;
  std::uint64_t copied_from = 0;  // the id of the graph of which this is a clone
  GraphNode* owner = nullptr;     // the node whose child this is
  bool captured_into = false;     // by a capture that goes on
  std::vector<std::unique_ptr<GraphNode>> nodes;  // in the order in which they were added
  std::map<CUuserObject, unsigned> user_objects;  // references that go with the graph
};

inline CUgraph HandleOf(Graph* graph) { return reinterpret_cast<CUgraph>(graph); }
inline CUgraphNode HandleOf(GraphNode* node) { return reinterpret_cast<CUgraphNode>(node); }

}  // namespace paella::shim

#endif  // PAELLA_SHIM_GRAPH_H_
