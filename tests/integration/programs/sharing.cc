// integration_sharing peer          does what standard input says (sharing_peer.h)
// integration_sharing pair          two such processes share memory and an event; exits with 0 if all is as CUDA says
// integration_sharing values        writes of values in streams, and waits for values
// integration_sharing errors        what mistakes are answered with: a line each, to be compared with a native run's
// integration_sharing many_waits    more of them than a GPU has queues
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>

#include "examples/common/fail.h"
#include "tests/integration/programs/sharing_errors.h"
#include "tests/integration/programs/sharing_peer.h"
#include "tests/integration/programs/values.h"

namespace paella::integration {
namespace {

int BePeer() {
  SharingPeer peer;
  Say("0: ready");
  std::string line;
  for (int number = 1; std::getline(std::cin, line) && line != "end"; ++number) {
    std::istringstream words(line);
    std::string command, first, second;
    words >> command >> first >> second;
    Say(std::to_string(number) + ": " + peer.Answer(command, first, second));
  }
  return 0;
}

// A peer in a process of its own.
class Child {
 public:
  Child() {
    int to[2], from[2];
    Expect(pipe2(to, O_CLOEXEC) == 0 && pipe2(from, O_CLOEXEC) == 0, "pipes");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
    char name[] = "integration_sharing", role[] = "peer";
    char* const words[] = {name, role, nullptr};
    Expect(posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, words, environ) == 0, "posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    close(to[0]);
    close(from[1]);
    input_ = fdopen(to[1], "w");
    output_ = fdopen(from[0], "r");
    ReadLine();
  }

  std::string Tell(const std::string& line) {
    std::fprintf(input_, "%s\n", line.c_str());
    std::fflush(input_);
    return ReadLine();
  }

  void Must(const std::string& line, const std::string& answer) {
    const std::string found = Tell(line);
    Expect(found == answer, line.substr(0, 40) + ": " + found + ", not " + answer);
  }

  bool End() {
    std::fprintf(input_, "end\n");
    std::fflush(input_);
    int status = 0;
    return waitpid(pid_, &status, 0) == pid_ && status == 0;
  }

 private:
  std::string ReadLine() {
    char line[1024];
    Expect(std::fgets(line, sizeof line, output_) != nullptr, "a peer ended early");
    std::string text(line);
    text.pop_back();
    return text.substr(text.find(": ") + 2);
  }

  pid_t pid_ = -1;
  FILE* input_ = nullptr;
  FILE* output_ = nullptr;
};

int BePair() {
  Child owner, user;
  owner.Must("allocate", "ok");
  owner.Must("event", "ok");
  const std::string memory = owner.Tell("share");
  const std::string event = owner.Tell("share_event");
  Expect(owner.Tell("share") == memory, "a second handle of one allocation");
  user.Must("open " + memory, "ok");
  user.Must("open_event " + event, "ok");
  user.Must("query", "ok");  // recorded by nobody

  // What the owner's stream has not done yet, the user's stream waits for.
  owner.Must("block", "ok");
  owner.Must("fill 100", "ok");
  owner.Must("record", "ok");
  user.Must("query", "CUDA_ERROR_NOT_READY");
  owner.Must("query", "CUDA_ERROR_NOT_READY");
  user.Must("await", "ok");
  user.Must("mix 3", "ok");
  user.Must("query_stream", "CUDA_ERROR_NOT_READY");
  owner.Must("unblock", "ok");
  user.Must("synchronize", "ok");
  user.Must("query", "ok");
  user.Must("check 100 3", "right");

  // And the other way round, by the same event.
  user.Must("block", "ok");
  user.Must("mix 2", "ok");
  user.Must("record", "ok");
  owner.Must("await", "ok");
  owner.Must("mix 1", "ok");
  owner.Must("query_stream", "CUDA_ERROR_NOT_READY");
  owner.Must("query", "CUDA_ERROR_NOT_READY");
  user.Must("unblock", "ok");
  owner.Must("check 100 6", "right");
  owner.Must("query", "ok");

  // Many threads wait for one event.
  user.Must("block", "ok");
  user.Must("record", "ok");
  user.Must("synchronize_many", "ok");
  user.Must("close", "ok");
  user.Must("destroy_event", "ok");
  owner.Must("check 100 6", "right");
  owner.Must("free", "ok");
  owner.Must("destroy_event", "ok");
  Expect(owner.End() && user.End(), "a peer ended badly");
  Say("sharing: memory and an event of two processes");
  return 0;
}

}  // namespace
}  // namespace paella::integration

int main(int argc, char** argv) {
  using namespace paella::integration;
  const std::map<std::string, int (*)()> roles{
      {"peer", BePeer}, {"pair", BePair}, {"values", Values}, {"many_waits", ManyWaits}, {"errors", SharingErrors}};
  const std::string role = argc == 2 ? argv[1] : "";
  if (!roles.contains(role)) examples::Fail(examples::kExitUsage, "name a role");
  return roles.at(role)();
}
