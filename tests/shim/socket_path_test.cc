#include "ipc/socket_path.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

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

// A folder of a test's own, in which another one is looked at.
class PrivateFolderTest : public testing::Test {
 protected:
  PrivateFolderTest() {
    std::string name = std::filesystem::temp_directory_path() / "paella-test-XXXXXX";
    parent_ = mkdtemp(name.data());
  }
  ~PrivateFolderTest() override { std::filesystem::remove_all(parent_); }

  std::string Make(mode_t mode) const {
    mkdir(folder().c_str(), 0700);
    chmod(folder().c_str(), mode);
    return folder();
  }
  std::string folder() const { return parent_ + "/folder"; }

  std::string parent_;
};

TEST_F(PrivateFolderTest, IsTheUsersAlone) {
  EXPECT_EQ(WhyNotPrivate(Make(0700), getuid()), "");
  for (const mode_t mode : {0755u, 0710u, 0702u, 0777u, 01777u, 02700u, 0500u}) {
    EXPECT_NE(WhyNotPrivate(Make(mode), getuid()).find("is not private"), std::string::npos) << std::oct << mode;
  }
  EXPECT_NE(WhyNotPrivate(Make(0700), getuid() + 1).find("belongs to another user"), std::string::npos);
}

// A connection says by itself that it is not there.
TEST_F(PrivateFolderTest, MayBeMissing) { EXPECT_EQ(WhyNotPrivate(folder(), getuid()), ""); }

TEST_F(PrivateFolderTest, IsNoLinkAndNoFile) {
  const std::string real = Make(0700);
  std::filesystem::create_directory_symlink(real, parent_ + "/link");
  std::ofstream(parent_ + "/file") << "";
  EXPECT_NE(WhyNotPrivate(parent_ + "/link", getuid()).find("is no folder"), std::string::npos);
  EXPECT_NE(WhyNotPrivate(parent_ + "/file", getuid()).find("is no folder"), std::string::npos);
}

TEST(TrustTest, OnlyTheFolderInTmpIsLookedAt) {
  EXPECT_TRUE(IsInTemporaryFolder("/tmp/paella-7/gpu0.sock", 7));
  for (const char* path : {"/run/paella/gpu0.sock", "/tmp/paella-70/gpu0.sock", "/tmp/mine.sock"}) {
    EXPECT_FALSE(IsInTemporaryFolder(path, 7)) << path;
    EXPECT_EQ(WhyNotTrusted(path, 7), "") << path;
  }
}

}  // namespace
}  // namespace paella::ipc
