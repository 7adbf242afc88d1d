#include "examples/common/fail.h"

#include <errno.h>  // program_invocation_short_name

#include <cstdio>
#include <cstdlib>

namespace examples {

void Fail(ExitCode code, const std::string& message) {
  std::fflush(stdout);  // What was printed before comes first.
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, message.c_str());
  std::exit(code);
}

}  // namespace examples
