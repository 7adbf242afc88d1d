// A table for people: a row of headings, columns as wide as their widest cell. Numbers are aligned to the right.
#ifndef PAELLA_SCHEDULER_DAEMON_PAELLACTL_TABLE_H_
#define PAELLA_SCHEDULER_DAEMON_PAELLACTL_TABLE_H_

#include <string>
#include <vector>

namespace paella::paellactl {

// `text` as it can be shown: names come from clients, and must not steer the terminal.
std::string Printable(const std::string& text);

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string heading;
    Align align;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell for each column.
  void Add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string Text() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace paella::paellactl

#endif  // PAELLA_SCHEDULER_DAEMON_PAELLACTL_TABLE_H_
