#include "ipc/standard_fds.h"

#include <fcntl.h>
#include <unistd.h>

namespace paella::ipc {

Fd AboveStandardFds(Fd fd) {
  if (!fd.valid() || fd.get() > STDERR_FILENO) return fd;
  return Fd(fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

}  // namespace paella::ipc
