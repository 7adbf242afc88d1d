#include "tests/simulated_gpu/ptx_lexer.h"

#include <algorithm>
#include <cstddef>

namespace paella::simulated_gpu {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWordStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%' || c == '.';
}
// "::" is part of opcodes such as ld.global.L2::128B.
bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c); }

}  // namespace

std::vector<Token> LexPtx(std::string_view text) {
  std::vector<Token> tokens;
  tokens.reserve(text.size() / 4);
  int line = 1;
  std::size_t at = 0;
  const auto peek = [&](std::size_t ahead) { return at + ahead < text.size() ? text[at + ahead] : '\0'; };
  while (at < text.size() && text[at] != '\0') {
    const char c = text[at];
    if (c == '\n') {
      ++line;
      ++at;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at;
    } else if (c == '/' && peek(1) == '/') {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == '/' && peek(1) == '*') {
      const std::size_t end = std::min(text.find("*/", at + 2), text.size());
      line += static_cast<int>(std::count(text.begin() + at, text.begin() + end, '\n'));
      at = std::min(end + 2, text.size());
    } else if (c == '"') {
      const std::size_t end = std::min(text.find('"', at + 1), text.size());
      tokens.push_back({Token::Kind::kString, line, text.substr(at + 1, end - at - 1)});
      at = std::min(end + 1, text.size());
    } else if (IsDigit(c)) {
      const std::size_t start = at;
      while (IsWordPart(peek(0)) || ((peek(0) == '-' || peek(0) == '+') && (text[at - 1] == 'e' || text[at - 1] == 'E') &&
                                     text.substr(start, 2) != "0x" && text.substr(start, 2) != "0f")) {
        ++at;
      }
      tokens.push_back({Token::Kind::kNumber, line, text.substr(start, at - start)});
    } else if (IsWordStart(c)) {
      const std::size_t start = at;
      while (IsWordPart(peek(0)) || (peek(0) == ':' && peek(1) == ':') || (peek(0) == ':' && at > start && text[at - 1] == ':')) {
        ++at;
      }
      tokens.push_back({Token::Kind::kWord, line, text.substr(start, at - start)});
    } else {
      tokens.push_back({Token::Kind::kPunctuation, line, text.substr(at, 1)});
      ++at;
    }
  }
  tokens.push_back({Token::Kind::kEnd, line, {}});
  return tokens;
}

}  // namespace paella::simulated_gpu
