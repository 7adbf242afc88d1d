#include "scheduler_daemon/paellad/settings.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <vector>

namespace paella::scheduler_daemon {
namespace {

// The error of reading `text`, "" if there is none. An error must leave the settings alone.
std::string ErrorOf(const std::string& text) {
  Settings settings;
  std::string error;
  const bool is_good = ReadToml(text, "my.toml", settings, error);
  EXPECT_EQ(is_good, error.empty());
  EXPECT_TRUE(is_good || settings == Settings{});
  return error;
}

void ExpectError(const std::string& text, const std::string& start) {
  const std::string error = ErrorOf(text);
  EXPECT_EQ(error.substr(0, start.size()), start) << "full error: " << error;
  EXPECT_EQ(error.find('\n'), error.npos) << error;
}

TEST(SettingsTomlTest, EveryKeyIsRead) {
  Settings settings;
  std::string error;
  ASSERT_TRUE(ReadToml("device = 3\n"
                       "socket = '/a'\n"
                       "control_socket = '/b'\n"
                       "socket_mode = 0o660\n"
                       "control_mode = 0o640\n"
                       "driver = '/lib/mine.so'\n"
                       "policy = 'paella threshold_ms=5'\n"
                       "log_level = 'debug'\n"
                       "window_base = 0x4000_0000_0000\n"
                       "window_bytes = 0x4000_0000\n"
                       "arena_base = 0x3000_0000_0000\n"
                       "arena_bytes = 0x2000_0000\n"
                       "max_clients = 7\n"
                       "ready_memory_bytes = 0x200_0000\n"
                       "stream_priorities = false\n"
                       "drain_seconds = 0\n"
                       "state_directory = '/state'\n"
                       "most_urgent_claim = 'normal'\n"
                       "[tenants.\"alice/*\"]\n"
                       "class = 'latency'\n"
                       "weight = 2.5\n"
                       "deadline_ms = 40\n",
                       "my.toml", settings, error))
      << error;
  TenantRules tenants;
  tenants.most_urgent_claim = TenantClass::kNormal;
  const std::vector<std::string> rule{"class=latency", "weight=2.5", "deadline_ms=40"};
  ASSERT_TRUE(tenants.Assign("alice/*", rule, error));
  const Settings expected{3,          "/a",       "/b",       0660,
                          0640,       "/lib/mine.so",         "paella threshold_ms=5",
                          "debug",    1ull << 46, 1ull << 30, 3ull << 44,
                          1ull << 29, 7,          32 << 20,   false,
                          0,          "/state",   tenants};
  EXPECT_EQ(settings, expected);
}

TEST(SettingsTomlTest, WhatIsNotSaidStays) {
  Settings settings;
  settings.max_clients = 5;
  std::string error;
  EXPECT_TRUE(ReadToml("device = 1\n", "my.toml", settings, error));
  EXPECT_EQ(settings.max_clients, 5u);
  EXPECT_TRUE(ReadToml("", "my.toml", settings, error));
  EXPECT_EQ(settings.device, 1);
}

TEST(SettingsTomlTest, ErrorsNameFileAndLine) {
  ExpectError("device = 1\npolicy = \n", "my.toml:2: ");
  ExpectError("device = 1\ndevice = 2\n", "my.toml:2: ");
  ExpectError("# hello\n\ndevise = 1\n", "my.toml:3: unknown key 'devise'");
  ExpectError("[gpu]\ndevice = 1\n", "my.toml:1: unknown key 'gpu'");
  ExpectError("gpu.device = 1\n", "my.toml:1: unknown key 'gpu'");
}

TEST(SettingsTomlTest, ALaterErrorUndoesWhatCameBefore) { ExpectError("device = 1\nmax_clients = 0\n", "my.toml:2: "); }

TEST(SettingsTomlTest, TypesAreChecked) {
  ExpectError("device = '1'", "my.toml:1: device: expected a whole number from 0 to 1023");
  ExpectError("device = 1.0", "my.toml:1: device: expected a whole number");
  ExpectError("max_clients = true", "my.toml:1: max_clients: expected a whole number");
  ExpectError("window_bytes = [1]", "my.toml:1: window_bytes: expected a whole number");
  ExpectError("socket = 5", "my.toml:1: socket: expected a string");
  ExpectError("stream_priorities = 1", "my.toml:1: stream_priorities: expected true or false");
  ExpectError("driver = ['a']", "my.toml:1: driver: expected a string");
}

TEST(SettingsTomlTest, RangesAreChecked) {
  ExpectError("device = -1", "my.toml:1: device: expected a whole number from 0 to 1023");
  ExpectError("device = 1024", "my.toml:1: ");
  ExpectError("socket_mode = 0o1777", "my.toml:1: socket_mode: expected a mode such as 0o660");
  ExpectError("control_mode = -1", "my.toml:1: ");
  ExpectError("socket_mode = 666", "my.toml:1: socket_mode: expected a mode such as 0o660");
  ExpectError("window_bytes = 5", "my.toml:1: window_bytes: expected a whole number, a multiple of 2 MiB");
  ExpectError("device = 1\narena_base = 0", "my.toml:2: arena_base: ");
  ExpectError("max_clients = 0", "my.toml:1: max_clients: expected a whole number from 1 to 100000");
  ExpectError("drain_seconds = 3601", "my.toml:1: drain_seconds: expected a whole number from 0 to 3600");
  ExpectError("window_bytes = -1", "my.toml:1: ");
  ExpectError("arena_base = 99999999999999999999", "my.toml:1: ");
}

TEST(SettingsTomlTest, NamesAreChecked) {
  ExpectError("\npolicy = 'lifo'", "my.toml:2: policy: there is no policy 'lifo'; there are fifo, ");
  ExpectError("policy = 'paella threshold_ms=-1'", "my.toml:1: policy: threshold_ms: expected a number from 0 to ");
  ExpectError("policy = 1", "my.toml:1: policy: expected a string");
  ExpectError("most_urgent_claim = 'urgent'", "my.toml:1: most_urgent_claim: expected latency, normal or best-effort");
  ExpectError("\nlog_level = 'loud'", "my.toml:2: log_level: expected one of trace, debug, info, warning, error, off");
}

TEST(SettingsTomlTest, TenantsAreChecked) {
  ExpectError("tenants = 1", "my.toml:1: tenants: expected tables, such as [tenants.\"NAME\"]");
  ExpectError("[tenants]\nalice = 1", "my.toml:2: tenants: expected a table for 'alice'");
  ExpectError("[tenants.alice]\nweight = true", "my.toml:2: tenants: alice.weight: expected a number or a string");
  ExpectError("[tenants.alice]\nweight = -1", "my.toml:1: tenants: alice: weight: expected a number from 0.001 to ");
  ExpectError("[tenants.alice]\nclass = 'urgent'", "my.toml:1: tenants: alice: class: expected latency, normal or ");
  ExpectError("[tenants.alice]\nshare = 1", "my.toml:1: tenants: alice: no setting 'share'");
}

// "key = value" of a line like "#key = value"; "" for any other, prose among them.
std::string ShownEntry(const std::string& line) {
  if (line.empty() || line[0] != '#') return "";
  const std::size_t end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_", 1);
  return end > 1 && end != line.npos && line.compare(end, 3, " = ") == 0 ? line.substr(1) : "";
}

// The shipped file shows each key behind a '#', with its default.
TEST(ShippedConfigTest, ShowsEveryKeyWithItsDefault) {
  std::ifstream file(PAELLA_EXAMPLE_CONFIG);
  ASSERT_TRUE(file);
  const std::string as_shipped(std::istreambuf_iterator<char>(file), {});
  EXPECT_EQ(ErrorOf(as_shipped), "");

  std::string line, every_key, error;
  std::istringstream text(as_shipped);
  int keys = 0;
  while (std::getline(text, line)) {
    const std::string entry = ShownEntry(line);
    every_key += entry + "\n";
    keys += entry.empty() ? 0 : 1;
  }
  Settings settings;
  settings.max_clients = 1;  // whatever is not in the file stays, and is seen
  settings.drain_seconds = 1;
  EXPECT_TRUE(ReadToml(every_key, PAELLA_EXAMPLE_CONFIG, settings, error)) << error;
  EXPECT_EQ(settings, Settings{});

  // Does not compile when a setting is added: show it in the file too.
  const auto& [device, socket, control_socket, socket_mode, control_mode, driver, policy, log_level, window_base,
               window_bytes, arena_base, arena_bytes, max_clients, ready_memory_bytes, stream_priorities, drain_seconds,
               state_directory, tenants] = settings;
  EXPECT_EQ(keys, 18) << every_key;  // the last one's are a table and most_urgent_claim
  (void)device, (void)socket, (void)control_socket, (void)socket_mode, (void)control_mode, (void)driver, (void)policy;
  (void)log_level, (void)window_base, (void)window_bytes, (void)arena_base, (void)arena_bytes, (void)max_clients;
  (void)ready_memory_bytes, (void)stream_priorities;
  (void)drain_seconds, (void)state_directory, (void)tenants;
}

class InAFolder : public testing::Test {
 protected:
  InAFolder() {
    char pattern[] = "/tmp/paella_test_XXXXXX";
    folder_ = mkdtemp(pattern);
  }
  ~InAFolder() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
};

class CommandLineTest : public InAFolder {
 protected:
  std::string File(const std::string& text) {
    const std::string path = folder_ + "/paellad.toml";
    std::ofstream(path) << text;
    return path;
  }

