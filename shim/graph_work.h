// From what the program says about a node to what the node keeps, checked as CUDA checks it at once; and back, where
// the program asks. Any thread; whoever has a GraphNode holds the mutex of Graphs.
#ifndef PAELLA_SHIM_GRAPH_WORK_H_
#define PAELLA_SHIM_GRAPH_WORK_H_

#include <span>

#include "shim/client.h"
#include "shim/copies.h"
#include "shim/graph.h"

namespace paella::shim {

// A launch that was checked, its parameters copied.
KernelWork DescribeKernel(const Kernel& kernel, const LaunchShape& shape, std::span<const CUlaunchAttribute> attributes,
                          const LaunchParameters& parameters);

// Attributes of a kernel stay what they are in `work`.
CUresult ReadKernelWork(Client& client, const CUDA_KERNEL_NODE_PARAMS& parameters, KernelWork& work);
CUresult ReadCopyWork(Client& client, const CUDA_MEMCPY3D& parameters, CopyWork& work);
CUresult ReadFillWork(Client& client, const CUDA_MEMSET_NODE_PARAMS& parameters, FillWork& work);
// Allocates: the node's address is there at once.
CUresult ReadAllocWork(Client& client, const CUDA_MEM_ALLOC_NODE_PARAMS& parameters, AllocWork& work);
CUDA_MEM_ALLOC_NODE_PARAMS GraphMemoryOfSize(std::size_t size_bytes);

// Points into the node, until its next change.
void GiveKernelParameters(GraphNode& node, CUDA_KERNEL_NODE_PARAMS& parameters);

// Whether both do the same. False is always safe.
bool DoTheSame(const Work& left, const Work& right);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_GRAPH_WORK_H_
