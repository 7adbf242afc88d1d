// The functions that the compiler calls for printf and assert in a kernel: vprintf(format, arguments) and
// __assertfail(message, file, line, function, size of a character).
//
// For decode_control.cc. The text is made at once, from the memory as it is then, and kept in the print buffer.
#ifndef PAELLA_TESTS_SIMULATED_GPU_DEVICE_PRINT_H_
#define PAELLA_TESTS_SIMULATED_GPU_DEVICE_PRINT_H_

#include <string>

#include "tests/simulated_gpu/emitter.h"

namespace paella::simulated_gpu {

// True if `callee` is one of them; emits the call then.
bool EmitPrintingCall(Emitter& emitter, const std::string& callee, const CallSite& site);

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_DEVICE_PRINT_H_
