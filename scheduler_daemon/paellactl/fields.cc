#include "scheduler_daemon/paellactl/fields.h"

#include <cstdio>

#include "scheduler_daemon/paellactl/table.h"

namespace paella::paellactl {

using nlohmann::json;

const json& Part(const json& object, const char* key) {
  static const json kNothing;
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : kNothing;
}

std::optional<double> Number(const json& object, const char* key) {
  const json& value = Part(object, key);
  if (!value.is_number()) return std::nullopt;
  return value.get<double>();
}

std::string Text(const json& object, const char* key) {
  const json& value = Part(object, key);
  if (value.is_string()) return Printable(value.get<std::string>());
  return value.is_number() ? value.dump() : kUnknown;
}

std::string Format(const char* format, double number) {
  char text[64];
  std::snprintf(text, sizeof text, format, number);
  return text;
}

}  // namespace paella::paellactl
