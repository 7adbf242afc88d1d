// Memsets: what CUDA reports about one at once, and the record that it becomes. For streams and for nodes of graphs.
#ifndef PAELLA_SHIM_FILLS_H_
#define PAELLA_SHIM_FILLS_H_

#include "messages.h"
#include "shim/client.h"

namespace paella::shim {

// Both of one that sets something: neither its width nor its height is 0. The shape alone, as in a capture, and
// its memory too.
CUresult CheckFillShape(const CUDA_MEMSET_NODE_PARAMS& fill);
CUresult CheckFill(const Client& client, const CUDA_MEMSET_NODE_PARAMS& fill);
ipc::Memset FillRecord(const CUDA_MEMSET_NODE_PARAMS& fill);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_FILLS_H_
