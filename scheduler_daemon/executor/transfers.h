// Copies and memsets as a client describes them: whether they have a form, whether they are of the client's own memory,
// and what they are in the driver's terms. For commands of streams and for nodes of graphs alike. Any thread.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_TRANSFERS_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_TRANSFERS_H_

#include <cuda.h>

#include <cstdint>
#include <optional>

#include "messages.h"

namespace paella::scheduler_daemon {

class ClientObjects;

enum class TransferVerdict {
  kGood,
  kNotOwned,  // what a kernel that does the same would be told: an illegal address
  kFormless,  // sizes that no memory can have: no libpaella.so sends that
};

// Bytes from the first to the last of a strided block; nothing if they do not fit 64 bits.
std::optional<std::uint64_t> TransferExtent(std::uint64_t width, std::uint64_t pitch, std::uint64_t height,
                                            std::uint64_t slice, std::uint64_t depth);

TransferVerdict CheckTransfer(const ipc::Copy& copy, const ClientObjects& objects);
TransferVerdict CheckTransfer(const ipc::CopyStrided& copy, const ClientObjects& objects);
TransferVerdict CheckTransfer(const ipc::Memset& memset, const ClientObjects& objects);

// Of what was found good.
CUDA_MEMCPY3D DescribeTransfer(const ipc::Copy& copy);
CUDA_MEMCPY3D DescribeTransfer(const ipc::CopyStrided& copy);
CUDA_MEMSET_NODE_PARAMS DescribeTransfer(const ipc::Memset& memset);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_TRANSFERS_H_
