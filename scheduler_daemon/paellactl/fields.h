// Fields of what paellad answers, as they are shown: one of another version may lack some, or have them in another type.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLACTL_FIELDS_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLACTL_FIELDS_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace paella::paellactl {

inline constexpr char kUnknown[] = "-";

const nlohmann::json& Part(const nlohmann::json& object, const char* key);  // null if there is none
std::optional<double> Number(const nlohmann::json& object, const char* key);
// A word or a whole number, printable; else kUnknown.
std::string Text(const nlohmann::json& object, const char* key);
// printf with one number.
std::string Format(const char* format, double number);

}  // namespace paella::paellactl

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLACTL_FIELDS_H_
