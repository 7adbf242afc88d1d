// The dlopen hook's decisions: which names mean the CUDA driver, and where the real dlopen is. Any thread.
// The hook itself is dlopen_hook.S.
#ifndef PAELLA_SHIM_DLOPEN_REDIRECT_H_
#define PAELLA_SHIM_DLOPEN_REDIRECT_H_

namespace paella::shim {

// libcuda.so, libcuda.so.1, libcuda.so.580.65... with or without a path.
bool IsDriverName(const char* name);

// The loader's own dlopen, past the hook.
void* RealDlopen(const char* name, int flags);

}  // namespace paella::shim

#endif  // PAELLA_SHIM_DLOPEN_REDIRECT_H_
