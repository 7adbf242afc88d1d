// Copies with an array on one side or on both. As copies.h does it: what the GPU can address goes in one command, and
// pageable memory passes through the staging area in pieces. Any thread. Owns nothing.
#ifndef PAELLA_SHIM_ARRAY_COPIES_H_
#define PAELLA_SHIM_ARRAY_COPIES_H_

#include "shim/client.h"

namespace paella::shim {

// Of a description that HasArray. In a stream that is captured, NOT_SUPPORTED.
CUresult PostArrayCopy(Client& client, Stream& stream, const CUDA_MEMCPY3D& description, bool synchronous);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_ARRAY_COPIES_H_
