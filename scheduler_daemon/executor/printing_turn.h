// Whose kernels may print now.
//
// The driver keeps the text of all printf calls in one buffer and says of none whose it is. So commands that may print
// are on the GPU for one client at a time: the turn passes to another when the last of them is done, and with it what
// was printed since is brought to the client that had the turn. A client that is alone never waits.
//
// A kernel that does not end, or that waits for another one which waits for the turn, must not hold up everybody: who
// has waited for kPatienceNs goes, and so may all others. What is printed until none of them is on the GPU is nobody's.
//
// Dispatching thread only; knows no driver and no clock.
#ifndef PAELLA_SCHEDULER_DAEMON_EXECUTOR_PRINTING_TURN_H_
#define PAELLA_SCHEDULER_DAEMON_EXECUTOR_PRINTING_TURN_H_

#include <cstdint>
#include <deque>
#include <functional>

namespace paella::scheduler_daemon {

class PrintingTurn {
 public:
  static constexpr std::uint64_t kPatienceNs = 10'000'000'000;
  static constexpr std::uint64_t kNobody = 0;  // no client's number

  // `pass` brings the text to its owner, and from then on that of the named client to it (kNobody: to nobody). It does
  // not wait: when that has happened, Passed is called.
  explicit PrintingTurn(std::function<void(std::uint64_t client)> pass) : pass_(std::move(pass)) {}

  // Whether a command of the client that may print can go to the GPU now; if not, the client waits for its turn. The
  // answer holds until PassIfDue is called again.
  bool MayGo(std::uint64_t client, std::uint64_t now_ns);
  void PassIfDue(std::uint64_t now_ns);
  void OnDispatched() {
    ++in_flight_;
    has_to_go_first_ = false;
  }
  void OnDone() { --in_flight_; }
  void Passed();
  // Nothing of the client waits any more.
  void Forget(std::uint64_t client);

 private:
  struct Waiting {
    std::uint64_t client;
    std::uint64_t since_ns;
  };

  void PassTo(std::uint64_t client);

  const std::function<void(std::uint64_t client)> pass_;
  std::uint64_t owner_ = kNobody;
  bool is_everybodys_ = false;
  bool is_passing_ = false;
  bool has_to_go_first_ = false;    // the owner has waited for its turn, and nothing of it has gone yet
  bool owner_is_forgotten_ = false;
  std::uint64_t in_flight_ = 0;
  std::deque<Waiting> waiting_;  // each client once, the one that has waited longest first
};

}  // namespace paella::scheduler_daemon

#endif  // PAELLA_SCHEDULER_DAEMON_EXECUTOR_PRINTING_TURN_H_
