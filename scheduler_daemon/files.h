// Reading files that an administrator names.
#ifndef PAELLA_SCHEDULER_DAEMON_FILES_H_
#define PAELLA_SCHEDULER_DAEMON_FILES_H_

#include <cstddef>
#include <string>

namespace paella::scheduler_daemon {

// The content of a regular file, at most `most_bytes` and one more, by which a longer file is known. False, with the path
// and the reason in `error`: it cannot be read, or is something that might be waited for, or has no end.
[[nodiscard]] bool ReadFile(const std::string& path, std::size_t most_bytes, std::string& text, std::string& error);

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_FILES_H_
