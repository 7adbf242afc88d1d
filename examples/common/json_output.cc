#include "examples/common/json_output.h"

#include <cstdio>
#include <fstream>

#include "examples/common/fail.h"

namespace examples {

void WriteJsonLine(const nlohmann::ordered_json& object, const std::string& path) {
  if (path.empty()) return;
  const std::string line = object.dump() + "\n";
  if (path == "-") {
    std::fputs(line.c_str(), stdout);
    return;
  }
  std::ofstream file(path, std::ios::trunc);
  file << line << std::flush;
  if (!file) Fail(kExitUsage, "cannot write " + path);
}

}  // namespace examples
