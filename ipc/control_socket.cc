#include "ipc/control_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ipc/standard_fds.h"

namespace paella::ipc {
namespace {

constexpr int kListenBacklog = 128;
constexpr std::chrono::seconds kSendTimeout{2};  // a peer that does not read for this long is as good as gone

bool FillAddress(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return false;
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return true;
}

Fd NewSocket() { return AboveStandardFds(Fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0))); }

void TakeFds(msghdr& header, std::vector<Fd>& fds) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      fds.push_back(AboveStandardFds(Fd(fd)));
    }
  }
}

bool WaitForSpace(int fd) {
  pollfd space{fd, POLLOUT, 0};
  return poll(&space, 1, std::chrono::milliseconds(kSendTimeout).count()) == 1 && (space.revents & POLLOUT) != 0;
}

void SetSendTimeout(int fd, std::chrono::milliseconds timeout) {
  const timeval value{timeout.count() / 1000, timeout.count() % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &value, sizeof value);
}

// connect() waits for room in the listener's backlog, for ever if nobody accepts. Poll does not tell when there is room,
// but the kernel bounds this wait by SO_SNDTIMEO.
bool ConnectWithin(int fd, const sockaddr_un& address, std::chrono::milliseconds timeout) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + timeout;
  for (auto left = timeout; left.count() > 0;  // a timeout of 0 would mean none
       left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now())) {
    SetSendTimeout(fd, left);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      SetSendTimeout(fd, std::chrono::milliseconds(0));
      return true;
    }
    if (errno != EINTR && errno != EAGAIN) return false;
  }
  errno = ETIMEDOUT;
  return false;
}

// Whether a file at `path` is in the way that a dead daemon left. A file that is no socket stays, as does a socket that
// somebody listens at: bind() reports them.
bool IsStale(const std::string& path, int connect_error) {
  struct stat status;
  return connect_error == ECONNREFUSED && lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace

std::optional<ControlSocket> ControlSocket::Connect(const std::string& path, std::chrono::milliseconds timeout) {
  sockaddr_un address;
  Fd fd = NewSocket();
  if (!fd.valid() || !FillAddress(path, address)) return std::nullopt;
  if (!ConnectWithin(fd.get(), address, timeout)) {
    const int error = errno;
    fd.Reset();
    errno = error;
    return std::nullopt;
  }
  return ControlSocket(std::move(fd));
}

std::pair<Fd, Fd> ControlSocket::Pair() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0) return {};
  return {Fd(fds[0]), Fd(fds[1])};
}

bool ControlSocket::SendRaw(MessageKind kind, const std::vector<std::byte>& payload, std::initializer_list<int> fds) {
  if (payload.size() > kMaxPacketBytes || fds.size() > kMaxPacketFds) return false;
  iovec parts[2] = {{&kind, sizeof kind}, {const_cast<std::byte*>(payload.data()), payload.size()}};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxPacketFds * sizeof(int))] = {};
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = 2;
  if (fds.size() != 0) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(part), fds.begin(), fds.size() * sizeof(int));
  }
  const std::lock_guard lock(send_mutex_);
  for (;;) {
    if (sendmsg(fd_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return true;
    if (errno == EINTR) continue;
    if (errno != EAGAIN || !WaitForSpace(fd_.get())) return false;
  }
}

ReceiveStatus ControlSocket::Receive(Packet& packet, std::chrono::milliseconds timeout) {
  pollfd input{fd_.get(), POLLIN, 0};
  const int ready = poll(&input, 1, static_cast<int>(timeout.count()));
  if (ready <= 0) return ReceiveStatus::kTimeout;

  packet.fds.clear();
  packet.payload.resize(kMaxPacketBytes);
  iovec parts[2] = {{&packet.kind, sizeof packet.kind}, {packet.payload.data(), packet.payload.size()}};
  alignas(cmsghdr) char control[CMSG_SPACE(kMaxPacketFds * sizeof(int))];
  msghdr header{};
  header.msg_iov = parts;
  header.msg_iovlen = 2;
  header.msg_control = control;
  header.msg_controllen = sizeof control;
  const ssize_t size = recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) return errno == EAGAIN || errno == EINTR ? ReceiveStatus::kTimeout : ReceiveStatus::kClosed;
  if (size == 0) return ReceiveStatus::kClosed;
  TakeFds(header, packet.fds);
  if (size < static_cast<ssize_t>(sizeof packet.kind) || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return ReceiveStatus::kMalformed;
  }
  packet.payload.resize(size - sizeof packet.kind);
  return ReceiveStatus::kPacket;
}

bool ControlSocket::PeerIsGone() const {
  pollfd state{fd_.get(), POLLRDHUP, 0};
  return poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL)) != 0;
}

std::optional<Credentials> ControlSocket::PeerCredentials() const {
  ucred peer;
  socklen_t size = sizeof peer;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return std::nullopt;
  return Credentials{peer.pid, peer.uid, peer.gid};
}

Fd ListenAt(const std::string& path, mode_t mode, std::string& error) {
  const auto other = ControlSocket::Connect(path);
  const int connect_error = errno;
  if (other || connect_error == ETIMEDOUT) {
    error = path + ": another daemon listens here";
    return Fd();
  }
  if (IsStale(path, connect_error)) unlink(path.c_str());
  sockaddr_un address;
  Fd fd = NewSocket();
  const mode_t mask = umask(0777);  // nobody connects before chmod() below
  const bool bound = fd.valid() && FillAddress(path, address) &&
                     bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  const int bind_error = errno;
  umask(mask);
  if (!bound) {
    error = path + ": " + std::strerror(bind_error);
    return Fd();
  }
  if (chmod(path.c_str(), mode) != 0 || listen(fd.get(), kListenBacklog) != 0) {
    error = path + ": " + std::strerror(errno);
    unlink(path.c_str());
    return Fd();
  }
  return fd;
}

Listener::Listener(const std::string& path, mode_t mode, std::string& error)
    : fd_(ListenAt(path, mode, error)), path_(path) {
  struct stat status;
  if (!fd_.valid() || lstat(path.c_str(), &status) != 0) return;
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

Listener& Listener::operator=(Listener&& other) noexcept {
  Close();
  fd_ = std::move(other.fd_);
  path_ = std::move(other.path_);
  device_ = other.device_;
  inode_ = other.inode_;
  return *this;
}

void Listener::Close() {
  if (!fd_.valid()) return;
  struct stat status;
  const bool is_ours = lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
  if (is_ours) unlink(path_.c_str());
  fd_.Reset();
}

}  // namespace paella::ipc
