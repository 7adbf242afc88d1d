// Functions that the shim does not have: counted, reported with the first caller's back trace, and never a success.
//
// A report goes to the log and, once connected, to the daemon, where operators see it: at a function's first call and
// whenever its count has doubled, so that a call in a loop costs nothing. Any thread. The generated stub of export n calls
// paella_unsupported(n).
#ifndef PAELLA_SHIM_UNSUPPORTED_H_
#define PAELLA_SHIM_UNSUPPORTED_H_

#include "shim/cuda_api.h"

extern "C" CUresult paella_unsupported(int entry) noexcept;

namespace paella::shim {

// The same for a form of a supported function that is not supported; `what` is a literal.
CUresult UnsupportedForm(const char* what) noexcept;

}  // namespace paella::shim

#endif  // PAELLA_SHIM_UNSUPPORTED_H_
