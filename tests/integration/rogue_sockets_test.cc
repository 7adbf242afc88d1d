// Clients that break the rules of the handshake and of the control socket, or leave at odd moments.
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <random>

#include "tests/integration/rogue_test.h"

namespace paella::integration {
namespace {

void Send(const std::string& path, std::span<const std::byte> bytes) {
  const ipc::Fd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
  std::byte answer[4096];
  recv(fd.get(), answer, sizeof answer, 0);  // an answer or the end: the daemon has seen it
}

TEST_F(Rogue, SendsRubbishToBothSockets) {
  std::mt19937 random(7);
  for (const std::string& path : {daemon_->socket(), daemon_->socket() + ".control"}) {
    for (const std::size_t size : {1u, 3u, 4u, 5u, 100u, 60'000u, 100'000u}) {
      std::vector<std::byte> bytes(size);
      for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
      Send(path, bytes);
      const auto kind = static_cast<std::uint32_t>(ipc::MessageKind::kHello);
      if (size >= sizeof kind) std::memcpy(bytes.data(), &kind, sizeof kind);
      Send(path, bytes);
    }
  }
  EXPECT_TRUE(ServesNormalClients());
  EXPECT_TRUE(daemon_->Status().is_object());
}

TEST_F(Rogue, SendsWhatAClientDoesNotSend) {
  RogueClient rogue(daemon_->socket());
  ASSERT_TRUE(rogue.welcomed());
  rogue.socket().Send(Greeting());
  EXPECT_TRUE(rogue.IsEnded());
  EXPECT_TRUE(daemon_->WaitForLog("it sent a packet that a client does not send")) << daemon_->log();
  EXPECT_TRUE(ServesNormalClients());
}

// Only paellad may speak to the executor like that, and over another socket.
TEST_F(Rogue, SendsThePacketsOfPaellad) {
  ipc::ClientDetach detach;
  detach.client = 1;
  for (int i = 0; i < 2; ++i) {
    RogueClient rogue(daemon_->socket());
    ASSERT_TRUE(rogue.welcomed());
    rogue.socket().Send(detach);
    EXPECT_TRUE(rogue.IsEnded());
  }
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Rogue, IsOfAnotherVersion) {
  ipc::Hello hello = Greeting();
  hello.version = ipc::kProtocolVersion + 1;
  const RogueClient rogue(daemon_->socket(), hello);
  EXPECT_FALSE(rogue.welcomed());
  EXPECT_NE(rogue.refusal().find("they come from different releases"), std::string::npos) << rogue.refusal();
  EXPECT_TRUE(daemon_->WaitForLog("turned ")) << daemon_->log();
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Rogue, HasAnAbsurdName) {
  const std::string absurd[] = {"", std::string(129, 'x'), std::string(60'000, 'x'), "two words", "line\nbreak",
                                "\x1b[2J", std::string("zero\0byte", 9), "\xff\xfe"};
  for (const std::string& tenant : absurd) {
    const RogueClient rogue(daemon_->socket(), Greeting(tenant));
    EXPECT_FALSE(rogue.welcomed());
    EXPECT_NE(rogue.refusal().find("a tenant's name has"), std::string::npos) << rogue.refusal();
  }
  EXPECT_TRUE(daemon_->Status().is_object());
  EXPECT_TRUE(ServesNormalClients());
}

TEST_F(Rogue, HasNoSuchClassOrDriver) {
  ipc::Hello hello = Greeting();
  hello.class_name = "first";
  EXPECT_NE(RogueClient(daemon_->socket(), hello).refusal().find("there is no class 'first'"), std::string::npos);
  hello = Greeting();
  hello.driver_version = 1;
  EXPECT_NE(RogueClient(daemon_->socket(), hello).refusal().find("the program's driver is of version 1"),
            std::string::npos);
  EXPECT_TRUE(ServesNormalClients());
}

// Many connections that say nothing keep nobody from being served.
TEST_F(Rogue, ConnectsAndSaysNothing) {
  std::vector<ipc::ControlSocket> silent;
  for (int i = 0; i < 100; ++i) {
    auto socket = ipc::ControlSocket::Connect(daemon_->socket());
    ASSERT_TRUE(socket);
    silent.push_back(std::move(*socket));
  }
  EXPECT_TRUE(ServesNormalClients());
}

// Gone before the welcome comes, with a record begun, with commands in the ring.
TEST_F(Rogue, LeavesAtOddMoments) {
  constexpr int kTimes = 10;
  for (int i = 0; i < kTimes; ++i) {
    auto socket = ipc::ControlSocket::Connect(daemon_->socket());
    ASSERT_TRUE(socket);
    ASSERT_TRUE(socket->Send(Greeting()));
    socket.reset();
    RogueClient begun(daemon_->socket());
    ASSERT_TRUE(begun.welcomed());
    begun.WriteRing(Header(64, 3), /*published=*/false);
    RogueClient waiting(daemon_->socket());
    ASSERT_TRUE(waiting.welcomed());
    waiting.Post(InOrder<ipc::HostCallback>());
    waiting.Post(InOrder<ipc::HostCallback>(0, 2));
  }
  EXPECT_TRUE(TenantIsGone("rogue"));
  EXPECT_TRUE(ServesNormalClients());
}

}  // namespace
}  // namespace paella::integration
