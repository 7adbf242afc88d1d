// How many blocks of a kernel fit on the GPU: asked of the daemon once per question, then known. Any thread; holds the
// kernel's lock during a call. Owns nothing: the answers are kept in the Kernel.
#ifndef PAELLA_SHIM_OCCUPANCY_H_
#define PAELLA_SHIM_OCCUPANCY_H_

#include <cstddef>

#include "shim/client.h"
#include "shim/launch_encoding.h"

namespace paella::shim {

// Of the device; 0 if the daemon's driver does not know it.
int DeviceAttribute(const Client& client, CUdevice_attribute attribute);

// `flags`: CUoccupancy_flags.
CUresult BlocksPerMultiprocessor(Client& client, Kernel& kernel, int block_threads, std::size_t dynamic_shared_bytes,
                                 unsigned flags, int& blocks);

// The blocks of a cooperative launch wait for each other, so all must fit at once; CUDA refuses the launch otherwise.
CUresult CheckCooperativeGrid(Client& client, Kernel& kernel, const LaunchShape& shape) noexcept;

}  // namespace paella::shim

#endif  // PAELLA_SHIM_OCCUPANCY_H_
