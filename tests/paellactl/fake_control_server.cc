#include "fake_control_server.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

namespace paella {
namespace {

constexpr std::chrono::milliseconds kPatience{20000};  // for the client to come; a bound, never waited out

}  // namespace

FakeControlServer::FakeControlServer() {
  char pattern[] = "/tmp/paella_test_XXXXXX";
  folder_ = mkdtemp(pattern);
  path_ = folder_ + "/gpu0.sock";
  std::string error;
  listener_ = ipc::ListenAt(control_path(), 0600, error);
  EXPECT_TRUE(listener_.valid()) << error;
}

FakeControlServer::~FakeControlServer() {
  Finish();
  std::filesystem::remove_all(folder_);
}

void FakeControlServer::Serve(Behaviour behaviour) {
  thread_ = std::thread([this, behaviour = std::move(behaviour)] {
    pollfd arrival{listener_.get(), POLLIN, 0};
    if (poll(&arrival, 1, kPatience.count()) != 1) return;
    ipc::ControlSocket client(ipc::Fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
    ipc::Packet packet;
    if (client.Receive(packet, kPatience) != ipc::ReceiveStatus::kPacket) return;
    if (auto request = packet.As<ipc::ControlRequest>()) request_ = std::move(*request);
    behaviour(client, request_);
  });
}

void FakeControlServer::Reply(bool failed, const std::string& text) {
  Serve([failed, text](ipc::ControlSocket& client, const ipc::ControlRequest&) {
    ipc::ControlReply reply;
    reply.failed = failed ? 1 : 0;
    reply.text = text;
    client.Send(reply);
  });
}

void FakeControlServer::Finish() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace paella
