#include "scheduler_daemon/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ipc/shared_memory.h"

namespace paella::scheduler_daemon {

bool ReadFile(const std::string& path, std::size_t most_bytes, std::string& text, std::string& error) {
  const auto fail = [&](const std::string& why) {
    error = path + ": " + why;
    return false;
  };
  const ipc::Fd file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));  // a FIFO would be waited for
  struct stat status;
  if (!file.valid() || fstat(file.get(), &status) != 0) return fail(std::strerror(errno));
  if (S_ISDIR(status.st_mode)) return fail(std::strerror(EISDIR));
  if (!S_ISREG(status.st_mode)) return fail("this is no regular file");
  // Its size is not believed: files of /proc have none.
  text.resize(most_bytes + 1);
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t part = read(file.get(), text.data() + size, text.size() - size);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return fail(std::strerror(errno));
    if (part == 0) break;
    size += static_cast<std::size_t>(part);
  }
  text.resize(size);
  return true;
}

}  // namespace paella::scheduler_daemon
