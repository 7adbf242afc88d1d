// One JSON object on one line, for scripts that read an example's result.
#ifndef EXAMPLES_COMMON_JSON_OUTPUT_H_
#define EXAMPLES_COMMON_JSON_OUTPUT_H_

#include <nlohmann/json.hpp>
#include <string>

namespace examples {

// `path` is a file to replace, "-" for standard output, or empty for nothing. Exits with kExitUsage if it cannot write.
void WriteJsonLine(const nlohmann::ordered_json& object, const std::string& path);

}  // namespace examples

#endif  // EXAMPLES_COMMON_JSON_OUTPUT_H_
