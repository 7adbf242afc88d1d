#include "examples/common/command_line.h"

#include <cstdlib>

#include "examples/common/fail.h"

namespace examples {

void ParseOrExit(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    std::exit(app.exit(help));
  } catch (const CLI::ParseError& error) {
    Fail(kExitUsage, std::string(error.what()) + " (see --help)");
  }
}

}  // namespace examples
