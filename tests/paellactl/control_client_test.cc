#include "scheduler_daemon/paellactl/control_client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "fake_control_server.h"

namespace paella::paellactl {
namespace {

using Paths = std::vector<std::string>;

constexpr std::chrono::milliseconds kShort{50};  // for what never comes
constexpr uid_t kNobody = 65534;

TEST(ControlSocketPathsTest, TheCommandLineComesBeforeTheEnvironment) {
  const ipc::SocketEnvironment environment{"/env.sock", "3", "/run/user/7", 7};
  EXPECT_EQ(ControlSocketPaths({"/c.sock", "", -1}, environment), (Paths{"/c.sock"}));
  EXPECT_EQ(ControlSocketPaths({"", "/s.sock", -1}, environment), (Paths{"/s.sock.control"}));
  EXPECT_EQ(ControlSocketPaths({"", "", -1}, environment), (Paths{"/env.sock.control"}));
  EXPECT_EQ(ControlSocketPaths({"", "", 5}, environment),
            (Paths{"/run/paella/gpu5.sock.control", "/run/user/7/paella/gpu5.sock.control"}));
}

TEST(ControlSocketPathsTest, TheFirstVisibleGpuIsMeant) {
  EXPECT_EQ(ControlSocketPaths({}, {nullptr, "3,1", "/run/user/7", 7}),
            (Paths{"/run/paella/gpu3.sock.control", "/run/user/7/paella/gpu3.sock.control"}));
}

TEST(AskTest, AsksAndIsAnswered) {
  FakeControlServer server;
  server.Reply(false, "round-robin");
  const Answer answer = Ask({server.control_path()}, "policy", "round-robin");
  server.Finish();
  EXPECT_FALSE(answer.failed);
  EXPECT_EQ(answer.text, "round-robin");
  EXPECT_EQ(server.request().verb, "policy");
  EXPECT_EQ(server.request().argument, "round-robin");
}

TEST(AskTest, TheFirstDaemonThatIsThereIsAsked) {
  FakeControlServer server;
  server.Reply(false, "fifo");
  EXPECT_EQ(Ask({"/nonexistent/a.control", server.control_path()}, "policy", "").text, "fifo");
}

void ExpectFailure(const Answer& answer, const std::string& text) {
  EXPECT_TRUE(answer.failed);
  EXPECT_EQ(answer.text, text);
}

TEST(AskTest, AFailedReplyIsPassedOn) {
  FakeControlServer server;
  server.Reply(true, "there is no policy 'lifo'");
  ExpectFailure(Ask({server.control_path()}, "policy", "lifo"), "there is no policy 'lifo'");
}

TEST(AskTest, NoDaemon) {
  ExpectFailure(Ask({"/nonexistent/a.control", "/nonexistent/b.control"}, "status", ""),
                "there is no socket /nonexistent/a.control or /nonexistent/b.control; is paellad running?");
}

TEST(AskTest, ADaemonThatEndedTellsMoreThanNone) {
  FakeControlServer ended;
  const std::string path = ended.control_path();
  std::string error;
  unlink(path.c_str());
  ipc::ListenAt(path, 0600, error);  // closed at once: the file stays
  ExpectFailure(Ask({"/nonexistent/a.control", path, "/nonexistent/b.control"}, "status", ""),
                path + ": nobody listens there; paellad has ended");
}

TEST(AskTest, NoRightToConnect) {
  FakeControlServer server;  // its folder is its user's alone
  std::filesystem::permissions(server.control_path(), std::filesystem::perms::none);
  const uid_t user = geteuid();
  ASSERT_TRUE(user != 0 || seteuid(kNobody) == 0);  // root may connect to everything
  const Answer answer = Ask({server.control_path()}, "status", "");
  ASSERT_EQ(seteuid(user), 0);
  ExpectFailure(answer, server.control_path() + ": you may not connect; paellad's control_mode says who may");
}

TEST(AskTest, NoAnswer) {
  FakeControlServer server;
  server.Serve([](ipc::ControlSocket& client, const ipc::ControlRequest&) {
    ipc::Packet packet;
    EXPECT_EQ(client.Receive(packet, std::chrono::seconds(20)), ipc::ReceiveStatus::kClosed);  // the client gave up
  });
  ExpectFailure(Ask({server.control_path()}, "status", "", kShort),
                server.control_path() + ": paellad does not answer");
}

TEST(AskTest, NobodyAccepts) {
  FakeControlServer server;  // serves nobody
  ExpectFailure(Ask({server.control_path()}, "status", "", kShort),
                server.control_path() + ": paellad does not answer");
}

TEST(AskTest, TheConnectionIsClosed) {
  FakeControlServer server;
  server.Serve([](ipc::ControlSocket&, const ipc::ControlRequest&) {});
  ExpectFailure(Ask({server.control_path()}, "status", ""), server.control_path() + ": paellad closed the connection");
}

TEST(AskTest, AnotherKindOfPacket) {
  FakeControlServer server;
  server.Serve([](ipc::ControlSocket& client, const ipc::ControlRequest&) {
    ipc::Refusal refusal;
    refusal.reason = "full";
    client.Send(refusal);
  });
  ExpectFailure(Ask({server.control_path()}, "status", ""), server.control_path() + ": the answer is malformed");
}

TEST(AskTest, Garbage) {
  const std::vector<std::string> answers{
      "x",                                              // shorter than a packet's kind
      std::string(11, '\xff'),                          // of no kind
      std::string(ipc::kMaxPacketBytes + 100, '\xff'),  // too long
  };
  for (const std::string& garbage : answers) {
    FakeControlServer server;
    server.Serve([&](ipc::ControlSocket& client, const ipc::ControlRequest&) {
      EXPECT_EQ(send(client.fd(), garbage.data(), garbage.size(), 0), static_cast<ssize_t>(garbage.size()));
    });
    ExpectFailure(Ask({server.control_path()}, "status", ""), server.control_path() + ": the answer is malformed");
  }
}

TEST(AskTest, AReplyThatIsCutShort) {
  FakeControlServer server;
  server.Serve([](ipc::ControlSocket& client, const ipc::ControlRequest&) {
    ipc::ControlReply reply;
    reply.text = "round-robin";
    std::vector<std::byte> payload(reply.EncodedSize());
    reply.Encode(payload);
    std::vector<std::byte> packet(sizeof ipc::ControlReply::kKind + payload.size() - 3);
    const auto kind = ipc::ControlReply::kKind;
    std::memcpy(packet.data(), &kind, sizeof kind);
    std::memcpy(packet.data() + sizeof kind, payload.data(), packet.size() - sizeof kind);
    EXPECT_EQ(send(client.fd(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
  });
  ExpectFailure(Ask({server.control_path()}, "status", ""), server.control_path() + ": the answer is malformed");
}

}  // namespace
}  // namespace paella::paellactl
