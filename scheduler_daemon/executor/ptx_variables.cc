// Variables of PTX text: what is declared with .global or .const. Instructions name these spaces too, but behind their
// operation (ld.global.u32).
#include <cctype>

#include "scheduler_daemon/executor/image_variables.h"

namespace paella::scheduler_daemon {
namespace {

struct Word {
  std::string_view text;         // empty at the end; a directive with its dot, a name, a number, or one character
  bool is_of_operation = false;  // a directive that belongs to the operation before it
};

class PtxReader {
 public:
  explicit PtxReader(std::string_view rest) : rest_(rest) {}

  Word Next() {
    const bool is_glued = !SkipBlanks();
    Word word;
    if (rest_.empty()) return word;
    const std::size_t start = rest_[0] == '.' ? 1 : 0;
    std::size_t size = start;
    while (size < rest_.size() && IsOfName(rest_[size])) ++size;
    word.text = rest_.substr(0, size == 0 ? 1 : size);
    word.is_of_operation = start == 1 && is_glued && in_operation_;
    in_operation_ = start == 1 ? word.is_of_operation : size != 0;
    rest_.remove_prefix(word.text.size());
    return word;
  }

 private:
  static bool IsOfName(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || c == '%';
  }

  // Comments and quoted texts are blanks. Whether there were any.
  bool SkipBlanks() {
    const std::size_t before = rest_.size();
    for (bool found = true; found && !rest_.empty();) {
      found = true;
      if (std::isspace(static_cast<unsigned char>(rest_[0])) != 0) {
        rest_.remove_prefix(1);
      } else if (rest_.starts_with("//")) {
        SkipThrough("\n", 2);
      } else if (rest_.starts_with("/*")) {
        SkipThrough("*/", 2);
      } else if (rest_[0] == '"') {
        SkipThrough("\"", 1);
      } else {
        found = false;
      }
    }
    return rest_.size() != before;
  }

  void SkipThrough(std::string_view end, std::size_t start) {
    const std::size_t at = rest_.find(end, start);
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + end.size());
  }

  std::string_view rest_;
  bool in_operation_ = false;
};

// The rest of a declaration of .global memory, from behind that word. Whether all that it declares is never written.
bool DeclaresNeverWritten(PtxReader& reader) {
  Word word = reader.Next();
  for (; word.text.starts_with('.'); word = reader.Next()) {
    if (word.text == ".attribute" || word.text.ends_with("ref")) return false;  // managed memory; textures
    if (word.text == ".align") reader.Next();
  }
  if (!IsNeverWritten(word.text)) return false;
  int depth = 0;
  for (word = reader.Next(); word.text != ";"; word = reader.Next()) {
    if (word.text == "{") ++depth;
    if (word.text == "}") --depth;
    if (word.text.empty() || (word.text == "," && depth == 0)) return false;
  }
  return true;
}

}  // namespace

bool PtxIsFreeOfVariables(std::string_view ptx) {
  PtxReader reader(ptx);
  std::string_view before;
  for (Word word = reader.Next(); !word.text.empty(); before = word.text, word = reader.Next()) {
    if (word.is_of_operation) continue;
    if (word.text == ".const" && before != ".ptr") return false;
    if (word.text == ".tex") return false;
    if (word.text == ".global" && before != ".ptr" && !DeclaresNeverWritten(reader)) return false;
  }
  return true;
}

}  // namespace paella::scheduler_daemon
