#include "scheduler_daemon/paellactl/table.h"

#include <algorithm>

namespace paella::paellactl {
namespace {

// Characters, not bytes, of UTF-8. Wide characters count as one: a column that is out of line is all that happens.
std::size_t Width(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](unsigned char byte) { return (byte & 0xC0) != 0x80; }));
}

void AddCell(std::string& line, const std::string& cell, std::size_t width, Table::Align align) {
  const std::string padding(width - Width(cell), ' ');
  if (!line.empty()) line += "  ";
  line += align == Table::Align::kLeft ? cell + padding : padding + cell;
}

}  // namespace

std::string Printable(const std::string& text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_c1_control = byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (is_c1_control) ++i;  // two bytes of UTF-8; some terminals obey these too
    shown += byte < 0x20 || byte == 0x7F || is_c1_control ? '?' : text[i];
  }
  return shown;
}

std::string Table::Text() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = Width(columns_[i].heading);
    for (const auto& row : rows_) width = std::max(width, Width(row[i]));
    widths.push_back(width);
  }
  std::string text, line;
  const auto end_line = [&] {
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
    line.clear();
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) AddCell(line, columns_[i].heading, widths[i], columns_[i].align);
  end_line();
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < columns_.size(); ++i) AddCell(line, row[i], widths[i], columns_[i].align);
    end_line();
  }
  return text;
}

}  // namespace paella::paellactl
