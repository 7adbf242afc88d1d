#include "scheduler_daemon/executor/knowledge_file.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>

#include "ipc/shared_memory.h"
#include "scheduler_daemon/files.h"

namespace paella::scheduler_daemon {
namespace {

constexpr std::size_t kMostBytes = 32 << 20;  // two full tables are 8 MiB

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t part = write(fd, text.data(), text.size());
    if (part < 0 && errno == EINTR) continue;
    if (part <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(part));
  }
  return true;
}

// Complete beside the old one, then in its place: a crash or a full disk leaves what there was.
bool Replace(const std::string& path, std::string_view text) {
  const std::string next = path + ".new";
  const ipc::Fd file(open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return false;
  if (WriteAll(file.get(), text) && fsync(file.get()) == 0 && rename(next.c_str(), path.c_str()) == 0) return true;
  const int reason = errno;
  unlink(next.c_str());
  errno = reason;
  return false;
}

}  // namespace

Knowledge LoadKnowledge(const std::string& path) {
  Knowledge knowledge;
  if (path.empty() || (access(path.c_str(), F_OK) != 0 && errno == ENOENT)) return knowledge;
  std::string text, error;
  if (!ReadFile(path, kMostBytes, text, error)) {
    spdlog::warn("executor: cannot read {}", error);
  } else if (!knowledge.Load(text)) {  // one that is longer has lost its end
    spdlog::warn("executor: {} is not what this release keeps of kernels and jobs; they are learned anew", path);
  }
  return knowledge;
}

void StoreKnowledge(const std::string& path, const Knowledge& knowledge) {
  static std::mutex mutex;
  static bool has_failed = false;
  const std::lock_guard lock(mutex);
  if (path.empty() || Replace(path, knowledge.Save()) || std::exchange(has_failed, true)) return;
  spdlog::warn("executor: cannot keep what was learned in {}: {}", path, std::strerror(errno));
}

}  // namespace paella::scheduler_daemon
