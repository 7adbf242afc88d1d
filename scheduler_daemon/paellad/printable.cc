#include "scheduler_daemon/paellad/printable.h"

#include <algorithm>
#include <cstdint>

namespace paella::scheduler_daemon {
namespace {

struct Character {
  char32_t code = 0;
  std::size_t bytes = 0;  // 0: no UTF-8
};

// Of `text`, which is not empty. Overlong forms, surrogates and codes beyond Unicode are no UTF-8.
Character FirstOf(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1};
  const std::size_t bytes = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC0 || byte(0) > 0xF4 || text.size() < bytes) return {};
  char32_t code = byte(0) & (0xFF >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3F);
  }
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = code >= 0xD800 && code < 0xE000;
  return code < kLeast[bytes] || code > 0x10FFFF || is_surrogate ? Character{} : Character{code, bytes};
}

bool IsControl(char32_t code) {
  const bool is_c0_or_c1 = code < 0x20 || (code >= 0x7F && code < 0xA0);
  const bool breaks_lines = code == 0x2028 || code == 0x2029;
  const bool turns_writing = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
  return is_c0_or_c1 || breaks_lines || turns_writing;
}

}  // namespace

bool IsPrintableName(std::string_view name, std::size_t most_bytes) {
  if (name.empty() || name.size() > most_bytes) return false;
  while (!name.empty()) {
    const Character character = FirstOf(name);
    if (character.bytes == 0 || IsControl(character.code) || character.code == ' ') return false;
    name.remove_prefix(character.bytes);
  }
  return true;
}

std::string Printable(std::string_view text, std::size_t most_bytes) {
  std::string shown;
  while (!text.empty()) {
    const Character character = FirstOf(text);
    const std::size_t bytes = std::max<std::size_t>(character.bytes, 1);
    const bool is_shown = character.bytes != 0 && !IsControl(character.code);
    if (shown.size() + (is_shown ? bytes : 1) > most_bytes) break;
    if (is_shown) {
      shown += text.substr(0, bytes);
    } else {
      shown += '?';
    }
    text.remove_prefix(bytes);
  }
  return shown;
}

std::string PrintableLines(std::string_view text, std::size_t most_bytes) {
  constexpr std::string_view kIndent = "    ";
  std::string shown;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::size_t used = shown.size() + kIndent.size() + 1;
    if (used >= most_bytes) break;
    if (!shown.empty()) shown += '\n';
    shown.append(kIndent).append(Printable(text.substr(0, end), most_bytes - used));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return shown;
}

}  // namespace paella::scheduler_daemon
