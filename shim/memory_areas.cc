#include "shim/memory_areas.h"

#include <fcntl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cerrno>
#include <cstring>

namespace paella::shim {
namespace {

// Takes a number from the front of `text`, and the one character behind it.
bool TakeNumber(std::string_view& text, int base, char behind, std::uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end == text.data() + text.size() || *end != behind) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

bool ParseMemoryArea(std::string_view line, MemoryArea& area) {
  std::uint64_t major = 0, minor = 0;
  if (!TakeNumber(line, 16, '-', area.begin) || !TakeNumber(line, 16, ' ', area.end) || line.size() < 5) return false;
  area.readable = line[0] == 'r';
  area.writable = line[1] == 'w';
  area.executable = line[2] == 'x';
  area.shared = line[3] == 's';
  line.remove_prefix(5);
  if (!TakeNumber(line, 16, ' ', area.offset) || !TakeNumber(line, 16, ':', major) ||
      !TakeNumber(line, 16, ' ', minor)) {
    return false;
  }
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), area.inode, 10);
  if (error != std::errc()) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  area.device = makedev(static_cast<unsigned>(major), static_cast<unsigned>(minor));
  area.name = line.substr(std::min(line.find_first_not_of(' '), line.size()));
  return true;
}

MemoryAreas::MemoryAreas() : fd_(open("/proc/self/maps", O_RDONLY | O_CLOEXEC)) {}

MemoryAreas::~MemoryAreas() {
  if (fd_ >= 0) close(fd_);
}

bool MemoryAreas::Refill() {
  std::memmove(buffer_, buffer_ + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  ssize_t size;
  do {
    size = fd_ < 0 ? 0 : read(fd_, buffer_ + end_, sizeof buffer_ - end_);
  } while (size < 0 && errno == EINTR);
  if (size <= 0) return false;
  end_ += static_cast<std::size_t>(size);
  return true;
}

bool MemoryAreas::Next(MemoryArea& area) {
  for (;;) {
    const std::string_view rest(buffer_ + begin_, end_ - begin_);
    const std::size_t length = rest.find('\n');
    if (length == rest.npos) {
      if (!Refill()) return false;
      continue;
    }
    begin_ += length + 1;
    return ParseMemoryArea(rest.substr(0, length), area);
  }
}

}  // namespace paella::shim
