// Packets with descriptors over a local socket: client and paellad at the handshake, paellad and executor always.
//
// One packet is one message of spec/messages.spec behind its kind. SOCK_SEQPACKET keeps packets whole, and the other
// side's end shows as an end of file, which is how each side learns that the other is gone.
#ifndef PAELLA_IPC_CONTROL_SOCKET_H_
#define PAELLA_IPC_CONTROL_SOCKET_H_

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ipc/shared_memory.h"
#include "messages.h"

namespace paella::ipc {

inline constexpr std::size_t kMaxPacketBytes = 64 * 1024;
inline constexpr std::size_t kMaxPacketFds = 4;
inline constexpr std::chrono::milliseconds kConnectTimeout{2000};

struct Packet {
  MessageKind kind{};
  std::vector<std::byte> payload;
  std::vector<Fd> fds;

  // The packet's message, or nothing if it is of another kind or malformed.
  template <typename Message>
  std::optional<Message> As() const {
    Message message;
    if (kind != Message::kKind || !message.Decode(payload)) return std::nullopt;
    return message;
  }

  // As As(), of a message that was sent with SendText.
  template <typename Message>
  std::optional<Message> AsText(std::string Message::*text) const {
    auto message = As<Message>();
    if (!message || fds.empty()) return message;
    auto long_text = ReadSealedText(fds[0].get());
    if (!long_text) return std::nullopt;
    (*message).*text = std::move(*long_text);
    return message;
  }
};

enum class ReceiveStatus { kPacket, kTimeout, kClosed, kMalformed };

struct Credentials {
  pid_t pid;
  uid_t uid;
  gid_t gid;
};

// Owns a connected socket. Send is safe from many threads; Receive is for one.
class ControlSocket {
 public:
  ControlSocket() = default;
  explicit ControlSocket(Fd fd) : fd_(std::move(fd)) {}

  // Connects to a daemon's socket. On failure errno tells why (ENOENT, ECONNREFUSED, EACCES... and ETIMEDOUT if a
  // daemon listens that accepts nobody: one that is stopped, say).
  static std::optional<ControlSocket> Connect(const std::string& path,
                                              std::chrono::milliseconds timeout = kConnectTimeout);
  static std::pair<Fd, Fd> Pair();

  ControlSocket(ControlSocket&& other) noexcept : fd_(std::move(other.fd_)) {}
  ControlSocket& operator=(ControlSocket&& other) noexcept {
    fd_ = std::move(other.fd_);
    return *this;
  }

  // False if the other side is gone or does not take packets any more.
  template <typename Message>
  bool Send(const Message& message, std::initializer_list<int> fds = {}) {
    std::vector<std::byte> payload(message.EncodedSize());
    message.Encode(payload);
    return SendRaw(Message::kKind, payload, fds);
  }

  // A message whose `text` may be longer than a packet: then it goes along as sealed memory. For AsText.
  template <typename Message>
  bool SendText(Message message, std::string Message::*text) {
    if (message.EncodedSize() <= kMaxPacketBytes) return Send(message);
    const Fd memory = MakeSealedText("paella-text", message.*text);
    (message.*text).clear();
    return memory.valid() && Send(message, {memory.get()});
  }

  ReceiveStatus Receive(Packet& packet, std::chrono::milliseconds timeout);

  // Whether the other side has closed or died; never waits.
  bool PeerIsGone() const;
  std::optional<Credentials> PeerCredentials() const;
  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  void Close() { fd_.Reset(); }

 private:
  bool SendRaw(MessageKind kind, const std::vector<std::byte>& payload, std::initializer_list<int> fds);

  Fd fd_;
  std::mutex send_mutex_;
};

// A listening socket at `path` with `mode`; a stale file of a dead daemon is replaced, a live one is not.
// On failure returns an invalid descriptor and says why in `error`.
Fd ListenAt(const std::string& path, mode_t mode, std::string& error);

// A listening socket and its file, which go together. The file is removed while the socket still listens: from then on
// a daemon that starts at `path` makes its own, and that one is left alone.
class Listener {
 public:
  Listener() = default;
  // As ListenAt.
  Listener(const std::string& path, mode_t mode, std::string& error);
  Listener(Listener&& other) noexcept = default;
  Listener& operator=(Listener&& other) noexcept;
  ~Listener() { Close(); }

  int fd() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }
  void Close();

 private:
  Fd fd_;
  std::string path_;
  // Of the file that ListenAt made: whether what is at `path_` later is still that.
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace paella::ipc

#endif  // PAELLA_IPC_CONTROL_SOCKET_H_