  // What was said goes to said_.
  SettingsResult Read(std::vector<std::string> words) {
    words.insert(words.begin(), "paellad");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    settings_ = Settings{};
    testing::internal::CaptureStderr();
    testing::internal::CaptureStdout();
    const SettingsResult result = ReadSettings(static_cast<int>(words.size()), arguments.data(), settings_);
    said_ = testing::internal::GetCapturedStdout() + testing::internal::GetCapturedStderr();
    return result;
  }

  void ExpectRefused(const std::vector<std::string>& words, const std::string& because) {
    EXPECT_EQ(Read(words), SettingsResult::kError);
    EXPECT_NE(said_.find(because), said_.npos) << said_;
  }

  std::string said_;
  Settings settings_;
};

TEST_F(CommandLineTest, NothingNeedsToBeSaid) {
  EXPECT_EQ(Read({}), SettingsResult::kRun);
  EXPECT_EQ(settings_, Settings{});
  EXPECT_EQ(said_, "");
}

TEST_F(CommandLineTest, ComesBeforeTheFile) {
  const std::string path = File("device = 1\npolicy = 'round-robin'\nmax_clients = 9\n");
  ASSERT_EQ(Read({"--device", "2", "--config", path}), SettingsResult::kRun) << said_;
  EXPECT_EQ(settings_.device, 2);
  EXPECT_EQ(settings_.policy, "round-robin");
  EXPECT_EQ(settings_.max_clients, 9u);
}

TEST_F(CommandLineTest, UnknownOptionsAndBadValuesAreRefused) {
  ExpectRefused({"--devise", "1"}, "--devise");
  ExpectRefused({"stray"}, "stray");
  ExpectRefused({"--device", "first"}, "first");
  ExpectRefused({"--device", "-1"}, "--device");
  ExpectRefused({"--device"}, "--device");
  ExpectRefused({"--drain-seconds", "4000"}, "--drain-seconds");
  ExpectRefused({"--policy", "lifo"}, "round-robin");
  ExpectRefused({"--log-level", "loud"}, "warning");
}

TEST_F(CommandLineTest, HelpAndVersionEndTheProgramWell) {
  EXPECT_EQ(Read({"--help"}), SettingsResult::kExit);
  EXPECT_NE(said_.find("--policy"), said_.npos);
  EXPECT_EQ(Read({"--version"}), SettingsResult::kExit);
  EXPECT_EQ(said_, "paellad " PAELLA_VERSION "\n");
}

TEST_F(CommandLineTest, AFileThatIsNamedMustBeReadable) {
  const std::string missing = folder_ + "/missing.toml";
  ExpectRefused({"--config", missing}, "paellad: " + missing + ": No such file or directory");
  ExpectRefused({"--config", folder_}, "paellad: " + folder_ + ": Is a directory");
  ExpectRefused({"--config", "/dev/null/x"}, "paellad: /dev/null/x: Not a directory");
}

TEST_F(CommandLineTest, AnOptionalFileMayBeMissingButNothingElse) {
  const std::string missing = folder_ + "/missing.toml";
  EXPECT_EQ(Read({"--optional-config", missing, "--device", "4"}), SettingsResult::kRun) << said_;
  EXPECT_EQ(settings_.device, 4);
  const std::string path = File("device = 1\n");
  EXPECT_EQ(Read({"--optional-config", path}), SettingsResult::kRun) << said_;
  EXPECT_EQ(settings_.device, 1);
  ExpectRefused({"--optional-config", folder_}, "Is a directory");
  ExpectRefused({"--optional-config", "/dev/null/x"}, "Not a directory");
  ExpectRefused({"--optional-config", File("devise = 1\n")}, ":1: unknown key 'devise'");
  ExpectRefused({"--optional-config", path, "--config", path}, "--config");
}

TEST_F(CommandLineTest, OnlyARegularFileOfSaneSizeIsRead) {
  ExpectRefused({"--config", "/dev/zero"}, "paellad: /dev/zero: this is no regular file");
  ExpectRefused({"--config", "/proc/self/mem"}, "paellad: /proc/self/mem: ");
  const std::string fifo = folder_ + "/fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  ExpectRefused({"--config", fifo}, "this is no regular file");
  ExpectRefused({"--config", File(std::string((1 << 20) + 1, '\n'))}, "not longer than 1 MiB");
  EXPECT_EQ(Read({"--config", File(std::string(1 << 20, '\n'))}), SettingsResult::kRun) << said_;
}

TEST_F(CommandLineTest, EmptyPathsAreRefused) {
  for (const char* option : {"--config", "--optional-config", "--socket", "--control-socket"}) {
    ExpectRefused({option, ""}, "it is empty");
  }
}

TEST_F(CommandLineTest, AFileOfAnotherUserIsRefused) {
  constexpr uid_t kNobody = 65534;
  const std::string path = File("device = 1\n");
  chmod(folder_.c_str(), 0755);
  chmod(path.c_str(), 0);
  const uid_t user = geteuid();
  ASSERT_TRUE(user != 0 || seteuid(kNobody) == 0);  // root reads everything
  ExpectRefused({"--config", path}, path + ": Permission denied");
  ExpectRefused({"--optional-config", path}, path + ": Permission denied");
  ASSERT_EQ(seteuid(user), 0);
}

TEST_F(CommandLineTest, AddressesMustMakeSenseTogether) {
  ExpectRefused({"--config", File("window_base = 0x4000_0000_1000\n")}, "a multiple of 2 MiB");
  ExpectRefused({"--config", File("arena_bytes = 4096\n")}, "a multiple of 2 MiB");
  ExpectRefused({"--config", File("window_base = 0x1100_0000_0000\n")}, "windows and arenas overlap");
  // The last arena reaches into the first window.
  ExpectRefused({"--config", File("arena_base = 0x1ff0_0000_0000\n")}, "windows and arenas overlap");
  // The last window reaches into the first arena.
  ExpectRefused({"--config", File("arena_base = 0x2100_0000_0000\n")}, "windows and arenas overlap");
  ExpectRefused({"--config", File("max_clients = 100000\n")}, "leave the address space");
  ExpectRefused({"--config", File("window_bytes = 0x7fff_ffff_ffe0_0000\n")}, "leave the address space");
  ExpectRefused({"--config", File("arena_base = 0x7fff_ffff_ffe0_0000\n")}, "leave the address space");
}

TEST_F(CommandLineTest, NeighboursDoNotOverlap) {
  const std::string text =
      "max_clients = 2\nwindow_bytes = 0x20_0000\narena_bytes = 0x20_0000\n"
      "arena_base = 0x1000_0000_0000\nwindow_base = 0x1000_0040_0000\n";
  EXPECT_EQ(Read({"--config", File(text)}), SettingsResult::kRun) << said_;
}

class SocketChoiceTest : public CommandLineTest {
 protected:
  SocketChoiceTest() {
    unsetenv("PAELLA_SOCKET");
    setenv("XDG_RUNTIME_DIR", folder_.c_str(), 1);
  }
  std::string error_;
};

TEST_F(SocketChoiceTest, TheControlSocketIsBesideTheOther) {
  Settings settings;
  settings.socket = "/a/b.sock";
  ASSERT_TRUE(ChooseSockets(settings, error_));
  EXPECT_EQ(settings.socket, "/a/b.sock");
  EXPECT_EQ(settings.control_socket, "/a/b.sock.control");
  settings.control_socket = "/c/d.sock";
  ASSERT_TRUE(ChooseSockets(settings, error_));
  EXPECT_EQ(settings.control_socket, "/c/d.sock");
}

TEST_F(SocketChoiceTest, TheEnvironmentIsHeard) {
  Settings settings;
  const std::string path = folder_ + "/own.sock";
  setenv("PAELLA_SOCKET", path.c_str(), 1);
  ASSERT_TRUE(ChooseSockets(settings, error_)) << error_;
  EXPECT_EQ(settings.socket, path);
}

TEST_F(SocketChoiceTest, AFolderThatCannotBeUsedIsNamed) {
  Settings settings;
  setenv("PAELLA_SOCKET", "/dev/null/own.sock", 1);
  EXPECT_FALSE(ChooseSockets(settings, error_));
  EXPECT_EQ(error_, "/dev/null: Permission denied");
}

class StateDirectoryTest : public InAFolder {
 protected:
  bool Prepare(const std::string& directory) {
    Settings settings;
    settings.state_directory = directory;
    return PrepareStateDirectory(settings, error_);
  }

  std::string error_;
};

TEST_F(StateDirectoryTest, IsMadeOrUsedAsItIs) {
  EXPECT_TRUE(Prepare(""));
  EXPECT_TRUE(Prepare(folder_ + "/new")) << error_;
  EXPECT_TRUE(std::filesystem::is_directory(folder_ + "/new"));
  EXPECT_TRUE(Prepare(folder_ + "/new")) << error_;
}

TEST_F(StateDirectoryTest, ThatCannotBeUsedIsToldAtOnce) {
  EXPECT_FALSE(Prepare(folder_ + "/missing/new"));
  EXPECT_EQ(error_, folder_ + "/missing/new: No such file or directory");
  std::ofstream(folder_ + "/file") << "text";
  EXPECT_FALSE(Prepare(folder_ + "/file"));
  EXPECT_EQ(error_, folder_ + "/file: this is no folder");
}

}  // namespace
}  // namespace paella::scheduler_daemon
