// What CUDA's libraries keep with a context (the private table c693336e): every copy of the CUDA runtime has its state there,
// and looks it up in nearly every call. The real driver stores what belongs to the primary context; what belongs to
// contexts that the program made is stored here, since the real driver knows nothing of those.
//
// Any thread; called by CUDA's libraries through the table (export_tables.cc), before cuInit too.
#ifndef PAELLA_SHIM_CONTEXT_STORAGE_H_
#define PAELLA_SHIM_CONTEXT_STORAGE_H_

#include "shim/cuda_api.h"

namespace paella::shim::context_storage {

using Destructor = void (*)(CUcontext, void* key, void* value);
using PutFunction = CUresult (*)(CUcontext, void* key, void* value, Destructor);
using DeleteFunction = CUresult (*)(CUcontext, void* key);
using GetFunction = CUresult (*)(void** value, CUcontext, void* key);

// The driver's own, set before ours are reached.
extern PutFunction real_put;
extern DeleteFunction real_delete;
extern GetFunction real_get;

// A context that is null or -1 is the current one.
CUresult Put(CUcontext context, void* key, void* value, Destructor destructor);
CUresult Delete(CUcontext context, void* key);
CUresult Get(void** value, CUcontext context, void* key);

}  // namespace paella::shim::context_storage

#endif  // PAELLA_SHIM_CONTEXT_STORAGE_H_
