// Options by CLI11, with the examples' exit code for a command line that makes no sense.
#ifndef EXAMPLES_COMMON_COMMAND_LINE_H_
#define EXAMPLES_COMMON_COMMAND_LINE_H_

#include <CLI/CLI.hpp>

namespace examples {

// Returns if the program should go on. Exits with 0 after --help, with kExitUsage and a line on stderr after a mistake.
void ParseOrExit(CLI::App& app, int argc, char** argv);

}  // namespace examples

#endif  // EXAMPLES_COMMON_COMMAND_LINE_H_
