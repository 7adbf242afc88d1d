#include "scheduler_daemon/executor/image_variables.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "scheduler_daemon/executor/image_code.h"

namespace paella::scheduler_daemon {
namespace {

// Takes the next part of a nested name as the C++ ABI writes it: its length and itself.
std::string_view TakeNamePart(std::string_view& name) {
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), length);
  if (error != std::errc{}) return {};
  name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  const std::string_view part = name.substr(0, length);
  name.remove_prefix(part.size());
  return part;
}

// The namespace of a variable, below those that stand for "this file only".
std::string_view OutermostNamespace(std::string_view name) {
  constexpr std::string_view kNested = "_ZN";
  if (!name.starts_with(kNested)) return {};
  name.remove_prefix(kNested.size());
  std::string_view part;
  do part = TakeNamePart(name);
  while (part.starts_with("_INTERNAL_") || part.starts_with("_GLOBAL__N_"));
  return part;
}

}  // namespace

bool IsNeverWritten(std::string_view name) {
  constexpr std::array<std::string_view, 4> kCompilersOwn{"__cudart_", "__unnamed_", "$str", "_ZTV"};
  if (std::ranges::any_of(kCompilersOwn, [&](std::string_view start) { return name.starts_with(start); })) return true;
  constexpr std::array<std::string_view, 4> kLibraries{"cuda", "thrust", "cub", "cute"};
  return std::ranges::find(kLibraries, OutermostNamespace(name)) != kLibraries.end();
}

bool IsFreeOfVariables(std::span<const std::byte> image, int architecture_major) {
  return VisitCode(image, architecture_major, [](CodeKind kind, std::span<const std::byte> code) {
    return kind == CodeKind::kElf ? ElfIsFreeOfVariables(code) : PtxIsFreeOfVariables(TextOf(code));
  });
}

}  // namespace paella::scheduler_daemon
