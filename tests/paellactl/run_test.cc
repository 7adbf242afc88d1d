#include "scheduler_daemon/paellactl/run.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "ipc/tenant_name.h"

namespace paella::paellactl {
namespace {

constexpr char kLibrary[] = "/lib/paella/libpaella.so";

Changes ChangesOf(const RunOptions& options, const std::map<std::string, std::string>& environment) {
  return EnvironmentChanges(options, kLibrary, "prog", [&](const char* name) -> const char* {
    const auto found = environment.find(name);
    return found == environment.end() ? nullptr : found->second.c_str();
  });
}

TEST(EnvironmentChangesTest, WhatIsNotSaidStays) {
  const std::map<std::string, std::string> environment{
      {"PAELLA_TENANT", "b"}, {"PAELLA_CLASS", "x"}, {"PAELLA_LOG", "stderr"}, {"CUDA_VISIBLE_DEVICES", "1"}};
  EXPECT_EQ(ChangesOf({}, environment), (Changes{{"LD_PRELOAD", kLibrary}, {"CUDA_VISIBLE_DEVICES", "1"}}));
}

TEST(EnvironmentChangesTest, WhatIsSaidIsSet) {
  const RunOptions options{"a", "latency", "/s.sock", "native", "stderr", 2};
  const std::map<std::string, std::string> environment{{"PAELLA_TENANT", "b"}, {"PAELLA_SOCKET", "/other.sock"}};
  EXPECT_EQ(ChangesOf(options, environment), (Changes{{"LD_PRELOAD", kLibrary},
                                                      {"PAELLA_TENANT", "a"},
                                                      {"PAELLA_CLASS", "latency"},
                                                      {"PAELLA_SOCKET", "/s.sock"},
                                                      {"PAELLA_FALLBACK", "native"},
                                                      {"PAELLA_LOG", "stderr"},
                                                      {"CUDA_VISIBLE_DEVICES", "2"}}));
}

TEST(EnvironmentChangesTest, WithoutATenantTheProgramAndItsChildrenAreOne) {
  EXPECT_EQ(ChangesOf({}, {})["PAELLA_TENANT"], ipc::DefaultTenantName("prog"));
  EXPECT_EQ(ChangesOf({}, {{"PAELLA_TENANT", ""}})["PAELLA_TENANT"], ipc::DefaultTenantName("prog"));
}

TEST(EnvironmentChangesTest, OtherPreloadsAreKeptBehindOurs) {
  EXPECT_EQ(ChangesOf({}, {{"LD_PRELOAD", "/a.so /b.so"}})["LD_PRELOAD"], std::string(kLibrary) + ":/a.so /b.so");
  EXPECT_EQ(ChangesOf({}, {{"LD_PRELOAD", ""}})["LD_PRELOAD"], kLibrary);
}

TEST(EnvironmentChangesTest, OneGpuIsVisible) {
  const auto visible = [](const RunOptions& options, const std::map<std::string, std::string>& environment) {
    Changes changes = ChangesOf(options, environment);
    const auto change = changes.find("CUDA_VISIBLE_DEVICES");
    return change == changes.end() ? "unchanged" : *change->second;
  };
  EXPECT_EQ(visible({}, {}), "0");
  EXPECT_EQ(visible({}, {{"CUDA_VISIBLE_DEVICES", "3,1"}}), "3");
  EXPECT_EQ(visible({}, {{"CUDA_VISIBLE_DEVICES", "GPU-12,GPU-34"}}), "GPU-12");
  EXPECT_EQ(visible({}, {{"CUDA_VISIBLE_DEVICES", ""}}), "");      // hidden on purpose
  EXPECT_EQ(visible({}, {{"CUDA_VISIBLE_DEVICES", "-1"}}), "-1");  // likewise
  // A socket's path does not tell which GPU its daemon has.
  EXPECT_EQ(visible({}, {{"PAELLA_SOCKET", "/s.sock"}}), "unchanged");
  RunOptions options;
  options.socket = "/s.sock";
  EXPECT_EQ(visible(options, {}), "unchanged");
  options.gpu = 4;
  EXPECT_EQ(visible(options, {{"CUDA_VISIBLE_DEVICES", "1"}}), "4");
}

TEST(EnvironmentChangesTest, AGpuComesBeforeTheEnvironmentsSocket) {
  RunOptions options;
  options.gpu = 1;
  const Changes changes = ChangesOf(options, {{"PAELLA_SOCKET", "/gpu0.sock"}});
  const auto socket = changes.find("PAELLA_SOCKET");
  ASSERT_NE(socket, changes.end());
  EXPECT_EQ(socket->second, std::nullopt);
}

class FindLibraryTest : public testing::Test {
 protected:
  FindLibraryTest() {
    char pattern[] = "/tmp/paella_test_XXXXXX";
    folder_ = std::filesystem::canonical(mkdtemp(pattern));
  }
  ~FindLibraryTest() override { std::filesystem::remove_all(folder_); }

  std::string Touch(const std::string& name) {
    const auto path = folder_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << "";
    return path;
  }

  std::filesystem::path folder_;
};

TEST_F(FindLibraryTest, InAnInstallation) {
  const std::string program = Touch("bin/paellactl");
  const std::string library = Touch("lib/paella/libpaella.so");
  EXPECT_EQ(FindLibrary(program), library);
}

TEST_F(FindLibraryTest, InABuild) {
  const std::string program = Touch("scheduler_daemon/paellactl");
  const std::string library = Touch("shim/libpaella.so");
  EXPECT_EQ(FindLibrary(program), library);
}

TEST_F(FindLibraryTest, Nowhere) { EXPECT_EQ(FindLibrary(Touch("bin/paellactl")), ""); }

}  // namespace
}  // namespace paella::paellactl
