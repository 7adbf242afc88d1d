// A client without libpaella.so: greets paellad by hand and writes into the channel whatever a test wants.
#ifndef PAELLA_TESTS_INTEGRATION_ROGUE_CLIENT_H_
#define PAELLA_TESTS_INTEGRATION_ROGUE_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipc/channel.h"
#include "ipc/control_socket.h"
#include "messages.h"
#include "tests/support/child_process.h"

namespace paella::integration {

ipc::Hello Greeting(const std::string& tenant = "rogue");

class RogueClient {
 public:
  // Connects and says `hello`. What came instead of a welcome is in refusal().
  explicit RogueClient(const std::string& socket_path, const ipc::Hello& hello = Greeting());

  bool welcomed() const { return writer_.has_value(); }
  const std::string& refusal() const { return refusal_; }
  const ipc::Welcome& welcome() const { return welcome_; }
  ipc::ControlSocket& socket() { return socket_; }
  const ipc::Channel& channel() const { return channel_; }

  template <typename Message>
  void Post(const Message& message) {
    std::vector<std::byte> payload(message.EncodedSize());
    message.Encode(payload);
    PostBytes(static_cast<std::uint32_t>(Message::kKind), payload);
  }

  // As a call, for the slot; nothing waits for the answer.
  template <typename Call>
  void PostCall(std::uint32_t slot, const Call& call) {
    std::vector<std::byte> payload(sizeof slot + call.EncodedSize());
    std::memcpy(payload.data(), &slot, sizeof slot);
    call.Encode(std::span(payload).subspan(sizeof slot));
    PostBytes(static_cast<std::uint32_t>(Call::kKind), payload);
  }

  // The answer, or nothing if the daemon refuses or does not answer.
  template <typename Call>
  std::optional<typename ipc::ReplyOf<Call>::Type> Ask(const Call& call) {
    channel_.reply(0).ready.store(0);
    PostCall(0, call);
    const auto answered = [this] { return channel_.reply(0).ready.load() != 0; };
    typename ipc::ReplyOf<Call>::Type reply;
    if (!WaitUntil(answered) || channel_.reply(0).result != 0 ||
        !reply.Decode(std::span<const std::byte>(channel_.reply(0).data, channel_.reply(0).size_bytes))) {
      return std::nullopt;
    }
    return reply;
  }

  // Waits for room as long as the daemon takes part; writes nothing once it does not.
  void PostBytes(std::uint32_t kind, std::span<const std::byte> payload);
  // Puts `bytes` where a new client's first record would be; `published`: the daemon is to read them.
  void WriteRing(std::span<const std::byte> bytes, bool published = true);
  void RingDoorbell();

  // The daemon has ended this client: an error that stays, and an end of file.
  bool IsEnded();
  std::uint32_t sticky_error() const { return channel_.header().sticky_error.load(); }
  bool WaitForStickyError();
  bool WaitForCompletion(std::uint32_t stream, std::uint64_t sequence);

 private:
  template <typename Condition>
  bool WaitUntil(Condition holds) {
    const auto deadline = std::chrono::steady_clock::now() + test::kPatience;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline || socket_.PeerIsGone()) return holds();
      WaitForNews();
    }
    return true;
  }
  void WaitForNews();

  ipc::ControlSocket socket_;
  std::string refusal_;
  ipc::Welcome welcome_;
  ipc::Mapping memory_;
  ipc::Fd doorbell_;
  ipc::Channel channel_;
  std::optional<ipc::RingWriter> writer_;
};

}  // namespace paella::integration

#endif  // PAELLA_TESTS_INTEGRATION_ROGUE_CLIENT_H_
