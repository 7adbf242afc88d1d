#include "tests/integration/rogue_client.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "ipc/futex.h"

namespace paella::integration {

ipc::Hello Greeting(const std::string& tenant) {
  ipc::Hello hello;
  hello.version = ipc::kProtocolVersion;
  hello.tenant = tenant;
  hello.class_name = "normal";
  hello.program = "rogue";
  return hello;
}

RogueClient::RogueClient(const std::string& socket_path, const ipc::Hello& hello) {
  auto socket = ipc::ControlSocket::Connect(socket_path);
  if (!socket || !socket->Send(hello)) return;
  socket_ = std::move(*socket);
  ipc::Packet packet;
  if (socket_.Receive(packet, test::kPatience) != ipc::ReceiveStatus::kPacket) return;
  if (const auto refused = packet.As<ipc::Refusal>()) refusal_ = refused->reason;
  const auto welcome = packet.As<ipc::Welcome>();
  if (!welcome || packet.fds.size() != 3) return;
  welcome_ = *welcome;
  memory_ = ipc::Mapping::Shared(packet.fds[0].get(), welcome_.channel_bytes);
  if (!memory_.valid()) return;
  doorbell_ = std::move(packet.fds[2]);
  channel_ = ipc::Channel(memory_.data());
  writer_.emplace(channel_.ring());
}

void RogueClient::PostBytes(std::uint32_t kind, std::span<const std::byte> payload) {
  std::span<std::byte> place;
  const auto has_room = [&] { return !(place = writer_->Reserve(kind, payload.size())).empty(); };
  if (!WaitUntil(has_room)) return;
  std::memcpy(place.data(), payload.data(), payload.size());
  writer_->Commit();
  RingDoorbell();
}

void RogueClient::WriteRing(std::span<const std::byte> bytes, bool published) {
  const ipc::RingMemory ring = channel_.ring();
  std::ranges::copy(bytes, ring.buffer.begin());
  auto& first = *reinterpret_cast<ipc::RecordHeader*>(ring.buffer.data());
  if (published) first.published.store(ipc::PublishedStamp(0), std::memory_order_release);
  RingDoorbell();
}

void RogueClient::RingDoorbell() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = write(doorbell_.get(), &one, sizeof one);
}

void RogueClient::WaitForNews() {
  // The daemon wakes whoever counts itself here, but tells nobody of room in the ring.
  constexpr std::chrono::milliseconds kBound{1};
  std::atomic<std::uint32_t>& news = channel_.header().news;
  const std::uint32_t seen = news.load();
  channel_.header().client_sleepers.fetch_add(1);
  ipc::FutexWait(news, seen, kBound);
  channel_.header().client_sleepers.fetch_sub(1);
}

bool RogueClient::IsEnded() {
  ipc::Packet packet;
  return socket_.Receive(packet, test::kPatience) == ipc::ReceiveStatus::kClosed && sticky_error() != 0;
}

bool RogueClient::WaitForStickyError() {
  return WaitUntil([this] { return sticky_error() != 0; });
}

bool RogueClient::WaitForCompletion(std::uint32_t stream, std::uint64_t sequence) {
  return WaitUntil([=, this] { return channel_.completed(stream).load() >= sequence; });
}

}  // namespace paella::integration
