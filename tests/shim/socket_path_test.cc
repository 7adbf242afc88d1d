#include "ipc/socket_path.h"

#include <gtest/gtest.h>

namespace paella::ipc {
namespace {

using Paths = std::vector<std::string>;

TEST(SocketPathTest, SettingWins) {
  EXPECT_EQ(CandidateSocketPaths({"/a/b.sock", "3", "/run/user/7", 7}), (Paths{"/a/b.sock"}));
}

TEST(SocketPathTest, UsualPlaces) {
  EXPECT_EQ(CandidateSocketPaths({nullptr, nullptr, "/run/user/7", 7}),
            (Paths{"/run/paella/gpu0.sock", "/run/user/7/paella/gpu0.sock"}));
  EXPECT_EQ(CandidateSocketPaths({"", "", "", 7}), (Paths{"/run/paella/gpu0.sock", "/tmp/paella-7/gpu0.sock"}));
}

TEST(SocketPathTest, OrdinalIsTheFirstNumber) {
  EXPECT_EQ(CandidateSocketPaths({nullptr, "2,0", "/r", 7}, ".control")[0], "/run/paella/gpu2.sock.control");
  EXPECT_EQ(CandidateSocketPaths({nullptr, "GPU-12345678", "/r", 7})[0], "/run/paella/gpu0.sock");
  EXPECT_EQ(CandidateSocketPaths({nullptr, "12abc", "/r", 7})[0], "/run/paella/gpu0.sock");
  EXPECT_EQ(CandidateSocketPaths({nullptr, "-1", "/r", 7})[0], "/run/paella/gpu0.sock");
}

}  // namespace
}  // namespace paella::ipc
