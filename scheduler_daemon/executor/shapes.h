// What policies know commands by: a hash of what makes the GPU do as much again, the same after a restart. Of a kernel its
// code, grid, block, cluster and shared memory; of a copy or a memset its kind and size, to a quarter of an octave; of a graph
// what its nodes were when it was made.
//
// Beside it stands what of the GPU the command fills: of a kernel, by its blocks' threads, registers and shared memory. The
// blocks of a cluster must all find room in one GPC at once, so a kernel of clusters fills at least the part of the GPU that
// its clusters are of those which fit. How many do is estimated, and not asked of the driver for each launch: a GPC counts as
// 16 SMs (an H100's have 16 or 18), and a block takes as much of an SM as its resources say.
//
// Never used for anything but predictions: two things with one hash cost nothing but a wrong guess.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_SHAPES_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_SHAPES_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "messages.h"
#include "scheduler_daemon/executor/graph_nodes.h"
#include "scheduler_daemon/executor/modules.h"
#include "scheduler_daemon/policies/work.h"

namespace paella::scheduler_daemon {

std::uint64_t HashOfText(std::string_view text);

Work WorkOfLaunch(const ipc::LaunchKernel& launch, const Module::Kernel& kernel);
// Whether the launch may be refused where it has a part of the SMs: a cooperative grid is sized for all of them, and a
// cluster of more than 8 blocks may not fit in a part of a GPC.
bool NeedsAllSms(const ipc::LaunchKernel& launch, const Module::Kernel& kernel);
// Of the records that move or fill so many bytes.
std::uint64_t ShapeOfTransfer(ipc::MessageKind kind, std::uint64_t size_bytes);
// Its share is the mean of its kernels'. `shapes`: those of its nodes.
Work WorkOfGraph(const std::vector<GraphNode>& nodes, const ClientObjects& objects,
                 std::vector<std::uint64_t>& shapes);

inline std::uint64_t SizeOf(const ipc::Copy& copy) { return copy.size_bytes; }
template <typename Box>  // CopyStrided, CopyArray
std::uint64_t SizeOf(const Box& copy) {
  return copy.width_bytes * copy.height_rows * copy.depth_slices;
}
inline std::uint64_t SizeOf(const ipc::Memset& memset) {
  return memset.element_bytes * memset.width_elements * memset.height_rows;
}

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_SHAPES_H_
