// The program itself: its words, exit statuses, and what the programs get that it starts.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "fake_control_server.h"

extern char** environ;

namespace paella {
namespace {

struct Outcome {
  int status = -1;
  std::string out, error;
};

std::string ReadAll(int fd) {
  std::string text;
  char piece[4096];
  for (ssize_t size; (size = read(fd, piece, sizeof piece)) > 0;) text.append(piece, static_cast<std::size_t>(size));
  return text;
}

// Runs paellactl with these words. Both outputs go to files, so that neither can fill up and stop it.
Outcome Paellactl(std::vector<std::string> words) {
  words.insert(words.begin(), PAELLACTL);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const ipc::Fd out(memfd_create("out", MFD_CLOEXEC)), error(memfd_create("error", MFD_CLOEXEC));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error.get(), STDERR_FILENO);
  pid_t pid = 0;
  EXPECT_EQ(posix_spawn(&pid, PAELLACTL, &actions, nullptr, arguments.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  lseek(out.get(), 0, SEEK_SET);
  lseek(error.get(), 0, SEEK_SET);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, ReadAll(out.get()), ReadAll(error.get())};
}

void ExpectFailure(const std::vector<std::string>& words, int status, const std::string& error) {
  const Outcome outcome = Paellactl(words);
  EXPECT_EQ(outcome.status, status) << outcome.error;
  EXPECT_EQ(outcome.out, "");
  EXPECT_NE(outcome.error.find(error), outcome.error.npos) << outcome.error;
}

TEST(PaellactlTest, PolicyGet) {
  FakeControlServer server;
  server.Reply(false, "fifo");
  const Outcome outcome = Paellactl({"policy", "get", "--socket", server.path()});
  server.Finish();
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(outcome.out, "fifo\n");
  EXPECT_EQ(server.request().verb, "policy");
  EXPECT_EQ(server.request().argument, "");
}

TEST(PaellactlTest, PolicySet) {
  FakeControlServer server;
  server.Reply(false, "round-robin");
  const Outcome outcome = Paellactl({"policy", "set", "round-robin", "--control-socket", server.control_path()});
  server.Finish();
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(server.request().argument, "round-robin");
}

TEST(PaellactlTest, ARefusalGoesToStandardError) {
  FakeControlServer server;
  server.Reply(true, "there is no policy 'lifo'");
  ExpectFailure({"policy", "set", "lifo", "--socket", server.path()}, 1, "paellactl: there is no policy 'lifo'\n");
}

TEST(PaellactlTest, StatusByTheEnvironment) {
  FakeControlServer server;
  setenv("PAELLA_SOCKET", server.path().c_str(), 1);
  server.Reply(false, R"({"policy": "fifo"})");
  const Outcome outcome = Paellactl({"status", "--json"});
  unsetenv("PAELLA_SOCKET");
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(outcome.out, "{\n  \"policy\": \"fifo\"\n}\n");
}

TEST(PaellactlTest, NoDaemon) {
  ExpectFailure({"status", "--socket", "/nonexistent/a.sock"}, 1,
                "paellactl: there is no socket /nonexistent/a.sock.control; is paellad running?\n");
}

TEST(PaellactlTest, WhyAsksForAllJobs) {
  FakeControlServer server;
  server.Reply(false, R"({"jobs": []})");
  ExpectFailure({"why", "alice", "--socket", server.path()}, 1, "there is no recent job, and no tenant with one, 'alice'");
  server.Finish();
  EXPECT_EQ(server.request().verb, "why");
  EXPECT_EQ(server.request().argument, "");
}

TEST(PaellactlTest, TopWithoutADaemon) {
  ExpectFailure({"top", "--once", "--socket", "/nonexistent/a.sock"}, 1, "paellactl: there is no socket");
}

TEST(PaellactlTest, Usage) {
  ExpectFailure({"top", "--interval", "0"}, 2, "--interval");
  ExpectFailure({"top", "--count", "0"}, 2, "--count");
  ExpectFailure({"top", "--once", "--count", "2"}, 2, "--once");
  ExpectFailure({"why", ""}, 2, "what");
  ExpectFailure({"why", "a", "b"}, 2, "b");
  ExpectFailure({"why", "--limit", "0"}, 2, "--limit");
  ExpectFailure({}, 2, "subcommand");
  ExpectFailure({"sattus"}, 2, "there is no command 'sattus'");
  ExpectFailure({"policy"}, 2, "subcommand");
  ExpectFailure({"policy", "set"}, 2, "name");
  ExpectFailure({"policy", "set", ""}, 2, "name");
  ExpectFailure({"status", "--socket", "/a", "--gpu", "1"}, 2, "--gpu");
  ExpectFailure({"run"}, 2, "PROGRAM");
  ExpectFailure({"run", "--"}, 2, "PROGRAM");
  ExpectFailure({"run", "--tenant=", "--", "env"}, 2, "--tenant");
  ExpectFailure({"run", "--fallback=none", "--", "env"}, 2, "--fallback");
  ExpectFailure({"run", "--gpu=-1", "--", "env"}, 2, "--gpu");
  ExpectFailure({"run", "--tenent=a", "--", "env"}, 2, "--tenent");
}

TEST(PaellactlTest, HelpAndVersion) {
  EXPECT_EQ(Paellactl({"--version"}).out, "paellactl " PAELLA_VERSION "\n");
  EXPECT_NE(Paellactl({"run", "--help"}).out.find("--tenant"), std::string::npos);
}

TEST(PaellactlRunTest, AMissingProgram) {
  ExpectFailure({"run", "--", "/nonexistent/prog"}, 127, "paellactl: /nonexistent/prog: No such file or directory\n");
  ExpectFailure({"run", "no-such-program-anywhere"}, 127, "paellactl: no-such-program-anywhere: ");
}

TEST(PaellactlRunTest, AFileThatIsNoProgram) { ExpectFailure({"run", "/"}, 126, "paellactl: /: Permission denied\n"); }

// Programs that run preloaded with the real libpaella.so. Without sanitizers only: their runtime has to come first.
#ifndef PAELLA_IS_SANITIZED
bool HasLine(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(PaellactlRunTest, TheEnvironmentIsAsPromised) {
  const Outcome outcome = Paellactl({"run", "--tenant=a", "--class", "latency", "--socket=/s.sock", "--fallback=native",
                                     "--log", "/dev/null", "--gpu=2", "--", "env"});
  EXPECT_EQ(outcome.status, 0) << outcome.error;
  EXPECT_EQ(outcome.error, "");
  for (const char* line : {"LD_PRELOAD=" LIBPAELLA, "PAELLA_TENANT=a", "PAELLA_CLASS=latency", "PAELLA_SOCKET=/s.sock",
                           "PAELLA_FALLBACK=native", "PAELLA_LOG=/dev/null", "CUDA_VISIBLE_DEVICES=2"}) {
    EXPECT_TRUE(HasLine(outcome.out, line)) << line << " is not in\n" << outcome.out;
  }
}

TEST(PaellactlRunTest, AnotherPreloadIsKept) {
  setenv("LD_PRELOAD", "libm.so.6", 1);
  const Outcome outcome = Paellactl({"run", "env"});
  unsetenv("LD_PRELOAD");
  EXPECT_TRUE(HasLine(outcome.out, "LD_PRELOAD=" LIBPAELLA ":libm.so.6")) << outcome.out;
}

TEST(PaellactlRunTest, TheProgramsWordsAreItsOwn) {
  const auto echo = [](std::vector<std::string> words) { return Paellactl(std::move(words)).out; };
  EXPECT_EQ(echo({"run", "--tenant", "a", "echo", "--tenant=b", "--help", "--", "x y"}), "--tenant=b --help -- x y\n");
  EXPECT_EQ(echo({"run", "--tenant=a", "--", "echo", "--", "x"}), "-- x\n");
  EXPECT_EQ(echo({"run", "echo", "status"}), "status\n");
}

TEST(PaellactlRunTest, TheProgramsExitStatusIsOurs) {
  EXPECT_EQ(Paellactl({"run", "sh", "-c", "exit 7"}).status, 7);
}
#endif

}  // namespace
}  // namespace paella
