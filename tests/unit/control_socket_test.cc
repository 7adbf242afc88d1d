#include "ipc/control_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <thread>

#include "ipc/standard_fds.h"

namespace paella::ipc {
namespace {

constexpr std::chrono::milliseconds kShort{20};
constexpr std::chrono::seconds kLong{30};

class ControlSocketTest : public testing::Test {
 protected:
  ControlSocketTest() {
    char pattern[] = "/tmp/paella_test_XXXXXX";
    folder_ = mkdtemp(pattern);
    path_ = folder_ + "/gpu0.sock";
  }
  ~ControlSocketTest() override { std::filesystem::remove_all(folder_); }

  // A bound socket of this type. Listens if `backlog` is not negative.
  Fd Bind(int type, int backlog) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    Fd fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_TRUE(backlog < 0 || listen(fd.get(), backlog) == 0);
    return fd;
  }

  // A daemon that accepts nobody, as when it is stopped, with no room for another connection.
  Fd ListenWithFullBacklog() {
    Fd listener = Bind(SOCK_SEQPACKET, 0);
    for (int i = 0; i < 16; ++i) {
      auto waiting = ControlSocket::Connect(path_, kShort);
      if (!waiting) break;
      waiting_.push_back(std::move(*waiting));
    }
    return listener;
  }

