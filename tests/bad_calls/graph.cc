#include "tests/bad_calls/bad_call.h"

namespace paella::bad_calls {
namespace {

// A graph of this row alone.
struct Graph {
  explicit Graph(Row& of) : row(of) { row.Prepare(DRIVER(cuGraphCreate), &graph, 0); }
  ~Graph() {
    if (executable != nullptr) row.Quietly(DRIVER(cuGraphExecDestroy), executable);
    row.Quietly(DRIVER(cuGraphDestroy), graph);
  }
  Graph(const Graph&) = delete;

  CUgraphNode Empty() {
    CUgraphNode node = nullptr;
    row.Prepare(DRIVER(cuGraphAddEmptyNode), &node, graph, nullptr, 0);
    return node;
  }

  CUgraphNode Fill() {
    const CUDA_MEMSET_NODE_PARAMS fill{row.state.memory, 0, 1, 1, 16, 1};
    CUgraphNode node = nullptr;
    row.Prepare(DRIVER(cuGraphAddMemsetNode), &node, graph, nullptr, 0, &fill, row.state.context);
    return node;
  }

  void Instantiate() { row.Prepare(DRIVER(cuGraphInstantiate), &executable, graph, 0); }

  Row& row;
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
};

// Store(memory, 7), which callers spoil.
struct StoreNode {
  explicit StoreNode(Row& row) : address(row.state.memory) {
    described.func = row.Function("Store");
    described.gridDimX = described.gridDimY = described.gridDimZ = 1;
    described.blockDimX = described.blockDimY = described.blockDimZ = 1;
    described.kernelParams = parameters;
  }
  StoreNode(const StoreNode&) = delete;

