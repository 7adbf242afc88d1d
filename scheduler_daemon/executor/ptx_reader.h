// PTX text word by word, comments and quoted texts left out. Any thread.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_PTX_READER_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_PTX_READER_H_

#include <cctype>
#include <cstddef>
#include <string_view>

namespace paella::scheduler_daemon {

struct PtxWord {
  std::string_view text;         // empty at the end; a directive with its dot, a name, a number, or one character
  bool is_of_operation = false;  // a directive that belongs to the operation before it
};

class PtxReader {
 public:
  explicit PtxReader(std::string_view rest) : rest_(rest) {}

  PtxWord Next() {
    const bool is_glued = !SkipBlanks();
    PtxWord word;
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

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_PTX_READER_H_