  std::string folder_, path_, error_;
  std::vector<ControlSocket> waiting_;
};

// A program that was started with its standard input closed gets our files under 0 otherwise, and reads or writes them.
TEST(Descriptors, LieAboveTheStandardOnes) {
  const int standard_input = dup(STDIN_FILENO);
  close(STDIN_FILENO);
  Fd low(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(low.get(), STDIN_FILENO);
  const Fd high = AboveStandardFds(std::move(low));
  EXPECT_GT(high.get(), STDERR_FILENO);
  EXPECT_EQ(fcntl(STDIN_FILENO, F_GETFD), -1);
  EXPECT_EQ(fcntl(high.get(), F_GETFD), FD_CLOEXEC);
  const int number = high.get();
  if (standard_input >= 0) {
    dup2(standard_input, STDIN_FILENO);
    close(standard_input);
  }
  Fd same(fcntl(number, F_DUPFD_CLOEXEC, 3));
  const int kept = same.get();
  EXPECT_EQ(AboveStandardFds(std::move(same)).get(), kept);
}

TEST_F(ControlSocketTest, ConnectsToAListener) {
  const Fd listener = ListenAt(path_, 0600, error_);
  ASSERT_TRUE(listener.valid()) << error_;
  EXPECT_TRUE(ControlSocket::Connect(path_));
}

TEST_F(ControlSocketTest, SaysWhyItCannotConnect) {
  EXPECT_FALSE(ControlSocket::Connect(path_));
  EXPECT_EQ(errno, ENOENT);
  Bind(SOCK_SEQPACKET, -1);
  EXPECT_FALSE(ControlSocket::Connect(path_));
  EXPECT_EQ(errno, ECONNREFUSED);
  EXPECT_FALSE(ControlSocket::Connect(std::string(200, 'x')));
  EXPECT_EQ(errno, ENAMETOOLONG);
}

TEST_F(ControlSocketTest, ADaemonThatAcceptsNobodyIsNotWaitedForForEver) {
  const Fd listener = ListenWithFullBacklog();
  EXPECT_FALSE(ControlSocket::Connect(path_, kShort));
  EXPECT_EQ(errno, ETIMEDOUT);
}

TEST_F(ControlSocketTest, SignalsDoNotEndTheWait) {
  const Fd listener = ListenWithFullBacklog();
  struct sigaction action{};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  const itimerval often{{0, 1000}, {0, 1000}};
  setitimer(ITIMER_REAL, &often, nullptr);
  EXPECT_FALSE(ControlSocket::Connect(path_, kShort));
  EXPECT_EQ(errno, ETIMEDOUT);
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
}

TEST_F(ControlSocketTest, ConnectsWhenThereIsRoomAgain) {
  const Fd listener = ListenWithFullBacklog();
  bool connected = false;
  std::thread client([&] { connected = ControlSocket::Connect(path_, kLong).has_value(); });
  const Fd accepted(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  client.join();
  EXPECT_TRUE(connected);
}

TEST_F(ControlSocketTest, WhatADeadDaemonLeftIsReplaced) {
  Bind(SOCK_SEQPACKET, 1);
  const Fd listener = ListenAt(path_, 0600, error_);
  EXPECT_TRUE(listener.valid()) << error_;
}

TEST_F(ControlSocketTest, ALiveDaemonIsNotReplaced) {
  const Fd listener = ListenAt(path_, 0600, error_);
  EXPECT_FALSE(ListenAt(path_, 0600, error_).valid());
  EXPECT_NE(error_.find("another daemon"), error_.npos) << error_;
  EXPECT_TRUE(ControlSocket::Connect(path_));
}

TEST_F(ControlSocketTest, ALiveDaemonThatAcceptsNobodyIsNotReplaced) {
  const Fd listener = ListenWithFullBacklog();
  EXPECT_FALSE(ListenAt(path_, 0600, error_).valid());
  EXPECT_NE(error_.find("another daemon"), error_.npos) << error_;
  const Fd accepted(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  EXPECT_TRUE(ControlSocket::Connect(path_, kLong));
}

TEST_F(ControlSocketTest, SomebodyElsesFilesStay) {
  const Fd file(open(path_.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  EXPECT_FALSE(ListenAt(path_, 0600, error_).valid());
  struct stat status;
  ASSERT_EQ(lstat(path_.c_str(), &status), 0);
  EXPECT_TRUE(S_ISREG(status.st_mode));

  unlink(path_.c_str());
  const Fd of_another_kind = Bind(SOCK_DGRAM, -1);
  EXPECT_FALSE(ListenAt(path_, 0600, error_).valid());
  EXPECT_EQ(lstat(path_.c_str(), &status), 0);
}

// The text as the other side gets it; nothing if that takes it for malformed.
std::optional<std::string> Passed(const std::string& text) {
  auto [ours, theirs] = ControlSocket::Pair();
  ControlSocket sender(std::move(ours)), receiver(std::move(theirs));
  ControlReply reply;
  reply.text = text;
  Packet packet;
  if (!sender.SendText(reply, &ControlReply::text)) return std::nullopt;
  if (receiver.Receive(packet, kLong) != ReceiveStatus::kPacket) return std::nullopt;
  const auto received = packet.AsText(&ControlReply::text);
  return received ? std::optional(received->text) : std::nullopt;
}

TEST(LongTextTest, IsNotBoundByAPacket) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{100}, kMaxPacketBytes - 1, kMaxPacketBytes,
                                  kMaxPacketBytes + 1, 20 * kMaxPacketBytes}) {
    const std::string text(bytes, 'x');
    EXPECT_TRUE(Passed(text) == text) << bytes;
  }
  EXPECT_EQ(Passed(std::string(kMaxTextBytes + 1, 'x')), std::nullopt);
}

TEST(LongTextTest, MemoryThatCanStillChangeIsNotRead) {
  const Fd only_sealed_in_size = MakeSealedMemory("text", 100);
  EXPECT_EQ(ReadSealedText(only_sealed_in_size.get()), std::nullopt);
  const Fd no_memory(open("/dev/zero", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(ReadSealedText(no_memory.get()), std::nullopt);
  const Fd sealed = MakeSealedText("text", "abc");
  EXPECT_EQ(ReadSealedText(sealed.get()), "abc");
}

TEST_F(ControlSocketTest, AListenerTakesItsFileAlong) {
  Listener listener(path_, 0600, error_);
  ASSERT_TRUE(listener.valid()) << error_;
  EXPECT_TRUE(ControlSocket::Connect(path_));
  listener.Close();
  EXPECT_FALSE(listener.valid());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ControlSocketTest, AListenerLeavesTheFileOfItsSuccessor) {
  Listener first(path_, 0600, error_);
  ASSERT_TRUE(first.valid()) << error_;
  unlink(path_.c_str());
  const Listener second(path_, 0600, error_);
  ASSERT_TRUE(second.valid()) << error_;
  first.Close();
  EXPECT_TRUE(ControlSocket::Connect(path_));
}

TEST_F(ControlSocketTest, AListenerThatCouldNotListenLeavesTheFileOfTheOneThatDoes) {
  const Listener first(path_, 0600, error_);
  { const Listener second(path_, 0600, error_); }
  EXPECT_TRUE(ControlSocket::Connect(path_));
}

TEST_F(ControlSocketTest, TheSocketHasItsModeWhateverTheUmask) {
  const mode_t mask = umask(0077);
  const Fd listener = ListenAt(path_, 0666, error_);
  umask(mask);
  struct stat status;
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666u);
}

}  // namespace
}  // namespace paella::ipc