  CUdeviceptr address;
  int value = 7;
  void* parameters[2] = {&address, &value};
  CUDA_KERNEL_NODE_PARAMS described{};
};

template <typename Spoil>
void AddKernel(Row& row, Spoil spoil) {
  const Graph graph(row);
  StoreNode store(row);
  spoil(store.described);
  CUgraphNode node = nullptr;
  row.Call(DRIVER(cuGraphAddKernelNode), &node, graph.graph, nullptr, 0, &store.described);
}

template <typename Spoil>
void AddFill(Row& row, Spoil spoil) {
  Graph graph(row);
  CUDA_MEMSET_NODE_PARAMS fill{row.state.memory, 0, 1, 1, 16, 1};
  spoil(fill);
  CUgraphNode node = nullptr;
  const CUresult added =
      row.Call(DRIVER(cuGraphAddMemsetNode), &node, graph.graph, nullptr, 0, &fill, row.state.context);
  if (added == CUDA_SUCCESS) row.Call(DRIVER(cuGraphInstantiate), &graph.executable, graph.graph, 0);
}

constexpr BadCall kRows[] = {
    {"graph.create_to_null", [](Row& row) { row.Call(DRIVER(cuGraphCreate), nullptr, 0); }},
    {"graph.create_flags_unknown", [](Row& row) { CUgraph graph; row.Call(DRIVER(cuGraphCreate), &graph, 1); }},
    {"graph.destroy_null", [](Row& row) { row.Call(DRIVER(cuGraphDestroy), nullptr); }},
    {"graph.instantiate_null",
     [](Row& row) { CUgraphExec executable; row.Call(DRIVER(cuGraphInstantiate), &executable, nullptr, 0); }},
    {"graph.instantiate_to_null",
     [](Row& row) { const Graph graph(row); row.Call(DRIVER(cuGraphInstantiate), nullptr, graph.graph, 0); }},
    {"graph.instantiate_flags_unknown",
     [](Row& row) { Graph graph(row); row.Call(DRIVER(cuGraphInstantiate), &graph.executable, graph.graph, 0x1000); }},
    {"graph.launch_null", [](Row& row) { row.Call(DRIVER(cuGraphLaunch), nullptr, row.state.stream); }},
    {"graph.launch_empty",
     [](Row& row) {
       Graph graph(row);
       graph.Instantiate();
       row.Call(DRIVER(cuGraphLaunch), graph.executable, row.state.stream);
     }},
    {"graph.destroy_null_executable", [](Row& row) { row.Call(DRIVER(cuGraphExecDestroy), nullptr); }},
    {"graph.kernel_without_function", [](Row& row) { AddKernel(row, [](auto& kernel) { kernel.func = nullptr; }); }},
    {"graph.kernel_grid_zero", [](Row& row) { AddKernel(row, [](auto& kernel) { kernel.gridDimX = 0; }); }},
    {"graph.kernel_block_too_large", [](Row& row) { AddKernel(row, [](auto& kernel) { kernel.blockDimX = 2048; }); }},
    {"graph.kernel_without_parameters",
     [](Row& row) { AddKernel(row, [](auto& kernel) { kernel.kernelParams = nullptr; }); }},
    {"graph.kernel_shared_memory_too_large",
     [](Row& row) { AddKernel(row, [](auto& kernel) { kernel.sharedMemBytes = 1 << 20; }); }},
    {"graph.kernel_described_by_null",
     [](Row& row) {
       const Graph graph(row);
       CUgraphNode node;
       row.Call(DRIVER(cuGraphAddKernelNode), &node, graph.graph, nullptr, 0, nullptr);
     }},
    {"graph.fill_nothing", [](Row& row) { AddFill(row, [](auto& fill) { fill.width = 0; }); }},
    {"graph.fill_no_rows", [](Row& row) { AddFill(row, [](auto& fill) { fill.height = 0; }); }},
    {"graph.fill_elements_of_3", [](Row& row) { AddFill(row, [](auto& fill) { fill.elementSize = 3; }); }},
    {"graph.fill_memory_that_is_not_there",
     [](Row& row) { AddFill(row, [](auto& fill) { fill.dst = 0x1234560000; }); }},
    {"graph.fill_past_the_end",
     [](Row& row) { AddFill(row, [](auto& fill) { fill.width = std::size_t{1} << 40; }); }},
    {"graph.copy_memory_that_is_not_there",
     [](Row& row) {
       Graph graph(row);
       CUDA_MEMCPY3D copy{};
       copy.srcMemoryType = copy.dstMemoryType = CU_MEMORYTYPE_DEVICE;
       copy.srcDevice = 0x1234560000;
       copy.dstDevice = 0x2234560000;
       copy.WidthInBytes = copy.Height = copy.Depth = 1;
       CUgraphNode node = nullptr;
       row.Call(DRIVER(cuGraphAddMemcpyNode), &node, graph.graph, nullptr, 0, &copy, row.state.context);
     }},
    {"graph.depend_on_null",
     [](Row& row) {
       const Graph graph(row);
       CUgraphNode node = nullptr, nothing = nullptr;
       row.Call(DRIVER(cuGraphAddEmptyNode), &node, graph.graph, &nothing, 1);
     }},
    {"graph.depend_on_a_missing_list",
     [](Row& row) {
       const Graph graph(row);
       CUgraphNode node = nullptr;
       row.Call(DRIVER(cuGraphAddEmptyNode), &node, graph.graph, nullptr, 1);
     }},
    {"graph.depend_on_another_graphs_node",
     [](Row& row) {
       Graph graph(row), other(row);
       const CUgraphNode foreign = other.Empty();
       CUgraphNode node = nullptr;
       row.Call(DRIVER(cuGraphAddEmptyNode), &node, graph.graph, &foreign, 1);
     }},
    {"graph.depend_twice",
     [](Row& row) {
       Graph graph(row);
       const CUgraphNode first = graph.Empty();
       const CUgraphNode both[] = {first, first};
       CUgraphNode node = nullptr;
       row.Call(DRIVER(cuGraphAddEmptyNode), &node, graph.graph, both, 2);
     }},
    {"graph.node_type_to_null",
     [](Row& row) { Graph graph(row); row.Call(DRIVER(cuGraphNodeGetType), graph.Empty(), nullptr); }},
    {"graph.nodes_to_null",
     [](Row& row) { Graph graph(row); row.Call(DRIVER(cuGraphGetNodes), graph.graph, nullptr, nullptr); }},
    {"graph.nodes_into_a_larger_list",
     [](Row& row) {
       Graph graph(row);
       graph.Empty();
       CUgraphNode nodes[3] = {nullptr, nullptr, graph.Empty()};
       std::size_t count = 3;
       row.Call(DRIVER(cuGraphGetNodes), graph.graph, nodes, &count);
       row.Note(std::to_string(count) + (nodes[2] == nullptr ? ", the rest is null" : ", the rest is as it was"));
     }},
    {"graph.kernel_parameters_of_a_fill",
     [](Row& row) {
       Graph graph(row);
       CUDA_KERNEL_NODE_PARAMS parameters{};
       row.Call(DRIVER(cuGraphKernelNodeGetParams), graph.Fill(), &parameters);
     }},
    {"graph.fill_parameters_to_null",
     [](Row& row) { Graph graph(row); row.Call(DRIVER(cuGraphMemsetNodeGetParams), graph.Fill(), nullptr); }},
    {"graph.executable_fill_becomes_another_size",
     [](Row& row) {
       Graph graph(row);
       const CUgraphNode node = graph.Fill();
       graph.Instantiate();
       const CUDA_MEMSET_NODE_PARAMS fill{row.state.memory, 0, 1, 1, 32, 1};
       row.Call(DRIVER(cuGraphExecMemsetNodeSetParams), graph.executable, node, &fill, row.state.context);
     }},
    {"graph.executable_fill_by_another_graphs_node",
     [](Row& row) {
       Graph graph(row), other(row);
       graph.Fill();
       graph.Instantiate();
       const CUDA_MEMSET_NODE_PARAMS fill{row.state.memory, 0, 2, 1, 16, 1};
       row.Call(DRIVER(cuGraphExecMemsetNodeSetParams), graph.executable, other.Fill(), &fill, row.state.context);
     }},
    {"graph.update_by_another_form",
     [](Row& row) {
       Graph graph(row), other(row);
       graph.Fill();
       graph.Instantiate();
       other.Fill();
       other.Empty();
       CUgraphExecUpdateResultInfo info{};
       row.Call(DRIVER(cuGraphExecUpdate), graph.executable, other.graph, &info);
       row.Note("result " + std::to_string(info.result));
     }},
    {"graph.update_by_null",
     [](Row& row) {
       Graph graph(row);
       CUgraphExecUpdateResultInfo info{};
       graph.Instantiate();
       row.Call(DRIVER(cuGraphExecUpdate), graph.executable, nullptr, &info);
     }},
    {"graph.clone_null", [](Row& row) { CUgraph clone; row.Call(DRIVER(cuGraphClone), &clone, nullptr); }},
    {"graph.clone_to_null",
     [](Row& row) { const Graph graph(row); row.Call(DRIVER(cuGraphClone), nullptr, graph.graph); }},
    {"graph.enable_an_empty_node",
     [](Row& row) {
       Graph graph(row);
       const CUgraphNode node = graph.Empty();
       graph.Instantiate();
       row.Call(DRIVER(cuGraphNodeSetEnabled), graph.executable, node, 0);
     }},
    {"graph.free_memory_that_is_not_a_graphs",
     [](Row& row) {
       Graph graph(row);
       CUgraphNode node = nullptr;
       row.Call(DRIVER(cuGraphAddMemFreeNode), &node, graph.graph, nullptr, 0, row.state.memory);
     }},
    {"graph.instantiate_twice_with_memory",
     [](Row& row) {
       Graph graph(row);
       CUDA_MEM_ALLOC_NODE_PARAMS memory{};
       memory.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
       memory.poolProps.location = {CU_MEM_LOCATION_TYPE_DEVICE, {0}};
       memory.bytesize = 1024;
       CUgraphNode node = nullptr;
       CUgraphExec second = nullptr;
       row.Prepare(DRIVER(cuGraphAddMemAllocNode), &node, graph.graph, nullptr, 0, &memory);
       graph.Instantiate();
       row.Call(DRIVER(cuGraphInstantiate), &second, graph.graph, 0);
       if (second != nullptr) row.Quietly(DRIVER(cuGraphExecDestroy), second);
     }},
};

}  // namespace

BadCalls GraphBadCalls() { return kRows; }

}  // namespace paella::bad_calls
