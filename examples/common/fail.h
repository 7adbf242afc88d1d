// How the examples end when something is wrong. Called from the main thread: the first error ends these small programs.
#ifndef EXAMPLES_COMMON_FAIL_H_
#define EXAMPLES_COMMON_FAIL_H_

#include <string>

namespace examples {

enum ExitCode : int {
  kExitOk = 0,
  kExitWrongResult = 1,
  kExitCudaError = 2,
  kExitUsage = 64,  // sysexits.h: a bad option, or a file named by one that cannot be used
};

// Prints "program: message" on stderr and exits.
[[noreturn]] void Fail(ExitCode code, const std::string& message);

}  // namespace examples

#endif  // EXAMPLES_COMMON_FAIL_H_
